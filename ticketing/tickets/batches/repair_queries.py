"""Queries of batches that lack something: for whom they were, who failed, what is dismissed."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from ticketing.platform.db.tables.tickets import batches, ticket_generation_logs
from ticketing.tickets.batches.queries import COLUMNS, Batch, BatchState, batch_from_row


def store_guest_ids(connection: Connection, job_id: int, guest_ids: Sequence[int]) -> None:
    """Keep the guests for whom a batch was requested, so that it can be retried."""
    query = update(batches).where(batches.c.id == job_id, batches.c.guest_ids.is_(None))
    connection.execute(query.values(guest_ids=list(guest_ids)))


def list_requested_guest_ids(connection: Connection, job_id: int) -> list[int] | None:
    """Return the guests for whom a batch was requested, None for all missing ones."""
    query = select(batches.c.guest_ids).where(batches.c.id == job_id)
    found = connection.execute(query).scalar_one()
    return None if found is None else list(found)


def list_failed_guest_ids(connection: Connection, job_id: int) -> list[int]:
    """Return the guests for whom a batch failed, each once."""
    query = (
        select(ticket_generation_logs.c.guest_id)
        .where(
            ticket_generation_logs.c.job_id == job_id,
            ticket_generation_logs.c.status == "failed",
            ticket_generation_logs.c.guest_id.is_not(None),
        )
        .order_by(ticket_generation_logs.c.guest_id)
        .distinct()
    )
    return list(connection.execute(query).scalars())


def needs_attention() -> ColumnElement[bool]:
    """Return whether a batch did not do everything, and nobody took it off the list."""
    is_incomplete = or_(
        batches.c.state.in_((BatchState.FAILED, BatchState.CANCELLED)),
        and_(batches.c.state == BatchState.COMPLETED, batches.c.failed_count > 0),
    )
    return and_(is_incomplete, batches.c.dismissed_at.is_(None))


def list_unresolved(connection: Connection, event_id: int | None, *, limit: int) -> list[Batch]:
    """Return the batches that need attention, of one event or of all, oldest first."""
    query = select(*COLUMNS).where(needs_attention())
    if event_id is not None:
        query = query.where(batches.c.event_id == event_id)
    rows = connection.execute(query.order_by(batches.c.id).limit(limit)).mappings()
    return [batch_from_row(row) for row in rows]


def count_unresolved(
    connection: Connection, event_id: int | None, *, only: Collection[int] | None = None
) -> int:
    """Return the number of batches that need attention, of one event or of all of `only`."""
    query = select(func.count()).select_from(batches).where(needs_attention())
    if event_id is not None:
        query = query.where(batches.c.event_id == event_id)
    if only is not None:
        query = query.where(batches.c.event_id.in_(only))
    return connection.execute(query).scalar_one()


def mark_dismissed(connection: Connection, job_id: int, *, at: datetime) -> bool:
    """Take an ended batch off the list. Return False if it was off it, or is processing."""
    dismissed = (
        update(batches)
        .where(
            batches.c.id == job_id,
            batches.c.dismissed_at.is_(None),
            batches.c.state != BatchState.PROCESSING,
        )
        .values(dismissed_at=at)
    )
    return connection.execute(dismissed).rowcount == 1
