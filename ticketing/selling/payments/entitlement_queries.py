"""Guests and entitlements of a paid order, stored with those of the roster."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    any_,
    func,
    insert,
    literal,
    select,
    update,
)

from ticketing.orders import place_guest_queries
from ticketing.orders.order import Buyer, Order
from ticketing.orders.place_guest import Place, PlaceGuest, guest_contact, list_places, place_key
from ticketing.platform.db.tables.orders import order_lines, order_positions
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.db.tables.vouchers import packages
from ticketing.tickets.eligibility_queries import ID_ARRAY
from ticketing.tickets.model import TicketState


def grant(connection: Connection, order: Order, buyer: Buyer) -> int:
    """Create a guest and an entitlement for each place; return the number of places.

    A place without a given guest is in the buyer's name. The caller's effect key prevents a second
    call. Vouchers are not places: `allocate_vouchers` creates them.
    """
    lines = connection.execute(
        select(order_lines.c.id, order_lines.c.ticket_type_id, order_lines.c.quantity)
        .outerjoin(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
        .where(order_lines.c.order_id == order.id, packages.c.ticket_type_id.is_(None))
        .order_by(order_lines.c.ticket_type_id)
    ).all()
    if not lines:
        return 0
    given = {guest.place: guest for guest in place_guest_queries.list_given(connection, order.id)}
    for line in lines:
        places = list_places(line.ticket_type_id, line.quantity)
        guest_ids = _insert_guests(connection, order, buyer, places, given)
        values = [
            {
                "event_id": order.event_id,
                "guest_id": guest_id,
                "ticket_type_id": line.ticket_type_id,
                "source": "order",
            }
            for guest_id in guest_ids
        ]
        entitlement_ids = connection.execute(
            insert(entitlements).returning(entitlements.c.id, sort_by_parameter_order=True), values
        ).scalars()
        positions = [
            {"order_line_id": line.id, "number": place.number, "entitlement_id": entitlement_id}
            for place, entitlement_id in zip(places, entitlement_ids, strict=True)
        ]
        connection.execute(insert(order_positions), positions)
    return sum(int(line.quantity) for line in lines)


def _insert_guests(
    connection: Connection,
    order: Order,
    buyer: Buyer,
    places: Sequence[Place],
    given: Mapping[Place, PlaceGuest],
) -> Sequence[int]:
    """Create the guests of these places; return their ids in the same order."""
    values = [
        {
            "event_id": order.event_id,
            "natural_key": place_key(order.code, place),
            **asdict(guest_contact(given.get(place), buyer)),
        }
        for place in places
    ]
    query = insert(guests).returning(guests.c.id, sort_by_parameter_order=True)
    return connection.execute(query, values).scalars().all()


class Restored(NamedTuple):
    """Places that an order had before, and how many of them had been withdrawn."""

    places: int
    withdrawn: int


def restore(connection: Connection, order_id: int) -> Restored:
    """Restore the entitlements that an order had before."""
    entitlement_ids = _attendee_ids_query(order_id)
    connection.execute(
        update(order_positions)
        .where(order_positions.c.entitlement_id.in_(entitlement_ids))
        .values(returned_at=None)
    )
    own = entitlements.c.id.in_(entitlement_ids)
    places = connection.execute(select(func.count()).where(own)).scalar_one()
    withdrawn = update(entitlements).where(own, entitlements.c.state != "entitled")
    return Restored(places, connection.execute(withdrawn.values(state="entitled")).rowcount)


def return_order_places(connection: Connection, order_id: int, *, at: datetime) -> list[int]:
    """Withdraw the entitlements of an order, return its places, and return its live ticket ids."""
    connection.execute(
        update(order_positions)
        .where(order_positions.c.entitlement_id.in_(_attendee_ids_query(order_id)))
        .values(returned_at=at)
    )
    return withdraw_order(connection, order_id)


def withdraw_order(connection: Connection, order_id: int) -> list[int]:
    """Withdraw the entitlements of an order; return the ids of its live tickets."""
    return _withdraw_where(connection, entitlements.c.id.in_(_attendee_ids_query(order_id)))


def _attendee_ids_query(order_id: int) -> Select[int]:
    return (
        select(order_positions.c.entitlement_id)
        .join(order_lines, order_lines.c.id == order_positions.c.order_line_id)
        .where(order_lines.c.order_id == order_id)
    )


def return_places(
    connection: Connection, entitlement_ids: Sequence[int], *, at: datetime
) -> list[int]:
    """Withdraw these entitlements and mark their places as returned; return live ticket ids."""
    connection.execute(
        update(order_positions)
        .where(order_positions.c.entitlement_id == any_(literal(entitlement_ids, ID_ARRAY)))
        .values(returned_at=at)
    )
    return _withdraw_where(
        connection, entitlements.c.id == any_(literal(entitlement_ids, ID_ARRAY))
    )


def withdraw_batch(connection: Connection, event_id: int, *, limit: int) -> tuple[int, list[int]]:
    """Withdraw up to `limit` entitlements of an event; return their number and live ticket ids.

    Used for cancelled events; 0 means that none are left.
    """
    query = (
        select(entitlements.c.id)
        .where(entitlements.c.event_id == event_id, entitlements.c.state == "entitled")
        .order_by(entitlements.c.id)
        .limit(limit)
    )
    ids = list(connection.execute(query).scalars())
    return len(ids), _withdraw_where(connection, entitlements.c.id == any_(literal(ids, ID_ARRAY)))


def _withdraw_where(connection: Connection, condition: ColumnElement[bool]) -> list[int]:
    connection.execute(update(entitlements).where(condition).values(state="withdrawn"))
    live = (
        select(generated_tickets.c.id)
        .join(entitlements, entitlements.c.id == generated_tickets.c.entitlement_id)
        .where(condition, generated_tickets.c.state == TicketState.LIVE)
    )
    return list(connection.execute(live.order_by(generated_tickets.c.id)).scalars())
