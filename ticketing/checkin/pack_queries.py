"""Queries of the gate pack: all that a gate needs to decide without network."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, not_, or_, select

from ticketing.platform.db.tables.checkins import checkins
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.model import TicketState
from ticketing.tickets.rehearsal_queries import is_refused_rehearsal


class PackedTicket(NamedTuple):
    """A live ticket."""

    token_id: bytes
    ticket_type_id: int
    full_name: str
    seat: str


def list_tickets(connection: Connection, event_id: int) -> Sequence[PackedTicket]:
    """Return the live tickets of an event, by token id."""
    query = (
        select(
            generated_tickets.c.token_id, entitlements.c.ticket_type_id, guests.c.full_name,
            entitlements.c.seat,
        )
        .join(events, events.c.id == generated_tickets.c.event_id)
        .join(entitlements, entitlements.c.id == generated_tickets.c.entitlement_id)
        .join(guests, guests.c.id == generated_tickets.c.guest_id)
        .where(
            generated_tickets.c.event_id == event_id,
            generated_tickets.c.state == TicketState.LIVE,
            not_(is_refused_rehearsal()),
        )
        .order_by(generated_tickets.c.token_id)
    )  # fmt: skip
    return [PackedTicket(*row) for row in connection.execute(query)]


def list_refused_ids(connection: Connection, event_id: int) -> list[bytes]:
    """Return the token ids of revoked tickets, and of those of a rehearsal where money moves."""
    query = (
        select(generated_tickets.c.token_id)
        .join(events, events.c.id == generated_tickets.c.event_id)
        .join(entitlements, entitlements.c.id == generated_tickets.c.entitlement_id)
        .join(guests, guests.c.id == generated_tickets.c.guest_id)
        .where(
            generated_tickets.c.event_id == event_id,
            or_(generated_tickets.c.state == TicketState.REVOKED, is_refused_rehearsal()),
        )
        .order_by(generated_tickets.c.token_id)
    )
    return list(connection.execute(query).scalars())


def list_used_ids(connection: Connection, event_id: int) -> dict[int, list[bytes]]:
    """Return by list the token ids of live tickets whose place has entered it."""
    stands = and_(
        checkins.c.entitlement_id == generated_tickets.c.entitlement_id, checkins.c.is_open
    )
    query = (
        select(checkins.c.list_id, generated_tickets.c.token_id)
        .join(checkins, stands)
        .where(
            generated_tickets.c.event_id == event_id,
            generated_tickets.c.state == TicketState.LIVE,
        )
        .order_by(generated_tickets.c.token_id)
    )
    found = defaultdict[int, list[bytes]](list)
    for list_id, token_id in connection.execute(query):
        found[list_id].append(token_id)
    return dict(found)
