"""PDFs of past events in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    any_,
    cast,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.tickets import generated_tickets


@dataclass(frozen=True, slots=True)
class ExpiredDocument:
    """A PDF of a past event."""

    ticket_id: int
    event_id: int
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class ExpiredEventDocuments:
    """A past event, with the number and total size of its PDFs."""

    event_id: int
    event_slug: str
    ended_at: datetime
    count: int
    size: int


def _has_pdf() -> ColumnElement[bool]:
    return and_(
        generated_tickets.c.pdf_file_path.is_not(None), generated_tickets.c.pdf_removed_at.is_(None)
    )


def list_events_with_expired_documents(
    connection: Connection, *, at: datetime, days: int
) -> list[ExpiredEventDocuments]:
    """Return events that ended more than `days` days ago and still have PDFs, oldest first."""
    query = (
        select(
            events.c.id.label("event_id"),
            events.c.slug.label("event_slug"),
            events.c.ends_at.label("ended_at"),
            func.count().label("count"),
            cast(func.coalesce(func.sum(generated_tickets.c.pdf_bytes), 0), BigInteger).label(
                "size"
            ),
        )
        .join_from(generated_tickets, events, events.c.id == generated_tickets.c.event_id)
        .where(_has_pdf(), events.c.ends_at < at - timedelta(days=days))
        .group_by(events.c.id)
        .order_by(events.c.ends_at, events.c.id)
    )
    return [ExpiredEventDocuments(**row) for row in connection.execute(query).mappings()]


def lock_event_documents(
    connection: Connection, event_id: int, *, count: int
) -> list[ExpiredDocument]:
    """Lock and return PDFs of an event, also of revoked tickets, except those locked by others."""
    query = (
        select(
            generated_tickets.c.id,
            generated_tickets.c.event_id,
            generated_tickets.c.pdf_file_path,
            generated_tickets.c.pdf_bytes,
        )
        .where(generated_tickets.c.event_id == event_id, _has_pdf())
        .order_by(generated_tickets.c.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    )
    return [ExpiredDocument(*row) for row in connection.execute(query)]


def mark_removed(connection: Connection, ticket_ids: Sequence[int], *, at: datetime) -> None:
    """Record that these PDFs were deleted; path and hash are kept as evidence."""
    connection.execute(
        update(generated_tickets)
        .where(generated_tickets.c.id == any_(literal(list(ticket_ids), ARRAY(BigInteger))))
        .values(pdf_removed_at=at)
    )
