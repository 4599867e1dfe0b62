"""The progress of the run that is shown, as every door shows it."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.billing.sync import run_queries
from ticketing.billing.sync.estimate import Estimate, estimate
from ticketing.billing.sync.run import HeldState, SyncRun
from ticketing.billing.sync.run_queries import LogLine, RunView
from ticketing.platform.db.database import Database

IDLE = "idle"
LOG_LINES = 50
FOLLOW_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """A state at one instant: counters of one run, its estimate and the end of its log.

    `run` is None before the first run and after a reset. `is_waiting`: the run is started, and no
    process works on it. `can_resume`: a start goes on with what is left.
    """

    source: str
    run: SyncRun | None
    is_waiting: bool
    can_resume: bool
    estimate: Estimate | None
    log: Sequence[LogLine]

    @property
    def status(self) -> str:
        """Return the state of the run, or `idle`."""
        return IDLE if self.run is None else self.run.status

    @property
    def is_running(self) -> bool:
        """Return whether the run is not finished."""
        return self.run is not None and not self.run.is_finished

    @property
    def percent(self) -> float:
        """Return the share processed, rounded down to a tenth; 0 before the list is complete.

        It is 100 only when every student has a result.
        """
        run = self.run
        if run is None or run.listed_at is None:
            return 0.0
        return 1000 * run.processed // run.total / 10 if run.total else 100.0

    @property
    def has_held(self) -> bool:
        """Return whether something vanished that waits for a decision."""
        run = self.run
        return run is not None and HeldState.HELD in (run.held_leavers, run.held_records)


def read_progress(connection: Connection, source: str, *, at: datetime) -> SyncProgress:
    """Return the progress of the run that is shown."""
    return _progress(connection, source, run_queries.find_view(connection, source, at=at), at)


def progress(database: Database, source: str, *, at: datetime) -> SyncProgress:
    """Return the progress of the run that is shown, in a transaction of its own."""
    return database.run(read_progress, source, at=at)


def follow_run(
    database: Database,
    source: str,
    run_id: int,
    *,
    clock: Callable[[], datetime],
    seconds: float = FOLLOW_SECONDS,
) -> Iterator[SyncProgress]:
    """Yield the progress of a run until it is finished, whoever drives it."""
    while True:
        with database.transaction() as connection:
            at = clock()
            view = run_queries.get_view(connection, run_id, at=at)
            shown = _progress(connection, source, view, at)
        yield shown
        if not shown.is_running:
            return
        time.sleep(seconds)


def _progress(
    connection: Connection, source: str, view: RunView | None, at: datetime
) -> SyncProgress:
    if view is None:
        return SyncProgress(source, None, is_waiting=False, can_resume=False, estimate=None, log=())
    run = view.run
    log = run_queries.list_log(connection, run.id, limit=LOG_LINES)
    left = run.total - run.processed
    expected = None if run.is_finished else estimate(run.samples, left, at=at.timestamp())
    is_waiting = not run.is_finished and not view.is_driven
    return SyncProgress(source, run, is_waiting, run.can_resume(at=at), expected, log)
