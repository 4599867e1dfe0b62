"""Vanished students and bills that are held: decide at the end of a run, accept, discard."""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.billing.sync import list_queries, run_queries
from ticketing.billing.sync.records import held_queries, record_queries
from ticketing.billing.sync.records.bill_json import record_from_json
from ticketing.billing.sync.records.record_change import holds_leavers, holds_records
from ticketing.billing.sync.records.record_queries import StudentRecord
from ticketing.billing.sync.run import HeldState, LogLevel, NothingHeld, SyncRun, SyncRunning
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database

BATCH = 200
DECIDE_HELD_ACTION = "billing.held"


def close_list(connection: Connection, run: SyncRun, *, listed: int, at: datetime) -> None:
    """Mark who is not on the complete list as left, or hold them back if they are too many."""
    absent, known = list_queries.count_absent(connection, run.id, run.source)
    values: dict[str, object] = {"listed_at": at}
    if holds_leavers(absent, known, listed=listed):
        values |= {"held_leavers": HeldState.HELD, "held_leaver_count": absent}
        run_queries.append_log(connection, run.id, LogLevel.WARNING, "leavers_held", at=at,
                               count=absent, known=known)  # fmt: skip
    elif absent:
        list_queries.mark_absent_as_left(connection, run.id, run.source, at=at)
        values["left_count"] = absent
        run_queries.append_log(connection, run.id, LogLevel.INFO, "left", at=at, count=absent)
    run_queries.update_run(connection, run.id, values)


def close_records(database: Database, run: SyncRun, *, at: datetime) -> None:
    """Apply the records that lost most of their bills, or leave them held if they are too many."""
    held = database.run(held_queries.count_held, run.id)
    if not held:
        return
    if not holds_records(held, run.succeeded):
        _apply_all(database, run.id, at=at)
        return
    with database.transaction() as connection:
        values = {"held_records": HeldState.HELD, "held_record_count": held}
        run_queries.update_run(connection, run.id, values)
        run_queries.append_log(connection, run.id, LogLevel.WARNING, "records_held", at=at,
                               count=held, checked=run.succeeded)  # fmt: skip


def accept_held(database: Database, source: str, *, by: str, at: datetime) -> SyncRun:
    """Believe the source: mark absent students as left, and bills as vanished.

    Safe to repeat after a crash. Raises NothingHeld and SyncRunning.
    """
    with database.transaction() as connection:
        run = _require_held(connection, source, at=at)
        if run.held_leavers == HeldState.HELD:
            left = list_queries.mark_absent_as_left(connection, run.id, source, at=at)
            values = {"held_leavers": HeldState.ACCEPTED, "left_count": run.left_count + left}
            run_queries.update_run(connection, run.id, values)
    if run.held_records == HeldState.HELD:
        _apply_all(database, run.id, at=at)
    _record_decision(database, run, HeldState.ACCEPTED, by=by, at=at)
    return run


def discard_held(database: Database, source: str, *, by: str, at: datetime) -> SyncRun:
    """Keep what was stored before. Raises NothingHeld and SyncRunning."""
    with database.transaction() as connection:
        run = _require_held(connection, source, at=at)
        held_queries.discard(connection, source, before_run=run.id + 1)
    _record_decision(database, run, HeldState.DISCARDED, by=by, at=at)
    return run


def discard_older(connection: Connection, source: str, *, before_run: int) -> None:
    """Discard what older runs hold, because a new one asks again."""
    held_queries.discard(connection, source, before_run=before_run)


def _require_held(connection: Connection, source: str, *, at: datetime) -> SyncRun:
    run_queries.lock_source(connection, source)
    view = run_queries.find_view(connection, source, at=at)
    if view is not None and not view.run.is_finished:
        raise SyncRunning(view.run)
    run = run_queries.find_held(connection, source)
    if run is None:
        raise NothingHeld(f"nothing of {source} is held; the last sync was applied in full")
    return run


def _apply_all(database: Database, run_id: int, *, at: datetime) -> None:
    while database.run(_apply_batch, run_id, at=at):
        pass


def _apply_batch(connection: Connection, run_id: int, *, at: datetime) -> int:
    items = held_queries.lock_held(connection, run_id, limit=BATCH)
    records = [
        StudentRecord(item.student_id, *record_from_json(item.held_record)) for item in items
    ]
    compared = record_queries.compare_records(connection, records)
    record_queries.write_records(connection, run_id, compared, at=at)
    held_queries.mark_applied(connection, [item.id for item in items])
    return len(items)


def _record_decision(
    database: Database, run: SyncRun, decision: HeldState, *, by: str, at: datetime
) -> None:
    held = {
        name: decision
        for name in ("held_leavers", "held_records")
        if getattr(run, name) == HeldState.HELD
    }
    count = run.held_leaver_count + run.held_record_count
    with database.transaction() as connection:
        run_queries.update_run(connection, run.id, held)
        run_queries.append_log(connection, run.id, LogLevel.INFO, f"held_{decision}", at=at,
                               by=by)  # fmt: skip
        audit_log.record(connection, by, DECIDE_HELD_ACTION, subject=f"sync run {run.id}",
                         items=count, details={"decision": str(decision)})  # fmt: skip
