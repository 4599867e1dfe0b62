"""PDFs of events long over: which they are, and the note that they are gone."""

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
    """A PDF of an event long over."""

    ticket_id: int
    event_id: int
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class ExpiredEventDocuments:
    """An event long over, with how many PDFs it still has and how large they are together."""

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
    """Events that ended more than that many days ago and still have PDFs, the oldest first."""
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
    """Some PDFs of an event, revoked tickets' among them; rows another run removes are left out."""
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
    """Note that these PDFs are gone; their path and hash stay, as evidence."""
    connection.execute(
        update(generated_tickets)
        .where(generated_tickets.c.id == any_(literal(list(ticket_ids), ARRAY(BigInteger))))
        .values(pdf_removed_at=at)
    )
