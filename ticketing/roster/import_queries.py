"""Queries for the import history, the rejected rows, and the lock of running imports.

An import holds the lock of its event while it runs, and its row is "running" until it ends. A
running row without a holder of the lock was interrupted; the next import marks it so.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    func,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError

from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import import_rejected_rows, imports
from ticketing.platform.kernel.errors import ImportOvertaken, ImportUnderWay, TicketingError
from ticketing.platform.kernel.wall_clock import format_clock
from ticketing.roster.model import ImportCounts, RejectedRow
from ticketing.roster.plan.import_impact import TouchedTickets
from ticketing.roster.plan.staging_queries import CELL_SEPARATOR, StagingTables


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """One import. After a failure, the counts are those written by then."""

    id: int
    source_kind: str
    source_name: str
    sha256: str
    encoding: str
    delimiter: str
    mapping: Mapping[str, object]  # "columns": the header; "fields": field to column
    warnings: Mapping[str, object]  # "count"; "file": sentences; "rows": the first, as objects
    state: str
    total_rows: int
    inserted: int
    updated: int
    unchanged: int
    rejected: int
    withdrawn: int
    live_tickets: int
    delivered_tickets: int
    checked_in_tickets: int
    message: str
    requested_by: str
    started_at: datetime
    completed_at: datetime | None


_COLUMNS = columns_of(ImportRecord, imports)


def acquire_import_lock(connection: Connection, event_id: int, *, patience_seconds: float) -> None:
    """Take the event's import lock until the transaction ends; refuses after the patience."""
    lock = func.pg_advisory_xact_lock(func.hashtextextended(f"import into event {event_id}", 0))
    previous = connection.execute(select(func.current_setting("lock_timeout"))).scalar_one()
    timeout = f"{max(1, round(patience_seconds * 1000))}ms"  # zero would wait for ever
    try:
        with connection.begin_nested():
            connection.execute(select(func.set_config("lock_timeout", timeout, True)))
            connection.execute(select(lock))
            connection.execute(select(func.set_config("lock_timeout", previous, True)))
    except OperationalError as error:
        raise ImportUnderWay(_describe_running_import(connection, event_id)) from error


def _describe_running_import(connection: Connection, event_id: int) -> str:
    query = (
        select(imports.c.id, imports.c.source_name, imports.c.requested_by, imports.c.started_at)
        .where(imports.c.event_id == event_id, imports.c.state == "running")
        .order_by(imports.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return "another import for this event is running; try again when it has ended"
    return (
        f"import {row.id} ({row.source_name}, by {row.requested_by}, since "
        f"{format_clock(row.started_at)}) is running for this event; try again when it has ended"
    )


def mark_interrupted(connection: Connection, event_id: int, *, at: datetime) -> int:
    """Mark imports of dead processes as failed; the caller holds the event's lock.

    Waits for a last chunk that the server may still be writing: each chunk locks its import's row,
    see `lock_running`.
    """
    left = (
        select(imports.c.id)
        .where(imports.c.event_id == event_id, imports.c.state == "running")
        .order_by(imports.c.id)
        .with_for_update()
    )
    ids = connection.execute(left).scalars().all()
    connection.execute(
        update(imports)
        .where(imports.c.id.in_(ids))
        .values(state="failed", message="interrupted: its process ended before it did")
        .values(completed_at=at)
    )
    return len(ids)


def insert_import(
    connection: Connection, event_id: int, *, kind: str, name: str, by: str, at: datetime
) -> int:
    """Store a new running import; return its id."""
    import_id: int = connection.execute(
        insert(imports)
        .values(event_id=event_id, source_kind=kind, source_name=name)
        .values(requested_by=by, started_at=at)
        .returning(imports.c.id)
    ).scalar_one()
    return import_id


def record_source(
    connection: Connection,
    import_id: int,
    *,
    sha256: str,
    encoding: str,
    delimiter: str,
    mapping: Mapping[str, object],
    warnings: Mapping[str, object],
) -> None:
    """Store the detected properties of the source."""
    connection.execute(
        update(imports)
        .where(imports.c.id == import_id)
        .values(sha256=sha256, encoding=encoding, delimiter=delimiter)
        .values(mapping=dict(mapping), warnings=dict(warnings))
    )


def lock_running(connection: Connection, import_id: int) -> None:
    """Keep the import from being closed until this transaction ends; refuses a closed one."""
    alive = select(imports.c.id).where(imports.c.id == import_id, imports.c.state == "running")
    if connection.execute(alive.with_for_update(read=True, key_share=True)).first() is None:
        raise ImportOvertaken(f"import {import_id} was closed as interrupted; run it again")


def add_counts(
    connection: Connection, import_id: int, counts: ImportCounts, *, total: int = 0
) -> None:
    """Add to the import's counters, which show its progress."""
    columns = imports.c
    connection.execute(
        update(imports)
        .where(columns.id == import_id)
        .values(
            total_rows=columns.total_rows + total,
            inserted=columns.inserted + counts.inserted,
            updated=columns.updated + counts.updated,
            unchanged=columns.unchanged + counts.unchanged,
            rejected=columns.rejected + counts.quarantined,
        )
    )


def mark_completed(
    connection: Connection,
    import_id: int,
    *,
    withdrawn: int,
    tickets: TouchedTickets,
    at: datetime,
) -> None:
    """Mark the import as completed; the database refuses it unless every row is counted once."""
    connection.execute(
        update(imports)
        .where(imports.c.id == import_id, imports.c.state == "running")
        .values(state="completed", withdrawn=withdrawn, completed_at=at)
        .values(
            live_tickets=tickets.live,
            delivered_tickets=tickets.delivered,
            checked_in_tickets=tickets.checked_in,
        )
    )


def mark_failed(connection: Connection, import_id: int, message: str, *, at: datetime) -> None:
    """Mark the import as failed."""
    connection.execute(
        update(imports)
        .where(imports.c.id == import_id, imports.c.state == "running")
        .values(state="failed", message=message, completed_at=at)
    )


def list_imports(connection: Connection, event_id: int, *, limit: int = 50) -> list[ImportRecord]:
    """Return the imports of an event, latest first."""
    query = select(*_COLUMNS).where(imports.c.event_id == event_id)
    rows = connection.execute(query.order_by(imports.c.id.desc()).limit(limit)).mappings()
    return [ImportRecord(**row) for row in rows]


def find_completed_by_digest(
    connection: Connection, event_id: int, sha256: str
) -> ImportRecord | None:
    """Return the event's latest completed import with this content, or None."""
    content = imports.c.sha256 == sha256
    return _latest(connection, event_id, content, imports.c.state == "completed")


def find_latest_completed(connection: Connection, event_id: int) -> ImportRecord | None:
    """Return the event's latest completed import, or None."""
    return _latest(connection, event_id, imports.c.state == "completed")


def _latest(
    connection: Connection, event_id: int, *conditions: ColumnElement[bool]
) -> ImportRecord | None:
    query = select(*_COLUMNS).where(imports.c.event_id == event_id, *conditions)
    rows = connection.execute(query.order_by(imports.c.id.desc()).limit(1)).mappings()
    found = rows.one_or_none()
    return None if found is None else ImportRecord(**found)


def insert_rejected_rows(connection: Connection, staging: StagingTables, import_id: int) -> int:
    """Store the rejected rows of a running import that are not stored yet; return their number."""
    staged = _staged_rejected_rows_query(staging).subquery()
    source = select(
        literal(import_id),
        literal(staging.event_id),
        *(staged.c[name] for name in ("line", "field", "value", "reason")),
        func.to_jsonb(func.string_to_array(staged.c.cells, CELL_SEPARATOR)),
    )
    columns = ["import_id", "event_id", "line_number", "field", "value", "reason", "row"]
    counting = connection.execution_options(preserve_rowcount=True)
    storing = insert(import_rejected_rows).from_select(columns, source)
    return counting.execute(storing.on_conflict_do_nothing()).rowcount


def list_staged_rejected_rows(
    connection: Connection, staging: StagingTables, *, limit: int | None = None
) -> Iterator[RejectedRow]:
    """Yield the rejected rows of a running import, ordered by line."""
    staged = _staged_rejected_rows_query(staging).subquery()
    query = select(staged).order_by(staged.c.line).limit(limit)
    for row in connection.execute(query, execution_options={"yield_per": 1000}):
        cells = tuple(row.cells.split(CELL_SEPARATOR))
        yield RejectedRow(row.line, row.field, row.value, row.reason, cells)


def list_rejected_rows(connection: Connection, import_id: int) -> Iterator[RejectedRow]:
    """Yield the rejected rows of an import, ordered by line."""
    query = select(import_rejected_rows).where(import_rejected_rows.c.import_id == import_id)
    query = query.order_by(import_rejected_rows.c.line_number)
    for row in connection.execute(query, execution_options={"yield_per": 1000}):
        yield RejectedRow(row.line_number, row.field, row.value, row.reason, tuple(row.row))


def _staged_rejected_rows_query(staging: StagingTables) -> Select[tuple[int, str, str, str, str]]:
    rows, matches = staging.rows, staging.matches
    unclean = select(rows.c.line, rows.c.field, rows.c.value, rows.c.reason, rows.c.cells).where(
        rows.c.reason.isnot(None)
    )
    refused = (
        select(rows.c.line, matches.c.field, matches.c.value, matches.c.reason, rows.c.cells)
        .join(matches, matches.c.line == rows.c.line)
        .where(matches.c.reason.isnot(None))
    )
    return union_all(unclean, refused)  # type: ignore[return-value]  # a compound of the two


@contextmanager
def import_run(
    database: Database, event_id: int, *, kind: str, name: str, by: str, now: Callable[[], datetime]
) -> Iterator[int]:
    """Insert a running import, yield its id, and mark it as failed on any error.

    The caller holds the event's import lock: imports left running by others are closed first.
    """
    at = now()
    with database.transaction() as connection:
        mark_interrupted(connection, event_id, at=at)
        import_id = insert_import(connection, event_id, kind=kind, name=name, by=by, at=at)
    try:
        yield import_id
    except BaseException as error:
        # messages of other exceptions could contain personal data
        message = str(error) if isinstance(error, TicketingError) else type(error).__name__
        database.run(mark_failed, import_id, message, at=now())
        raise
