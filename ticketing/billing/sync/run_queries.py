"""Queries about runs: start, claim, heartbeat, cancel, finish, reset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, not_, select, update

from ticketing.billing.sync.run import RunKind, RunStatus, SyncRun
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.lease_holder import holder_number
from ticketing.platform.db.tables.billing import billing_sources, sync_items, sync_log, sync_runs
from ticketing.platform.db.work_queue import WorkQueue

# a driver that lives renews its claim every half second; a dead one loses it at once
DRIVER_LEASE = timedelta(seconds=30)
_COLUMNS = columns_of(SyncRun, sync_runs)
_IS_OPEN = sync_runs.c.finished_at.is_(None)
_QUEUE = WorkQueue(
    table=sync_runs,
    is_open=_IS_OPEN,
    lease=DRIVER_LEASE,
    claimed_until=sync_runs.c.claimed_until,
    claimed_by=sync_runs.c.claimed_by,
)


@dataclass(frozen=True, slots=True)
class RunView:
    """A run, and whether a living process works on it."""

    run: SyncRun
    is_driven: bool
    was_driven: bool  # claimed by a process that has died, or hangs


def lock_source(connection: Connection, source: str) -> None:
    """Let nobody else start, reset or decide about runs of a source until the commit."""
    connection.execute(
        select(billing_sources.c.name).where(billing_sources.c.name == source).with_for_update()
    )


def find_view(connection: Connection, source: str, *, at: datetime) -> RunView | None:
    """Return the run that is shown: the latest one, unless it was reset."""
    latest = (
        select(*_COLUMNS, sync_runs.c.reset_at, *_driver_columns(at))
        .where(sync_runs.c.source == source)
        .order_by(sync_runs.c.id.desc())
        .limit(1)
    )
    row = connection.execute(latest).one_or_none()
    return None if row is None or row.reset_at is not None else _view(row)


def get_view(connection: Connection, run_id: int, *, at: datetime) -> RunView:
    """Return a run by its id."""
    statement = select(*_COLUMNS, *_driver_columns(at)).where(sync_runs.c.id == run_id)
    return _view(connection.execute(statement).one())


def find_latest(connection: Connection, source: str) -> SyncRun | None:
    """Return the latest run, even if it was reset."""
    statement = (
        select(*_COLUMNS)
        .where(sync_runs.c.source == source)
        .order_by(sync_runs.c.id.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else SyncRun(**row._mapping)  # noqa: SLF001 - a row's public mapping


def find_held(connection: Connection, source: str) -> SyncRun | None:
    """Return the latest run with something held."""
    statement = (
        select(*_COLUMNS)
        .where(
            sync_runs.c.source == source,
            (sync_runs.c.held_leavers == "held") | (sync_runs.c.held_records == "held"),
        )
        .order_by(sync_runs.c.id.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else SyncRun(**row._mapping)  # noqa: SLF001 - as above


def list_undriven(connection: Connection, sources: Sequence[str], *, at: datetime) -> list[int]:
    """Return the unfinished runs of these sources that no living process works on."""
    statement = select(sync_runs.c.id).where(
        sync_runs.c.source.in_(sources), _QUEUE.is_claimable(at)
    )
    return list(connection.execute(statement.order_by(sync_runs.c.id)).scalars())


def insert_run(connection: Connection, source: str, *, kind: RunKind, by: str, at: datetime) -> int:
    """Insert a running run and return its id. The index allows one of a source."""
    values = {"source": source, "kind": kind, "started_by": by, "started_at": at}
    statement = insert(sync_runs).values(values).returning(sync_runs.c.id)
    return int(connection.execute(statement).scalar_one())


def resume(connection: Connection, run_id: int, *, at: datetime) -> None:
    """Let a run that was stopped go on with what it has left."""
    update_run(connection, run_id, {
        "status": RunStatus.RUNNING, "resumed_at": at, "finished_at": None,
        "cancel_requested_at": None, "cancelled_by": "", "stop_class": "", "stop_message": "",
        "samples": [],
    })  # fmt: skip


def claim(connection: Connection, run_id: int, *, at: datetime) -> bool:
    """Claim a run for this process; False if another one works on it, or it is finished."""
    return _QUEUE.claim_row(connection, run_id, sync_runs.c.id, at=at) is not None


def heartbeat(
    connection: Connection, run_id: int, samples: Sequence[tuple[float, int]], *, at: datetime
) -> Row[Any] | None:
    """Renew the claim; return status, succeeded and failed, or None if the claim was lost."""
    return connection.execute(
        update(sync_runs)
        .where(sync_runs.c.id == run_id, _IS_OPEN, _is_mine(connection))
        .values(claimed_until=at + DRIVER_LEASE, samples=list(samples))
        .returning(sync_runs.c.status, sync_runs.c.succeeded, sync_runs.c.failed)
    ).one_or_none()


def release(connection: Connection, run_id: int) -> None:
    """Give the run to whoever takes it up next."""
    connection.execute(
        update(sync_runs)
        .where(sync_runs.c.id == run_id, _IS_OPEN, _is_mine(connection))
        .values(_QUEUE.unclaimed)
    )


def request_cancel(connection: Connection, run_id: int, *, by: str, at: datetime) -> None:
    """Ask the process that works on a run to stop."""
    connection.execute(
        update(sync_runs)
        .where(sync_runs.c.id == run_id, sync_runs.c.status == RunStatus.RUNNING)
        .values(status=RunStatus.CANCELLING, cancel_requested_at=at, cancelled_by=by)
    )


def finish(
    connection: Connection,
    run_id: int,
    status: RunStatus,
    *,
    at: datetime,
    stop: tuple[str, str] = ("", ""),
    more: Mapping[str, object] | None = None,
) -> bool:
    """End a run; False if it had ended. A completed one must have no open item."""
    statement = update(sync_runs).where(sync_runs.c.id == run_id, _IS_OPEN)
    if status is RunStatus.COMPLETED:
        open_item = select(sync_items.c.id).where(
            sync_items.c.run_id == run_id, sync_items.c.state == "open"
        )
        statement = statement.where(
            sync_runs.c.status == RunStatus.RUNNING, not_(open_item.exists())
        )
    values = {"status": status, "finished_at": at, "stop_class": stop[0], "stop_message": stop[1]}
    done = connection.execute(statement.values(values | _QUEUE.unclaimed | dict(more or {})))
    return done.rowcount == 1


def update_run(connection: Connection, run_id: int, values: Mapping[str, object]) -> None:
    """Set columns of a run."""
    connection.execute(update(sync_runs).where(sync_runs.c.id == run_id).values(dict(values)))


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a run's log: a message of the catalogue and its values."""

    id: int
    at: datetime
    level: str
    code: str
    details: Mapping[str, Any]


def append_log(
    connection: Connection, run_id: int, level: str, code: str, *, at: datetime, **details: object
) -> None:
    """Add a line to the log of a run."""
    values = {"run_id": run_id, "at": at, "level": level, "code": code, "details": details}
    connection.execute(insert(sync_log).values(values))


def list_log(connection: Connection, run_id: int, *, limit: int) -> list[LogLine]:
    """Return the last lines of a run's log, oldest first."""
    statement = (
        select(*columns_of(LogLine, sync_log))
        .where(sync_log.c.run_id == run_id)
        .order_by(sync_log.c.id.desc())
        .limit(limit)
    )
    return [LogLine(*row) for row in reversed(connection.execute(statement).all())]


def _is_mine(connection: Connection) -> ColumnElement[bool]:
    return sync_runs.c.claimed_by == holder_number(connection)


def _driver_columns(at: datetime) -> tuple[ColumnElement[Any], ...]:
    claimed = sync_runs.c.claimed_by.is_not(None)
    return (
        and_(_IS_OPEN, claimed, not_(_QUEUE.is_free(at))).label("is_driven"),
        and_(_IS_OPEN, claimed, _QUEUE.is_free(at)).label("was_driven"),
    )


def _view(row: Row[*tuple[Any, ...]]) -> RunView:
    run = SyncRun(**{name: row._mapping[name] for name in SyncRun.__dataclass_fields__})  # noqa: SLF001 - as above
    return RunView(run, row.is_driven, row.was_driven)
