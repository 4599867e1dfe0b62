"""Places of ticket types: reserved, sold, given back; and the proof that nothing drifted.

Every change is one conditional UPDATE, which locks the ticket type's row until the transaction
ends. Lines must come in the order of their ticket types, or two orders could wait for each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, case, func, or_, select, update

from ticketing.domain.errors import NotOnSale, SoldOut
from ticketing.domain.money import Rupiah
from ticketing.domain.orders import Line, OrderState, Selection
from ticketing.domain.stock import Limits, Stock
from ticketing.store.schema import ticket_types
from ticketing.store.schema_sales import order_lines, orders

_NEW_TOTAL = ticket_types.c.pending + ticket_types.c.sold


@dataclass(frozen=True, slots=True)
class Reserved:
    """Places held now, at the price they have now, and the limits that stand for them."""

    line: Line
    limits: Limits


@dataclass(frozen=True, slots=True)
class Drift:
    """A ticket type whose counts are not what its orders say."""

    ticket_type_id: int
    counted: Stock
    pending_by_orders: int
    sold_by_orders: int


def reserve(connection: Connection, event_id: int, selection: Selection) -> Reserved:
    """Hold these places, or refuse with how many are left."""
    query = (
        update(ticket_types)
        .where(
            ticket_types.c.id == selection.ticket_type_id,
            ticket_types.c.event_id == event_id,
            ticket_types.c.on_sale,
            _has_room(selection.quantity),
        )
        .values(pending=ticket_types.c.pending + selection.quantity)
        .returning(ticket_types.c.price, ticket_types.c.max_per_order, ticket_types.c.max_per_buyer)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise _refusal(connection, event_id, selection)
    line = Line(selection.ticket_type_id, selection.quantity, Rupiah(row.price))
    return Reserved(line, Limits(row.max_per_order, row.max_per_buyer))


def lock_limits(connection: Connection, ticket_type_ids: Sequence[int]) -> dict[int, Limits]:
    """The limits of these types, whose rows stay locked until the transaction ends."""
    query = (
        select(ticket_types.c.id, ticket_types.c.max_per_order, ticket_types.c.max_per_buyer)
        .where(ticket_types.c.id.in_(ticket_type_ids))
        .order_by(ticket_types.c.id)
        .with_for_update(key_share=True)
    )
    rows = connection.execute(query)
    return {row.id: Limits(row.max_per_order, row.max_per_buyer) for row in rows}


def confirm(connection: Connection, lines: Iterable[Line]) -> None:
    """Held places are sold."""
    _move(connection, lines, pending=-1, sold=+1)


def release(connection: Connection, lines: Iterable[Line]) -> None:
    """Held places are free again."""
    _move(connection, lines, pending=-1, sold=0)


def take_back(connection: Connection, lines: Iterable[Line]) -> None:
    """Sold places are free again."""
    _move(connection, lines, pending=0, sold=-1)


def sell_late(connection: Connection, lines: Iterable[Line]) -> None:
    """Sell places that are no longer held, or refuse; call it inside a savepoint."""
    for line in lines:
        query = (
            update(ticket_types)
            .where(ticket_types.c.id == line.ticket_type_id, _has_room(line.quantity))
            .values(sold=ticket_types.c.sold + line.quantity)
        )
        if connection.execute(query).rowcount == 0:
            left = of(connection, line.ticket_type_id)
            raise SoldOut(
                f"ticket type {line.ticket_type_id} has {left.available} places left,"
                f" not {line.quantity}"
            )


def _has_room(quantity: int) -> ColumnElement[bool]:
    return or_(ticket_types.c.capacity.is_(None), _NEW_TOTAL + quantity <= ticket_types.c.capacity)


def _move(connection: Connection, lines: Iterable[Line], *, pending: int, sold: int) -> None:
    for line in lines:
        connection.execute(
            update(ticket_types)
            .where(ticket_types.c.id == line.ticket_type_id)
            .values(
                pending=ticket_types.c.pending + pending * line.quantity,
                sold=ticket_types.c.sold + sold * line.quantity,
            )
        )


def of(connection: Connection, ticket_type_id: int) -> Stock:
    """How many places of a ticket type are held, sold and there at all."""
    row = connection.execute(
        select(ticket_types.c.capacity, ticket_types.c.pending, ticket_types.c.sold).where(
            ticket_types.c.id == ticket_type_id
        )
    ).one()
    return Stock(row.capacity, row.pending, row.sold)


def _refusal(connection: Connection, event_id: int, selection: Selection) -> NotOnSale:
    on_sale = connection.execute(
        select(ticket_types.c.name).where(
            ticket_types.c.id == selection.ticket_type_id,
            ticket_types.c.event_id == event_id,
            ticket_types.c.on_sale,
        )
    ).scalar_one_or_none()
    if on_sale is None:
        return NotOnSale(f"ticket type {selection.ticket_type_id} is not on sale for this event")
    left = of(connection, selection.ticket_type_id).available
    return SoldOut(
        f"{on_sale}: {selection.quantity} places asked for, {left} left",
        ticket_type_id=selection.ticket_type_id,
        available=left,
    )


def drifted(connection: Connection, event_id: int) -> list[Drift]:
    """Ticket types whose counts differ from their orders, or exceed their capacity: none, ever.

    One statement, so that it sees counts and orders of one instant.
    """
    held = _quantity_in(OrderState.PENDING)
    sold = _quantity_in(OrderState.PAID)
    query = (
        select(
            ticket_types.c.id,
            ticket_types.c.capacity,
            ticket_types.c.pending,
            ticket_types.c.sold,
            held.label("held_by_orders"),
            sold.label("sold_by_orders"),
        )
        .select_from(
            ticket_types.outerjoin(
                order_lines, order_lines.c.ticket_type_id == ticket_types.c.id
            ).outerjoin(orders, orders.c.id == order_lines.c.order_id)
        )
        .where(ticket_types.c.event_id == event_id)
        .group_by(ticket_types.c.id)
        .having(
            or_(
                held != ticket_types.c.pending,
                sold != ticket_types.c.sold,
                ticket_types.c.capacity < _NEW_TOTAL,
            )
        )
        .order_by(ticket_types.c.id)
    )
    return [
        Drift(
            row.id,
            Stock(row.capacity, row.pending, row.sold),
            int(row.held_by_orders),
            int(row.sold_by_orders),
        )
        for row in connection.execute(query)
    ]


def _quantity_in(state: OrderState) -> ColumnElement[int]:
    return func.coalesce(
        func.sum(case((orders.c.state == state, order_lines.c.quantity), else_=0)), 0
    )
