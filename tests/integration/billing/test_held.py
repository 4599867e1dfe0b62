"""Tests of students and bills that vanish: few are believed, many are held."""

from collections.abc import Callable

import pytest

from tests.integration.billing.conftest import Stored, clock
from tests.plugins.billing_source import School, spp
from ticketing.billing.sources.contract import FailureClass, SourceError
from ticketing.billing.sync.held_changes import accept_held, discard_held
from ticketing.billing.sync.run import NothingHeld, SyncRun
from ticketing.platform.db.database import Database

PRESENT = "SELECT count(*) FROM payment_records WHERE vanished_at IS NULL"
LEFT = "SELECT count(*) FROM students WHERE left_at IS NOT NULL"


def test_students_who_leave_are_marked_and_keep_their_records(
    sync: Callable[[], SyncRun], school: School, stored: Stored
) -> None:
    school.enrol(100)
    sync()
    del school.bills["0000050"]

    run = sync()
    left = stored(LEFT)
    school.enrol(1, begin=50)
    sync()

    assert (run.left_count, run.held_leavers, left) == (1, "none", [(1,)])
    assert stored(PRESENT) == [(100,)]
    assert stored(LEFT) == [(0,)]


@pytest.mark.parametrize("remaining", [0, 80])
def test_a_list_that_shrinks_too_much_marks_nobody_until_a_person_accepts(
    sync: Callable[[], SyncRun],
    school: School,
    stored: Stored,
    database: Database,
    remaining: int,
) -> None:
    school.enrol(100)
    sync()
    school.bills = dict(list(school.bills.items())[:remaining])

    run = sync()
    before = stored(LEFT)
    accept_held(database, "school", by="bursar", at=clock())

    assert (run.status, run.held_leavers, run.held_leaver_count) == (
        "completed", "held", 100 - remaining,
    )  # fmt: skip
    assert before == [(0,)]
    assert stored(LEFT) == [(100 - remaining,)]
    with pytest.raises(NothingHeld):
        accept_held(database, "school", by="bursar", at=clock())


def test_a_list_that_breaks_off_marks_nobody(
    sync: Callable[[], SyncRun], school: School, stored: Stored
) -> None:
    school.enrol(20)
    sync()
    school.bills = dict(list(school.bills.items())[:15])
    school.list_failure = SourceError(FailureClass.SOURCE_CONFIG, "incomplete")

    run = sync()

    assert (run.status, run.stop_message) == ("failed", "incomplete")
    assert stored(LEFT) == [(0,)]


def test_records_that_lose_most_bills_are_held_when_they_are_many(
    sync: Callable[[], SyncRun], school: School, stored: Stored, database: Database
) -> None:
    school.enrol(100)
    sync()
    for number in range(3):
        school.bills[f"{number:07}"] = []

    run = sync()
    held = stored(PRESENT)
    discard_held(database, "school", by="bursar", at=clock())
    discarded = stored(PRESENT)
    again = sync()
    accept_held(database, "school", by="bursar", at=clock())

    assert (run.held_records, run.held_record_count, run.succeeded) == ("held", 3, 100)
    assert (held, discarded) == ([(100,)], [(100,)])
    assert again.held_record_count == 3
    assert stored(PRESENT) == [(97,)]
    assert stored("SELECT count(*) FROM payment_record_versions WHERE vanished = 1") == [(3,)]
    assert stored("SELECT count(*) FROM sync_items WHERE held_record IS NOT NULL") == [(0,)]


def test_few_records_that_lose_most_bills_are_believed(
    sync: Callable[[], SyncRun], school: School, stored: Stored
) -> None:
    school.enrol(100)
    sync()
    school.bills["0000009"] = []

    run = sync()

    assert (run.held_records, run.unchanged) == ("none", 99)
    assert stored(PRESENT) == [(99,)]


def test_a_new_run_discards_what_an_older_one_held(
    sync: Callable[[], SyncRun], school: School, stored: Stored
) -> None:
    school.enrol(10)
    sync()
    bills = school.bills["0000001"]
    school.bills["0000001"] = []
    sync()
    school.bills["0000001"] = [*bills, spp(month="2026-08")]

    run = sync()

    assert run.held_records == "none"
    assert stored("SELECT held_records FROM sync_runs ORDER BY id") == [
        ("none",), ("discarded",), ("none",),
    ]  # fmt: skip
    assert stored(PRESENT) == [(11,)]
