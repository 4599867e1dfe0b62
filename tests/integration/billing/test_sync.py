"""Tests of a whole run: what it stores, what it leaves alone, how it counts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.integration.billing.conftest import Stored
from tests.plugins.billing_source import School, spp
from ticketing.billing.sources.contract import FailureClass
from ticketing.billing.sync.failure_policy import POLICIES
from ticketing.billing.sync.run import SyncRun

COUNTED = """
    SELECT count(*), count(*) FILTER (WHERE state = 'succeeded'),
        count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE outcome = 'unchanged')
    FROM sync_items WHERE run_id = :run
"""


def counters(run: SyncRun) -> tuple[int, int, int, int]:
    """Return the counters of a run."""
    return run.total, run.succeeded, run.failed, run.unchanged


def test_every_student_is_asked_once_and_the_record_is_kept(
    sync: Callable[[], SyncRun], school: School, stored: Stored
) -> None:
    school.enrol(120)

    run = sync()

    assert (run.status, counters(run)) == ("completed", (120, 120, 0, 0))
    assert sorted(school.requests) == sorted(school.bills)
    assert stored(COUNTED, run=run.id) == [counters(run)]
    [(external_id, raw, versions)] = stored(
        "SELECT external_id, pembayaran ->> 'idperson', version_count FROM students"
        " WHERE external_id = '0000007'"
    )
    assert (external_id, raw, versions) == ("0000007", "0000007", 1)
    assert stored("SELECT count(*), sum(amount_paid) FROM payment_records") == [(120, 60 * 350_000)]


def test_an_unchanged_record_writes_nothing_but_its_item(
    sync: Callable[[], SyncRun], school: School, stored: Stored
) -> None:
    school.enrol(30)
    sync()
    before = stored("SELECT xmin::text, * FROM students ORDER BY id")

    school.with_etags = False
    by_checksum = sync()
    after = stored("SELECT count(*) FROM payment_record_versions")

    assert counters(by_checksum) == (30, 30, 0, 30)
    assert after == [(30,)]
    school.with_etags = True
    sync()
    by_etag = sync()
    assert (counters(by_etag), school.answered_not_modified) == ((30, 30, 0, 30), 30)
    assert [row[5:9] for row in before] == [
        row[5:9] for row in stored("SELECT xmin::text, * FROM students ORDER BY id")
    ]


def test_a_changed_record_becomes_a_version_that_nobody_overwrites(
    sync: Callable[[], SyncRun], school: School, stored: Stored
) -> None:
    school.bills["01"] = [spp(), spp(month="2026-08"), spp(month="2026-09")]
    sync()
    school.bills["01"] = [spp(paid=350_000), spp(month="2026-09"), spp(month="2026-10")]

    sync()

    assert stored(
        "SELECT number, appeared, changed, vanished FROM payment_record_versions ORDER BY number"
    ) == [(1, 3, 0, 0), (2, 1, 1, 1)]
    assert stored(
        "SELECT source_ref, state, vanished_at IS NOT NULL FROM payment_records ORDER BY source_ref"
    ) == [
        ("SPP:2026-07", "paid", False),
        ("SPP:2026-08", "unpaid", True),
        ("SPP:2026-09", "unpaid", False),
        ("SPP:2026-10", "unpaid", False),
    ]
    with pytest.raises(Exception, match="never overwritten"):
        stored("UPDATE payment_record_versions SET checksum = '' RETURNING id")


def test_a_new_mapping_reads_records_again_although_they_are_the_same(
    sync: Callable[[], SyncRun], school: School, stored: Stored
) -> None:
    school.enrol(3)
    sync()
    school.mapping_version = "m2"

    run = sync()

    assert counters(run) == (3, 3, 0, 0)
    assert school.answered_not_modified == 0
    assert stored("SELECT DISTINCT mapping_version FROM students") == [("m2",)]


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next try follow at once: the delays are tested as rules."""
    at_once = {
        kind: replace(policy, delays=(timedelta(0),) * len(policy.delays))
        for kind, policy in POLICIES.items()
    }
    monkeypatch.setattr("ticketing.billing.sync.failure_policy.POLICIES", at_once)


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize(
    ("failures", "requests", "counted"),
    [
        ([FailureClass.TIMEOUT] * 2, 3, (1, 0)),
        ([FailureClass.UNAVAILABLE] * 3, 3, (0, 1)),
        ([FailureClass.BAD_DATA] * 2, 2, (0, 1)),
        ([FailureClass.WRONG_OWNER], 2, (1, 0)),
        ([FailureClass.THROTTLED] * 4, 5, (1, 0)),
    ],
)
def test_a_student_is_counted_once_however_often_it_fails(
    sync: Callable[[], SyncRun],
    school: School,
    failures: list[FailureClass],
    requests: int,
    counted: tuple[int, int],
) -> None:
    school.enrol(1)
    school.retry_after = 0.01
    school.failures["0000000"].extend(failures)

    run = sync()

    assert (len(school.asked), run.succeeded, run.failed) == (requests, *counted)
    assert run.status == "completed"


def test_few_unknown_students_fail_and_many_are_asked_once_more(
    sync: Callable[[], SyncRun], school: School
) -> None:
    school.enrol(200)
    school.failures["0000001"].append(FailureClass.NOT_FOUND)

    few = sync()
    school.asked.clear()
    for number in range(10):
        school.failures[f"{number:07}"].append(FailureClass.NOT_FOUND)
    many = sync()

    assert (few.succeeded, few.failed) == (199, 1)
    assert (many.succeeded, many.failed, len(school.asked)) == (200, 0, 210)


@pytest.mark.parametrize("kind", [FailureClass.SOURCE_CONFIG, FailureClass.PAUSED_QUOTA])
def test_a_fault_of_the_source_stops_the_run_and_a_start_goes_on(
    sync: Callable[[], SyncRun], school: School, kind: FailureClass
) -> None:
    school.enrol(50)
    school.failures["0000020"].append(kind)

    stopped = sync()
    resumed = sync()

    assert (stopped.status, stopped.stop_class, stopped.failed) == ("failed", kind, 0)
    assert stopped.succeeded < 50
    assert (resumed.id, resumed.status) == (stopped.id, "completed")
    assert counters(resumed) == (50, 50, 0, 0)


def test_a_student_listed_twice_is_one_item(
    sync: Callable[[], SyncRun], school: School, stored: Stored
) -> None:
    school.enrol(10)
    school.listed_twice = ("0000003", "0000004")

    run = sync()

    assert (run.total, len(school.asked)) == (10, 10)
    assert stored("SELECT list_duplicates FROM sync_runs") == [(2,)]
