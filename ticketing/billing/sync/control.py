"""Start, cancel, reset and repeat synchronisations: what every door calls.

Each function is one transaction. Starting only records the run: a process that drives it, such as
the worker, takes it up.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.billing.sync import held_changes, list_queries, run_queries
from ticketing.billing.sync.pacing import pace_queries
from ticketing.billing.sync.run import (
    LogLevel,
    NothingFailed,
    RunKind,
    RunStatus,
    SyncNotRunning,
    SyncRun,
    SyncRunning,
)
from ticketing.billing.sync.run_queries import RunView
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.db.notify import notify_workers

START_SYNC_ACTION, CANCEL_SYNC_ACTION = "billing.sync.start", "billing.sync.cancel"
RESET_SYNC_ACTION = "billing.sync.reset"
KEPT_RUNS = 60  # whose items are kept


@dataclass(frozen=True, slots=True)
class StartedRun:
    """A run that was started, or resumed where an earlier one was stopped."""

    run_id: int
    resumed: bool


def start_run(
    database: Database, source: str, *, limit: float | None = None, by: str, at: datetime
) -> StartedRun:
    """Start a sync of a source, or go on with what was stopped by cancel, failure or a crash.

    `limit` is the source's limit in requests a second, if it is known. Raises SyncRunning, with
    the run, while one is running.
    """
    return database.run(_start, source, limit=limit, by=by, at=at)


def retry_failed(
    database: Database,
    source: str,
    *,
    external_ids: list[str] | None = None,
    by: str,
    at: datetime,
) -> StartedRun:
    """Start a run for the students that failed in the last one, or some of them.

    Raises NothingFailed and SyncRunning.
    """
    return database.run(_retry, source, external_ids, by=by, at=at)


def cancel_run(database: Database, source: str, *, by: str, at: datetime) -> SyncRun:
    """Cancel the running sync; what is done is kept. Again while it stops: no change.

    Raises SyncNotRunning.
    """
    return database.run(_cancel, source, by=by, at=at)


def reset_run(database: Database, source: str, *, by: str, at: datetime) -> None:
    """Clear the counters, so that the next start begins anew; records stay.

    Raises SyncRunning. Without a run there is nothing to clear.
    """
    database.run(_reset, source, by=by, at=at)


def _start(
    connection: Connection, source: str, *, limit: float | None, by: str, at: datetime
) -> StartedRun:
    pace_queries.ensure_source(connection, source, limit=limit, at=at)
    view = _require_stopped(connection, source, at=at)
    if view is not None and view.run.can_resume(at=at):
        run_id, resumed = view.run.id, True
        run_queries.resume(connection, run_id, at=at)
    elif view is not None and not view.run.is_finished:  # its process has died
        run_id, resumed = view.run.id, True
    else:
        run_id = run_queries.insert_run(connection, source, kind=RunKind.FULL, by=by, at=at)
        held_changes.discard_older(connection, source, before_run=run_id)
        list_queries.forget_items_before(connection, source, kept_runs=KEPT_RUNS)
        resumed = False
    _record_start(connection, run_id, "resumed" if resumed else "started", by=by, at=at)
    return StartedRun(run_id, resumed)


def _retry(
    connection: Connection,
    source: str,
    external_ids: list[str] | None,
    *,
    by: str,
    at: datetime,
) -> StartedRun:
    pace_queries.require_source(connection, source)
    view = _require_stopped(connection, source, at=at)
    if view is not None and not view.run.is_finished:
        raise SyncRunning(view.run)
    last = view.run if view is not None else None
    if last is None or not last.failed:
        raise NothingFailed(f"no student of {source} failed in the last sync")
    run_id = run_queries.insert_run(connection, source, kind=RunKind.RETRY, by=by, at=at)
    added = list_queries.add_failed_of(connection, run_id, last.id, external_ids)
    if not added:
        raise NothingFailed(
            f"none of {', '.join(external_ids or [])} failed in the last sync of {source};"
            " see `ticketing sync-payments --failed`"
        )
    run_queries.update_run(connection, run_id, {"listed_at": at})
    _record_start(connection, run_id, "retry_started", by=by, at=at)
    return StartedRun(run_id, resumed=False)


def _require_stopped(connection: Connection, source: str, *, at: datetime) -> RunView | None:
    """Return the run shown, which nobody works on; raise SyncRunning otherwise."""
    run_queries.lock_source(connection, source)
    view = run_queries.find_view(connection, source, at=at)
    if view is None or view.run.is_finished:
        return view
    if view.run.status == RunStatus.CANCELLING and not view.is_driven:
        _end_cancelled(connection, view.run.id, at=at)
        return run_queries.get_view(connection, view.run.id, at=at)
    if view.was_driven and not view.is_driven:
        return view
    raise SyncRunning(view.run)


def _record_start(connection: Connection, run_id: int, code: str, *, by: str, at: datetime) -> None:
    run_queries.append_log(connection, run_id, LogLevel.INFO, code, at=at, by=by)
    audit_log.record(connection, by, START_SYNC_ACTION, subject=f"sync run {run_id}")
    notify_workers(connection)


def _cancel(connection: Connection, source: str, *, by: str, at: datetime) -> SyncRun:
    run_queries.lock_source(connection, source)
    view = run_queries.find_view(connection, source, at=at)
    if view is None or view.run.is_finished:
        raise SyncNotRunning(f"no sync of {source} is running")
    run_id = view.run.id
    if view.run.status == RunStatus.RUNNING:
        run_queries.request_cancel(connection, run_id, by=by, at=at)
        run_queries.append_log(connection, run_id, LogLevel.INFO, "cancelling", at=at, by=by)
        audit_log.record(connection, by, CANCEL_SYNC_ACTION, subject=f"sync run {run_id}")
    if not view.is_driven:
        _end_cancelled(connection, run_id, at=at)
    return run_queries.get_view(connection, run_id, at=at).run


def _end_cancelled(connection: Connection, run_id: int, *, at: datetime) -> None:
    if run_queries.finish(connection, run_id, RunStatus.CANCELLED, at=at):
        run_queries.append_log(connection, run_id, LogLevel.INFO, "cancelled", at=at)


def _reset(connection: Connection, source: str, *, by: str, at: datetime) -> None:
    run_queries.lock_source(connection, source)
    view = run_queries.find_view(connection, source, at=at)
    if view is None:
        return
    if not view.run.is_finished:
        raise SyncRunning(view.run)
    run_queries.update_run(connection, view.run.id, {"reset_at": at})
    audit_log.record(connection, by, RESET_SYNC_ACTION, subject=f"sync run {view.run.id}")
