"""Tickets of orders: the PDFs of an order, and paid people without a ticket or PDF.

Work is found by these queries alone, so that it continues after a process was killed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    false,
    func,
    or_,
    select,
)

from ticketing.events.model import TICKET_GRACE_PERIOD
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.orders import order_lines, order_positions
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import batches, generated_tickets, ticket_generation_logs
from ticketing.tickets.batches.queries import BatchState
from ticketing.tickets.eligibility_queries import ELIGIBLE
from ticketing.tickets.model import INCOMPLETE_PAYMENT_REASON, RecordedDocument, TicketState


@dataclass(frozen=True, slots=True)
class OrderTicketFile:
    """A live ticket; `path` is None when its PDF was not rendered yet."""

    ticket_code: str
    ticket_type: str
    token_id: bytes = field(repr=False)  # secret: part of the magic link
    path: str | None
    sha256: str | None
    ticket_id: int
    guest_name: str
    guest_email: str
    ticket_type_id: int
    is_opened: bool  # somebody has seen its page or PDF by the link
    guest_locale: str = ""  # empty is that of the event
    number: int = 0  # of the place of an order; 0 for a roster's ticket

    @property
    def document(self) -> RecordedDocument:
        """Return the record of the PDF."""
        return RecordedDocument(self.ticket_id, self.ticket_code, self.path, self.sha256)

    @property
    def is_printed(self) -> bool:
        """Return whether the ticket has a PDF."""
        return self.path is not None


TICKET_FILE_COLUMNS: tuple[ColumnElement[Any], ...] = (
    generated_tickets.c.ticket_code,
    ticket_types.c.name.label("ticket_type"),
    generated_tickets.c.token_id,
    generated_tickets.c.pdf_file_path.label("path"),
    generated_tickets.c.pdf_sha256.label("sha256"),
    generated_tickets.c.id.label("ticket_id"),
    guests.c.full_name.label("guest_name"),
    guests.c.email.label("guest_email"),
    ticket_types.c.id.label("ticket_type_id"),
    generated_tickets.c.opened_at.is_not(None).label("is_opened"),
)
"""The fields of an `OrderTicketFile`, but for the number of a place and the language."""

# built once: the pages of orders poll every few seconds
_ORDER_TICKETS: Select[Any] = (
    select(*TICKET_FILE_COLUMNS, order_positions.c.number, guests.c.locale.label("guest_locale"))
    .select_from(order_lines)
    .join(order_positions, order_positions.c.order_line_id == order_lines.c.id)
    .join(ticket_types, ticket_types.c.id == order_lines.c.ticket_type_id)
    .join(
        generated_tickets,
        and_(
            generated_tickets.c.entitlement_id == order_positions.c.entitlement_id,
            generated_tickets.c.state == TicketState.LIVE,
        ),
    )
    .join(guests, guests.c.id == generated_tickets.c.guest_id)
    .where(order_lines.c.order_id == bindparam("order_id", type_=BigInteger))
    .order_by(order_lines.c.ticket_type_id, order_positions.c.number)
)


def list_order_ticket_files(connection: Connection, order_id: int) -> list[OrderTicketFile]:
    """Return the live tickets of an order by ticket type and position."""
    rows = connection.execute(_ORDER_TICKETS, {"order_id": order_id}).mappings()
    return [OrderTicketFile(**row) for row in rows]


# a failed ticket is retried, but not every few seconds
_GUEST_RETRY_DELAY = timedelta(hours=1)


# failures of a whole event (a full disk, a broken template) are retried sooner
_EVENT_RETRY_DELAY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class PaidWithoutTicket:
    """Paid guests of one event without a ticket or PDF."""

    event_slug: str
    guest_ids: Sequence[int]


def list_paid_without_ticket(
    connection: Connection, *, at: datetime, limit_per_event: int
) -> list[PaidWithoutTicket]:
    """Return the paid guests without a ticket, per event, longest waiting first."""
    waiting = _select_waiting(at).subquery()
    place = func.row_number().over(partition_by=waiting.c.event_id, order_by=waiting.c.first)
    ranked = select(waiting, place.label("place")).subquery()
    query = (
        select(events.c.slug, func.array_agg(ranked.c.guest_id))
        .join(ranked, ranked.c.event_id == events.c.id)
        .where(ranked.c.place <= limit_per_event, _can_issue_for_event(at))
        .group_by(events.c.id)
        .order_by(func.min(ranked.c.first))
    )
    return [PaidWithoutTicket(slug, guest_ids) for slug, guest_ids in connection.execute(query)]


def count_paid_without_ticket(
    connection: Connection, *, at: datetime
) -> tuple[int, datetime | None]:
    """Return how many paid guests wait for a ticket, and since when the first one does."""
    waiting = _select_waiting(at).subquery()
    query = (
        select(func.count(), func.min(waiting.c.entered_at))
        .select_from(waiting)
        .join(events, events.c.id == waiting.c.event_id)
        .where(_can_issue_for_event(at))
    )
    count, since = connection.execute(query).one()
    return count, since


def has_overdue_work(connection: Connection, *, since: datetime, at: datetime) -> bool:
    """Return whether a paid guest has been waiting since before then."""
    waiting = _select_waiting(at).subquery()
    query = (
        select(events.c.id)
        .join(waiting, waiting.c.event_id == events.c.id)
        .where(waiting.c.entered_at <= since, _can_issue_for_event(at))
        .limit(1)
    )
    return connection.execute(query).first() is not None


def _select_waiting(at: datetime) -> Select[*tuple[object, ...]]:
    unprinted = and_(
        generated_tickets.c.state == TicketState.LIVE,
        generated_tickets.c.generated_at.is_(None),
        generated_tickets.c.pdf_removed_at.is_(None),
    )
    return (
        select(
            entitlements.c.event_id,
            entitlements.c.guest_id,
            func.min(entitlements.c.id).label("first"),
            func.min(entitlements.c.created_at).label("entered_at"),
        )
        .select_from(entitlements.outerjoin(generated_tickets, counts_as_ticket()))
        .where(
            entitlements.c.source == "order",
            ELIGIBLE,
            or_(generated_tickets.c.id.is_(None), unprinted),
            ~_has_recent_failure(at),
        )
        .group_by(entitlements.c.event_id, entitlements.c.guest_id)
    )


def counts_as_ticket() -> ColumnElement[bool]:
    """Return the join condition of entitlements and their tickets in any state.

    A revoked ticket is not replaced automatically, unless it was revoked until the money comes.
    """
    return and_(
        generated_tickets.c.entitlement_id == entitlements.c.id,
        generated_tickets.c.revoked_reason.is_distinct_from(INCOMPLETE_PAYMENT_REASON),
    )


def _has_recent_failure(at: datetime) -> ColumnElement[bool]:
    """Return the condition that a ticket failed, and that its guest was not changed since."""
    logs = ticket_generation_logs
    return exists().where(
        logs.c.guest_id == entitlements.c.guest_id,
        logs.c.event_id == entitlements.c.event_id,
        logs.c.status == "failed",
        logs.c.created_at > at - _GUEST_RETRY_DELAY,
        guests.c.id == entitlements.c.guest_id,
        guests.c.updated_at <= logs.c.created_at,
    )


def _can_issue_for_event(at: datetime) -> ColumnElement[bool]:
    """Return the condition that an event is not over and its last batch did not just fail."""
    failed = and_(
        batches.c.state == BatchState.FAILED, batches.c.completed_at > at - _EVENT_RETRY_DELAY
    )
    # only the last batch: a killed batch has also failed, but another one followed it
    last = select(failed).where(batches.c.event_id == events.c.id)
    last = last.order_by(batches.c.id.desc()).limit(1)
    not_over = events.c.ends_at + TICKET_GRACE_PERIOD >= at
    return and_(not_over, ~func.coalesce(last.scalar_subquery(), false()))
