"""The live tickets of an order, and where their PDFs are.

Who has paid for places and lacks a ticket or its PDF, as the rows say it.

Nothing else has to remember what was paid: whoever asks next finds what a killed process left.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, false, func, or_, select

from ticketing.events.model import TICKET_GRACE_PERIOD
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.roster import attendees
from ticketing.platform.db.tables.sales import order_lines, order_places, ticket_types
from ticketing.platform.db.tables.tickets import batches, generated_tickets, ticket_generation_logs
from ticketing.tickets.batches.queries import BatchState
from ticketing.tickets.eligibility_queries import ELIGIBLE
from ticketing.tickets.model import TicketState


@dataclass(frozen=True, slots=True)
class OrderTicketFile:
    """One live ticket; `path` is None when its PDF was never made, or has been deleted."""

    ticket_code: str
    ticket_type: str
    token_id: bytes = field(repr=False)  # leads to the holder's link
    path: str | None


def list_order_ticket_files(connection: Connection, order_id: int) -> list[OrderTicketFile]:
    """By ticket type and place."""
    live = and_(
        generated_tickets.c.attendee_id == order_places.c.attendee_id,
        generated_tickets.c.state == TicketState.LIVE,
    )
    query = (
        select(
            generated_tickets.c.ticket_code,
            ticket_types.c.name,
            generated_tickets.c.token_id,
            generated_tickets.c.pdf_file_path,
        )
        .select_from(order_lines)
        .join(order_places, order_places.c.order_line_id == order_lines.c.id)
        .join(ticket_types, ticket_types.c.id == order_lines.c.ticket_type_id)
        .join(generated_tickets, live)
        .where(order_lines.c.order_id == order_id)
        .order_by(order_lines.c.ticket_type_id, order_places.c.number)
    )
    return [OrderTicketFile(*row) for row in connection.execute(query)]


# somebody whose ticket failed is tried again, but not every few seconds
_GUEST_RETRY_DELAY = timedelta(hours=1)


# what stops everybody of an event (a full disk, a broken template) is tried again sooner
_EVENT_RETRY_DELAY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class PaidWithoutTicket:
    """People of one event, by guest id, who have paid and wait."""

    event_slug: str
    guest_ids: Sequence[int]


def list_paid_without_ticket(
    connection: Connection, *, at: datetime, limit_per_event: int
) -> list[PaidWithoutTicket]:
    """At most so many people of each event, those who wait longest first."""
    waiting = _select_waiting(at).subquery()
    place = func.row_number().over(partition_by=waiting.c.event_id, order_by=waiting.c.first)
    ranked = select(waiting, place.label("place")).subquery()
    query = (
        select(events.c.slug, func.array_agg(ranked.c.person_id))
        .join(ranked, ranked.c.event_id == events.c.id)
        .where(ranked.c.place <= limit_per_event, _can_issue_for_event(at))
        .group_by(events.c.id)
        .order_by(func.min(ranked.c.first))
    )
    return [PaidWithoutTicket(slug, guest_ids) for slug, guest_ids in connection.execute(query)]


def has_overdue_work(connection: Connection, *, since: datetime, at: datetime) -> bool:
    """Whether anybody has waited from before then."""
    waiting = _select_waiting(at).subquery()
    query = (
        select(events.c.id)
        .join(waiting, waiting.c.event_id == events.c.id)
        .where(waiting.c.entered_at <= since, _can_issue_for_event(at))
        .limit(1)
    )
    return connection.execute(query).first() is not None


def _select_waiting(at: datetime) -> Select[*tuple[object, ...]]:
    # a ticket of any state: who had one that was revoked gets no other without a person's doing
    ticket = generated_tickets.c.attendee_id == attendees.c.id
    unprinted = and_(
        generated_tickets.c.state == TicketState.LIVE,
        generated_tickets.c.generated_at.is_(None),
        generated_tickets.c.pdf_removed_at.is_(None),
    )
    return (
        select(
            attendees.c.event_id,
            attendees.c.person_id,
            func.min(attendees.c.id).label("first"),
            func.min(attendees.c.created_at).label("entered_at"),
        )
        .select_from(attendees.outerjoin(generated_tickets, ticket))
        .where(
            attendees.c.source == "order",
            ELIGIBLE,
            or_(generated_tickets.c.id.is_(None), unprinted),
            ~_has_recent_failure(at),
        )
        .group_by(attendees.c.event_id, attendees.c.person_id)
    )


def _has_recent_failure(at: datetime) -> ColumnElement[bool]:
    logs = ticket_generation_logs
    return exists().where(
        logs.c.guest_id == attendees.c.person_id,
        logs.c.event_id == attendees.c.event_id,
        logs.c.status == "failed",
        logs.c.created_at > at - _GUEST_RETRY_DELAY,
    )


def _can_issue_for_event(at: datetime) -> ColumnElement[bool]:
    """Whether an event's tickets are still good for something, and nothing stopped them lately."""
    failed = and_(
        batches.c.state == BatchState.FAILED, batches.c.completed_at > at - _EVENT_RETRY_DELAY
    )
    # the last batch only: one that was killed has ended as failed, too, but another came after it
    last = select(failed).where(batches.c.event_id == events.c.id)
    last = last.order_by(batches.c.id.desc()).limit(1)
    not_over = events.c.ends_at + TICKET_GRACE_PERIOD >= at
    return and_(not_over, ~func.coalesce(last.scalar_subquery(), false()))
