"""Tests of adding and changing events: repeatable, and errors name field, value and remedy."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from ticketing.events.model import NewEvent
from ticketing.events.service import UnusableEvent, add_event, change_event, to_instants
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.operations import audit_log

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def concert() -> NewEvent:
    """Return an evening concert in Makassar."""
    return NewEvent(
        slug="konser-2026",
        name="Konser Akhir Tahun",
        starts_at=datetime(2026, 12, 31, 11, 0, tzinfo=UTC),
        ends_at=datetime(2026, 12, 31, 17, 0, tzinfo=UTC),
        time_zone="Asia/Makassar",
        locale="id",
        venue="Benteng Rotterdam",
        region="ID",
        template_id="classic",
    )


def test_the_same_event_again_changes_nothing(database: Database, concert: NewEvent) -> None:
    first = add_event(database, concert, by="budi")

    again = add_event(database, concert, by="budi")

    assert again == first
    with database.transaction() as connection:
        audit_entries = connection.execute(select(audit_log.c.actor, audit_log.c.action)).all()
    assert audit_entries == [("budi", "event added")]


def test_another_event_under_the_same_slug_is_refused(
    database: Database, concert: NewEvent
) -> None:
    add_event(database, concert, by="budi")

    with pytest.raises(UnusableEvent, match=r"another name, venue; `ticketing events update"):
        add_event(database, replace(concert, name="Wayang", venue="Alun-alun"), by="budi")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("slug", "Wisuda 2026", "slug 'Wisuda 2026'"),
        ("slug", "wisuda,2026", "lower-case letters, digits and single hyphens"),
        ("slug", "a" * 64, "at most 63"),
        ("slug", "failed", "drop folder"),
        ("name", "  ", "name is empty"),
        ("time_zone", "Asia/Atlantis", "Asia/Jakarta"),
        ("time_zone", "../etc/passwd", "is not known"),
        ("locale", "klingon!", "locale 'klingon!'"),
        ("region", "Indonesia", "two letters, such as ID"),
        ("ends_at", datetime(2026, 1, 1, tzinfo=UTC), "is before starts"),
    ],
)
def test_an_invalid_field_is_named_with_the_remedy(
    database: Database, concert: NewEvent, field: str, value: object, message: str
) -> None:
    with pytest.raises(UnusableEvent, match=message):
        add_event(database, replace(concert, **{field: value}), by="budi")


def test_a_change_keeps_all_other_fields_and_is_audited(
    database: Database, concert: NewEvent
) -> None:
    before = add_event(database, concert, by="budi")

    after = change_event(
        database, "konser-2026", {"venue": "Pantai Losari", "name": None}, by="ani"
    )

    assert after == replace(before, venue="Pantai Losari")
    with database.transaction() as connection:
        audit_entry = connection.execute(
            select(audit_log).order_by(audit_log.c.id.desc()).limit(1)
        ).one()
    assert (audit_entry.actor, audit_entry.action, audit_entry.details) == (
        "ani",
        "event changed",
        {"venue": "Pantai Losari"},
    )


def test_an_invalid_change_changes_nothing(database: Database, concert: NewEvent) -> None:
    before = add_event(database, concert, by="budi")

    with pytest.raises(UnusableEvent):
        change_event(database, "konser-2026", {"name": "Baru", "region": "XX"}, by="ani")

    assert add_event(database, concert, by="budi") == before


@pytest.mark.parametrize(
    ("zone", "hour_utc"), [("Asia/Jakarta", 1), ("Asia/Makassar", 0), ("Asia/Jayapura", 23)]
)
def test_a_start_is_read_in_the_time_zone_of_the_venue(zone: str, hour_utc: int) -> None:
    starts, ends = to_instants(datetime(2026, 12, 12, 8, 0), None, zone)  # noqa: DTZ001

    assert starts.astimezone(UTC).hour == hour_utc
    assert (ends - starts).total_seconds() == 4 * 3600


def test_an_event_in_the_night_in_which_the_clock_is_put_back_ends_after_its_start(
    database: Database, concert: NewEvent
) -> None:
    first, last = to_instants(
        datetime(2026, 10, 25, 2, 50),  # noqa: DTZ001 - the first of the two
        datetime.fromisoformat("2026-10-25T02:10+01:00"),
        "Europe/Berlin",
    )
    night = replace(concert, starts_at=first, ends_at=last, time_zone="Europe/Berlin")

    stored = add_event(database, night, by="budi")

    assert stored.ends_at - stored.starts_at == timedelta(minutes=20)


def test_an_end_before_the_start_is_refused_although_the_clock_shows_a_later_time(
    database: Database, concert: NewEvent
) -> None:
    first = datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1)
    last = datetime(2026, 10, 25, 2, 50, tzinfo=BERLIN, fold=0)

    with pytest.raises(UnusableEvent, match="is before starts"):
        add_event(database, replace(concert, starts_at=first, ends_at=last), by="budi")


def test_the_default_end_is_four_hours_later_whatever_the_clock_shows() -> None:
    first, last = to_instants(datetime(2027, 3, 28, 1, 0), None, "Europe/Berlin")  # noqa: DTZ001

    assert last.astimezone(BERLIN).hour == 6
    assert last - first == timedelta(hours=4)
