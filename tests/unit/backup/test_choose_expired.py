"""Tests of the rule by which old backups are deleted."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from ticketing.backup.model import Backup, choose_expired, file_name_of, is_backup_name

NOW = datetime(2026, 12, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def backup(days_ago: int, *, verified: bool = False) -> Backup:
    uid, at = uuid4(), NOW - days_ago * DAY
    return Backup(uid, file_name_of(uid, at), "one", 1, at, at, at if verified else None)


@given(st.lists(st.integers(0, 400), max_size=8), st.integers(1, 60))
def test_the_newest_three_and_everything_young_stay(ages: list[int], keep_days: int) -> None:
    backups = [backup(age) for age in ages]

    expired = choose_expired(backups, keep_days=keep_days, at=NOW)

    assert len(backups) - len(expired) >= min(3, len(backups))
    assert all(NOW - one.taken_at > keep_days * DAY for one in expired)


def test_old_ones_are_chosen_and_the_only_verified_one_stays() -> None:
    backups = [backup(1), backup(2), backup(3), backup(40), backup(50, verified=True), backup(60)]

    expired = choose_expired(backups, keep_days=30, at=NOW)

    assert expired == [backups[3], backups[5]]


def test_an_unfinished_file_has_no_name_of_a_backup() -> None:
    assert is_backup_name(backup(1).file_name)
    assert not is_backup_name(f"{uuid4().hex}.partial")
