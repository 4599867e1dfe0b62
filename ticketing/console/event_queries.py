"""Queries of the console's pages of events and guests."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select, tuple_

from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import batches, generated_tickets
from ticketing.tickets.model import TicketState
from ticketing.tickets.use_queries import was_used

PAGE = 50


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event in the list."""

    id: int
    slug: str
    name: str
    venue: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    entitled: int
    tickets: int


@dataclass(frozen=True, slots=True)
class GuestRow:
    """A place of a guest, with its live ticket and whether it was used."""

    guest_id: int
    full_name: str
    external_id: str | None
    ticket_type: str
    seat: str
    state: str
    hold_reason: str | None
    ticket_code: str | None
    has_document: bool
    is_used: bool
    entitlement_id: int


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch of an event."""

    batch_key: str
    state: str
    total_count: int
    failed_count: int
    started_at: datetime
    requested_by: str


def list_events(
    connection: Connection, *, ends_after: datetime | None, only: Collection[int] | None, limit: int
) -> list[EventRow]:
    """Return events, the next ones first; `only` are those that the caller may see."""
    entitled = (
        select(func.count())
        .where(entitlements.c.event_id == events.c.id, entitlements.c.state == "entitled")
        .scalar_subquery()
    )
    tickets = (
        select(func.count())
        .where(
            generated_tickets.c.event_id == events.c.id,
            generated_tickets.c.state == TicketState.LIVE,
        )
        .scalar_subquery()
    )
    query = select(
        events.c.id, events.c.slug, events.c.name, events.c.venue, events.c.starts_at,
        events.c.ends_at, events.c.time_zone, entitled, tickets,
    )  # fmt: skip
    if ends_after is not None:
        query = query.where(events.c.ends_at > ends_after)
    if only is not None:
        query = query.where(events.c.id.in_(only))
    order = events.c.starts_at if ends_after is not None else events.c.starts_at.desc()
    rows = connection.execute(query.order_by(order, events.c.id).limit(limit))
    return [EventRow(*row) for row in rows]


def list_guests(
    connection: Connection, event_id: int, text: str, *, after: tuple[str, int] | None
) -> list[GuestRow]:
    """Return a page of places by name, behind a name and an entitlement's id."""
    live = and_(
        generated_tickets.c.entitlement_id == entitlements.c.id,
        generated_tickets.c.state == TicketState.LIVE,
    )
    query = (
        select(
            guests.c.id, guests.c.full_name, guests.c.external_id, ticket_types.c.name,
            entitlements.c.seat, entitlements.c.state, entitlements.c.hold_reason,
            generated_tickets.c.ticket_code,
            generated_tickets.c.pdf_file_path.is_not(None), was_used(entitlements.c.id),
            entitlements.c.id,
        )
        .join(entitlements, entitlements.c.guest_id == guests.c.id)
        .join(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
        .outerjoin(generated_tickets, live)
        .where(guests.c.event_id == event_id)
        .order_by(guests.c.full_name, entitlements.c.id)
        .limit(PAGE + 1)
    )  # fmt: skip
    for word in text.lower().split():
        query = query.where(
            or_(
                func.lower(guests.c.full_name).contains(word, autoescape=True),
                func.lower(guests.c.external_id).contains(word, autoescape=True),
                func.lower(guests.c.email).contains(word, autoescape=True),
                guests.c.phone.contains(word, autoescape=True),
                func.lower(generated_tickets.c.ticket_code).contains(word, autoescape=True),
            )
        )
    if after is not None:
        query = query.where(tuple_(guests.c.full_name, entitlements.c.id) > tuple_(*after))
    return [GuestRow(*row) for row in connection.execute(query)]


def get_guest_fields(connection: Connection, event_id: int, guest_id: int) -> dict[str, str] | None:
    """Return what can be edited of a guest of the roster, by the names of its fields, or None."""
    query = (
        select(
            guests.c.full_name, guests.c.email, guests.c.phone, entitlements.c.seat,
            ticket_types.c.name.label("ticket_type"),
        )
        .join(entitlements, entitlements.c.guest_id == guests.c.id)
        .join(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
        .where(
            guests.c.event_id == event_id, guests.c.id == guest_id,
            entitlements.c.source == "roster",
        )
        .limit(1)
    )  # fmt: skip
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else {name: value or "" for name, value in row.items()}


def list_batches(connection: Connection, event_id: int, *, limit: int) -> list[BatchRow]:
    """Return the newest batches of an event."""
    query = select(
        batches.c.batch_key, batches.c.state, batches.c.total_count, batches.c.failed_count,
        batches.c.started_at, batches.c.requested_by,
    ).where(batches.c.event_id == event_id)  # fmt: skip
    rows = connection.execute(query.order_by(batches.c.id.desc()).limit(limit))
    return [BatchRow(*row) for row in rows]
