"""Entitlements of the buyer of a paid order, stored with those of the roster."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    any_,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from ticketing.orders.order import Buyer, Order
from ticketing.platform.db.tables.orders import order_lines, order_positions
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.db.tables.vouchers import packages
from ticketing.tickets.eligibility_queries import ID_ARRAY
from ticketing.tickets.model import TicketState


def grant(connection: Connection, order: Order, buyer: Buyer) -> int:
    """Create one entitlement per place for the buyer; return their number.

    The caller's effect key prevents a second call. Vouchers are not places: `allocate_vouchers`
    creates them.
    """
    lines = connection.execute(
        select(order_lines.c.id, order_lines.c.ticket_type_id, order_lines.c.quantity)
        .outerjoin(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
        .where(order_lines.c.order_id == order.id, packages.c.ticket_type_id.is_(None))
        .order_by(order_lines.c.ticket_type_id)
    ).all()
    if not lines:
        return 0
    guest_id = _get_or_insert_person(connection, order.event_id, buyer)
    for line in lines:
        values = {
            "event_id": order.event_id,
            "guest_id": guest_id,
            "ticket_type_id": line.ticket_type_id,
            "source": "order",
        }
        entitlement_ids = connection.execute(
            insert(entitlements).returning(entitlements.c.id), [values] * line.quantity
        ).scalars()
        places = [
            {"order_line_id": line.id, "number": number, "entitlement_id": entitlement_id}
            for number, entitlement_id in enumerate(entitlement_ids, start=1)
        ]
        connection.execute(insert(order_positions), places)
    return sum(int(line.quantity) for line in lines)


def restore(connection: Connection, order_id: int) -> int:
    """Restore the entitlements that an order had before; return their number."""
    entitlement_ids = _attendee_ids_query(order_id)
    connection.execute(
        update(order_positions)
        .where(order_positions.c.entitlement_id.in_(entitlement_ids))
        .values(returned_at=None)
    )
    restored = (
        update(entitlements).where(entitlements.c.id.in_(entitlement_ids)).values(state="entitled")
    )
    return connection.execute(restored).rowcount


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


def _get_or_insert_person(connection: Connection, event_id: int, buyer: Buyer) -> int:
    """Return the guest id of the buyer; a guest known from the roster keeps the roster's name."""
    connection.execute(
        insert(guests)
        .values(
            event_id=event_id,
            natural_key=buyer.key,
            full_name=buyer.name,
            email=buyer.email,
            phone=buyer.phone,
        )
        .on_conflict_do_nothing(index_elements=[guests.c.event_id, guests.c.natural_key])
    )
    known = select(guests.c.id).where(
        guests.c.event_id == event_id, guests.c.natural_key == buyer.key
    )
    return int(connection.execute(known).scalar_one())
