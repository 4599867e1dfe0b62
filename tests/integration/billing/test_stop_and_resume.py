"""Tests of cancel, resume, reset, retry, two starters, and a process that is killed."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.billing.conftest import Stored, clock
from tests.plugins.billing_source import FAST, School
from tests.plugins.processes import ForkedProcess
from ticketing.billing.sources.contract import FailureClass
from ticketing.billing.sync.control import (
    StartedRun,
    cancel_run,
    reset_run,
    retry_failed,
    start_run,
)
from ticketing.billing.sync.progress import follow_run, progress
from ticketing.billing.sync.run import (
    NothingFailed,
    SyncNotRunning,
    SyncRun,
    SyncRunning,
)
from ticketing.platform.db.database import Database

PATIENCE_SECONDS = 60
DRIVE = """
import sys
sys.path.insert(0, "tests/plugins")
from datetime import UTC, datetime
from pathlib import Path
from billing_source import FAST, School
from ticketing.billing.sync.drive import BillingConnector, drive_next
from ticketing.platform.db.database import Database
url, log, count = sys.argv[1:]
school = School(latency=0.002, request_log=Path(log))
school.enrol(int(count))
connector = BillingConnector("school", lambda _gate: school, limit=FAST, concurrency=8)
drive_next(Database.from_url(url), connector, clock=lambda: datetime.now(UTC))
"""


@pytest.fixture
def start(database: Database) -> Callable[[], StartedRun]:
    """Return a function that starts a run, or resumes one."""
    return lambda: start_run(database, "school", limit=FAST, by="test", at=clock())


@pytest.fixture
def in_background(
    drive: Callable[..., SyncRun | None],
) -> Callable[[], object]:
    """Return a context in which a thread drives what was started."""

    @contextmanager
    def driving() -> Iterator[None]:
        thread = threading.Thread(target=drive)
        thread.start()
        yield
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()

    return driving


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for a condition of another thread or process."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_cancel_stops_requests_and_the_next_start_asks_only_for_what_is_left(
    database: Database,
    school: School,
    start: Callable[[], StartedRun],
    in_background: Callable[[], contextmanager],
    drive: Callable[..., SyncRun | None],
) -> None:
    school.enrol(400)
    school.latency = 0.01
    begun = start()
    with in_background():
        wait_until(lambda: len(school.asked) > 50)
        cancelling = cancel_run(database, "school", by="test", at=clock())
        asked_at = time.monotonic()
        again = cancel_run(database, "school", by="test", at=clock())
    cancelled = progress(database, "school", at=clock())
    last_request = max(at for at, _ in school.asked)
    resumed = start()
    done = drive()

    assert (cancelling.status, again.status) == ("cancelling", "cancelling")
    assert (cancelled.status, cancelled.can_resume) == ("cancelled", True)
    assert last_request - asked_at < 2
    assert resumed == StartedRun(begun.run_id, resumed=True)
    assert done is not None
    assert (done.status, done.total, done.succeeded, done.failed) == ("completed", 400, 400, 0)
    assert cancelled.run is not None
    assert Counter(Counter(school.requests).values()) == {1: 400}


def test_of_twenty_starters_one_starts_and_the_others_get_its_run(
    database: Database, stored: Stored
) -> None:
    def start_once(number: int) -> int:
        try:
            return start_run(database, "school", by=f"door {number}", at=clock()).run_id
        except SyncRunning as error:
            return -int(str(error.details["run_id"]))

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(start_once, range(20)))

    [(run_id,)] = stored("SELECT id FROM sync_runs")
    assert Counter(answers) == {run_id: 1, -run_id: 19}


def test_two_drivers_share_one_run_without_asking_twice(
    school: School, start: Callable[[], StartedRun], drive: Callable[..., SyncRun | None]
) -> None:
    school.enrol(100)
    start()
    with ThreadPoolExecutor(2) as pool:
        done = [one.result() for one in [pool.submit(drive) for _ in range(2)]]

    assert sorted(one is None for one in done) == [False, True]
    assert Counter(Counter(school.requests).values()) == {1: 100}


def test_a_run_nobody_drives_is_cancelled_at_once_and_reset_needs_the_end(
    database: Database, start: Callable[[], StartedRun]
) -> None:
    begun = start()
    with pytest.raises(SyncRunning) as refused:
        reset_run(database, "school", by="test", at=clock())
    waiting = progress(database, "school", at=clock())
    cancelled = cancel_run(database, "school", by="test", at=clock())
    reset_run(database, "school", by="test", at=clock())

    assert refused.value.details["run_id"] == begun.run_id
    assert (waiting.status, waiting.is_waiting) == ("running", True)
    assert cancelled.status == "cancelled"
    idle = progress(database, "school", at=clock())
    assert (idle.status, idle.run, idle.percent, list(idle.log)) == ("idle", None, 0.0, [])
    with pytest.raises(SyncNotRunning):
        cancel_run(database, "school", by="test", at=clock())
    assert start() != begun


def test_only_the_failed_students_are_asked_again(
    database: Database,
    school: School,
    sync: Callable[[], SyncRun],
    drive: Callable[..., SyncRun | None],
) -> None:
    school.enrol(150)
    with pytest.raises(NothingFailed):
        retry_failed(database, "school", by="test", at=clock())
    school.failures["0000003"].append(FailureClass.NOT_FOUND)
    full = sync()
    school.asked.clear()

    retry_failed(database, "school", by="test", at=clock())
    retried = drive()

    assert full.failed == 1
    assert retried is not None
    assert (school.requests, retried.kind, retried.total) == (["0000003"], "retry", 1)
    assert (retried.succeeded, retried.status) == (1, "completed")


def test_a_worker_that_stops_gives_the_run_back(
    school: School, start: Callable[[], StartedRun], drive: Callable[..., SyncRun | None]
) -> None:
    school.enrol(200)
    school.latency = 0.02
    start()

    given_back = drive(should_stop=lambda: len(school.asked) > 20)
    done = drive()

    assert given_back is not None
    assert done is not None
    assert (given_back.status, done.status, done.succeeded) == ("running", "completed", 200)
    assert Counter(Counter(school.requests).values()) == {1: 200}


@pytest.mark.kill
def test_a_killed_process_leaves_a_run_that_another_one_finishes_exactly(
    database_url: str,
    database: Database,
    start: Callable[[], StartedRun],
    start_script: Callable[..., ForkedProcess],
    stored: Stored,
    tmp_path: Path,
) -> None:
    log = tmp_path / "requests"
    log.touch()
    begun = start()
    for kill_after in (40, 120, 200):
        process = start_script(DRIVE, database_url, str(log), "300")
        wait_until(lambda most=kill_after: len(log.read_text().split()) > most)
        process.kill()
        process.wait(timeout=PATIENCE_SECONDS)
    last = start_script(DRIVE, database_url, str(log), "300")
    assert last.wait(timeout=PATIENCE_SECONDS) == 0

    [end] = list(follow_run(database, "school", begun.run_id, clock=clock))
    run = end.run
    assert run is not None
    assert (run.status, run.total, run.succeeded, run.failed) == ("completed", 300, 300, 0)
    assert stored(
        "SELECT count(*), count(DISTINCT student_id), sum(number) FROM payment_record_versions"
    ) == [(300, 300, 300)]
    assert stored("SELECT count(*) FROM payment_records") == [(300,)]
    assert end.percent == 100
