"""Search of tickets by name or code, for people who come without their ticket."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, literal, or_, select

from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.checkins import checkins
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.model import TicketState


@dataclass(frozen=True, slots=True)
class FoundTicket:
    """A live ticket, and the entry that stands for its place on the list."""

    ticket_id: int
    ticket_code: str
    full_name: str
    ticket_type: str
    seat: str
    entered_at: datetime | None
    entered_gate: str | None


def search_tickets(
    connection: Connection, event_id: int, list_id: int, text: str, *, limit: int
) -> Sequence[FoundTicket]:
    """Return the live tickets of an event whose holder, code or seat contains all words."""
    where = [
        or_(
            func.lower(guests.c.full_name).contains(word, autoescape=True),
            func.lower(generated_tickets.c.ticket_code).contains(word, autoescape=True),
            func.lower(entitlements.c.seat) == literal(word),
        )
        for word in text.lower().split()
    ]
    stands = and_(
        checkins.c.entitlement_id == generated_tickets.c.entitlement_id,
        checkins.c.list_id == list_id,
        checkins.c.is_open,
    )
    query = (
        select(
            generated_tickets.c.id, generated_tickets.c.ticket_code, guests.c.full_name,
            ticket_types.c.name, entitlements.c.seat, checkins.c.scanned_at, checkins.c.gate,
        )
        .join(guests, guests.c.id == generated_tickets.c.guest_id)
        .join(entitlements, entitlements.c.id == generated_tickets.c.entitlement_id)
        .join(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
        .outerjoin(checkins, stands)
        .where(
            generated_tickets.c.event_id == event_id,
            generated_tickets.c.state == TicketState.LIVE,
            *where,
        )
        .order_by(guests.c.full_name, generated_tickets.c.id)
        .limit(limit)
    )  # fmt: skip
    return [FoundTicket(*row) for row in connection.execute(query)]
