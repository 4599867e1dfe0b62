"""Which tickets are printed, in which order."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.guest_filter import GuestFilter
from ticketing.tickets.guest_filter_queries import apply_filter
from ticketing.tickets.model import TicketState


def list_ids_in_order(connection: Connection, event_id: int, wanted: GuestFilter) -> Sequence[int]:
    """Return the live tickets of an event in the sort order, then by id. Raises UnusableFilter."""
    query = (
        select(generated_tickets.c.id)
        .join(entitlements, entitlements.c.id == generated_tickets.c.entitlement_id)
        .join(guests, guests.c.id == entitlements.c.guest_id)
        .join(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
        .where(
            generated_tickets.c.event_id == event_id,
            generated_tickets.c.state == TicketState.LIVE,
        )
    )
    query = apply_filter(connection, event_id, query, wanted, last_key=generated_tickets.c.id)
    return connection.execute(query).scalars().all()
