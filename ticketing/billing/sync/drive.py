"""Take up a run: claim it, drive it to its end, and record how it ended."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog

from ticketing.billing.sources.contract import BillingSource, FailedFetch, FailureClass
from ticketing.billing.sync import held_changes, run_queries
from ticketing.billing.sync.engine import Ending, SyncEngine
from ticketing.billing.sync.pacing import pace_queries
from ticketing.billing.sync.pacing.pacer import Pacer
from ticketing.billing.sync.run import LogLevel, RunStatus, SyncRun
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Misconfigured, Unavailable

LOG = structlog.stdlib.get_logger("ticketing.billing.sync")
DEFAULT_CONCURRENCY = 32
Gate = Callable[[], Awaitable[None]]


def ignore_run(_database: Database, _run: SyncRun, _at: datetime) -> None:
    """Do nothing with a run that has ended."""


def load_no_erasures(_database: Database) -> Callable[[str], bool]:
    """Return that no student's data were erased."""
    return lambda _external_id: False


@dataclass(frozen=True, slots=True)
class BillingConnector:
    """The configured source: its name, how to open it, and how fast it may be asked.

    The source awaits the gate before each request for the list of students; before
    `fetch_record` the sync does. `limit` is in requests a second; None means that it is learnt.
    `load_erased` returns, at the beginning of each run, whether a student's data were erased: such
    students are neither stored nor asked for.
    `on_finished` is called with each run that has ended, and may be called again for it.
    """

    name: str
    open_source: Callable[[Gate], BillingSource]
    limit: float | None = None
    concurrency: int = DEFAULT_CONCURRENCY
    on_finished: Callable[[Database, SyncRun, datetime], None] = ignore_run
    load_erased: Callable[[Database], Callable[[str], bool]] = load_no_erasures


def never() -> bool:
    """Return that nobody asks to stop."""
    return False


def drive_next(
    database: Database,
    connector: BillingConnector,
    *,
    clock: Callable[[], datetime],
    should_stop: Callable[[], bool] = never,
) -> SyncRun | None:
    """Drive the run of the source that nobody works on; None if there is none.

    With `should_stop` the run is given back, and another process goes on with it.
    """
    [*runs] = database.run(run_queries.list_undriven, [connector.name], at=clock())
    if not runs:
        return None
    return drive_run(database, connector, runs[0], clock=clock, should_stop=should_stop)


def drive_run(
    database: Database,
    connector: BillingConnector,
    run_id: int,
    *,
    clock: Callable[[], datetime],
    should_stop: Callable[[], bool] = never,
) -> SyncRun | None:
    """Drive a run until it ends or stops; None if another process works on it."""
    if not database.run(run_queries.claim, run_id, at=clock()):
        return None
    try:
        ending = _drive(database, connector, run_id, clock, should_stop)
        _end(database, run_id, ending, at=clock())
    except BaseException:
        with suppress(Unavailable):
            database.run(run_queries.release, run_id)
        raise
    run = database.run(run_queries.get_view, run_id, at=clock()).run
    LOG.info("sync of payment records", run=run.id, status=run.status, total=run.total,
             succeeded=run.succeeded, failed=run.failed)  # fmt: skip
    if run.is_finished:
        connector.on_finished(database, run, clock())
    return run


def _drive(
    database: Database,
    connector: BillingConnector,
    run_id: int,
    clock: Callable[[], datetime],
    should_stop: Callable[[], bool],
) -> Ending | None:
    run = database.run(run_queries.get_view, run_id, at=clock()).run
    if run.status == RunStatus.CANCELLING:
        return Ending("cancelled")
    database.run(pace_queries.ensure_source, connector.name, limit=connector.limit, at=clock())
    return asyncio.run(_open_and_drive(database, connector, run, clock, should_stop))


async def _open_and_drive(
    database: Database,
    connector: BillingConnector,
    run: SyncRun,
    clock: Callable[[], datetime],
    should_stop: Callable[[], bool],
) -> Ending | None:
    pacer = Pacer(database, run.source)
    try:
        source = connector.open_source(pacer.slot)
    except Misconfigured as error:
        failed = FailedFetch("", FailureClass.SOURCE_CONFIG, str(error), stops_run=True)
        return Ending("failed", failed)
    try:
        values = {"mapping_version": source.mapping_version}
        await asyncio.to_thread(database.run, run_queries.update_run, run.id, values)
        is_erased = await asyncio.to_thread(connector.load_erased, database)
        engine = SyncEngine(
            database, source, run, pacer, clock, connector.concurrency, should_stop, is_erased
        )
        return await engine.drive()
    finally:
        await source.aclose()


def _end(database: Database, run_id: int, ending: Ending | None, *, at: datetime) -> None:
    if ending is None:
        run = database.run(run_queries.get_view, run_id, at=at).run
        held_changes.close_records(database, run, at=at)
        if _finish(database, run_id, RunStatus.COMPLETED, at=at):
            return
        _finish(database, run_id, RunStatus.CANCELLED, at=at)  # asked for at the last moment
    elif ending.reason == "cancelled":
        _finish(database, run_id, RunStatus.CANCELLED, at=at)
    elif ending.failed is not None:
        _finish(database, run_id, RunStatus.FAILED, at=at, failed=ending.failed)
    elif ending.reason == "released":
        database.run(run_queries.release, run_id)


def _finish(
    database: Database,
    run_id: int,
    status: RunStatus,
    *,
    at: datetime,
    failed: FailedFetch | None = None,
) -> bool:
    with database.transaction() as connection:
        stop = ("", "") if failed is None else (str(failed.failure), failed.message)
        if not run_queries.finish(connection, run_id, status, at=at, stop=stop):
            return False
        run = run_queries.get_view(connection, run_id, at=at).run
        code, level = str(status), LogLevel.INFO
        if failed is not None:
            code, level = "failed", LogLevel.ERROR
        elif status is RunStatus.COMPLETED and run.failed:
            code, level = "completed_with_failures", LogLevel.WARNING
        run_queries.append_log(
            connection, run_id, level, code, at=at, succeeded=run.succeeded, failed=run.failed,
            total=run.total, reason=stop[0], message=stop[1],
        )  # fmt: skip
        return True
