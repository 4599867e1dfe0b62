"""Reserve, sell and release places of ticket types, and find counters that differ from the orders.

Every change is one conditional UPDATE, which locks the ticket type's row until the transaction
ends. Lines must be ordered by ticket type; otherwise two orders could deadlock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    any_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)

from ticketing.catalogue.stock import PurchaseLimits, Stock
from ticketing.orders.order import OrderLine, OrderState, Selection
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.orders import order_lines, orders
from ticketing.platform.kernel.errors import NotOnSale, SoldOut
from ticketing.platform.kernel.money import Rupiah

_PLACES_TAKEN = ticket_types.c.pending + ticket_types.c.sold


def has_capacity(places: int | BindParameter[int]) -> ColumnElement[bool]:
    """Return the condition that a ticket type has this many places available."""
    return or_(ticket_types.c.capacity.is_(None), _PLACES_TAKEN + places <= ticket_types.c.capacity)


# built once: building them takes three times as long as PostgreSQL needs to execute them
_OFFERS = select(
    *ticket_types.c[
        "id", "name", "price", "max_per_order", "max_per_buyer", "capacity", "pending", "sold"
    ],
).where(
    ticket_types.c.id == any_(bindparam("type_ids", type_=ARRAY(BigInteger))),
    ticket_types.c.event_id == bindparam("at_event"),
    ticket_types.c.on_sale,
)
_PLACES = bindparam("places", type_=BigInteger)
_PRICE = bindparam("at_price", type_=BigInteger)
_HOLD_PLACES = (
    update(ticket_types)
    .where(
        ticket_types.c.id == bindparam("type_id"),
        ticket_types.c.on_sale,
        ticket_types.c.price == _PRICE,
        has_capacity(_PLACES),
    )
    .values(pending=ticket_types.c.pending + _PLACES)
    .returning(ticket_types.c.id)
    .cte("reserved")
)
# both in one statement: other orders wait for this row until the transaction ends
_RESERVE = (
    insert(order_lines)
    .from_select(
        ["order_id", "ticket_type_id", "quantity", "price"],
        select(bindparam("for_order", type_=BigInteger), _HOLD_PLACES.c.id, _PLACES, _PRICE),
    )
    .returning(order_lines.c.id)
    .add_cte(_HOLD_PLACES)
)


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """An order line at the current price with its limits; checked, but not reserved."""

    line: OrderLine
    limits: PurchaseLimits
    name: str


@dataclass(frozen=True, slots=True)
class StockDrift:
    """A ticket type whose counters differ from its orders."""

    ticket_type_id: int
    counted: Stock
    pending_by_orders: int
    sold_by_orders: int


def quote_lines(
    connection: Connection, event_id: int, selections: Sequence[Selection]
) -> tuple[QuotedLine, ...]:
    """Return the selections at current prices; refuses types that are not on sale or sold out."""
    parameters = {"type_ids": [each.ticket_type_id for each in selections], "at_event": event_id}
    rows = {row.id: row for row in connection.execute(_OFFERS, parameters)}
    return tuple(_quote_line(rows.get(each.ticket_type_id), each) for each in selections)


def _quote_line(row: Row[*tuple[Any, ...]] | None, selection: Selection) -> QuotedLine:
    if row is None:
        raise _not_on_sale(selection.ticket_type_id)
    left = Stock(row.capacity, row.pending, row.sold).available
    if left is not None and left < selection.quantity:
        raise _sold_out(row.name, selection.ticket_type_id, selection.quantity, left)
    line = OrderLine(selection.ticket_type_id, selection.quantity, Rupiah(row.price))
    return QuotedLine(line, PurchaseLimits(row.max_per_order, row.max_per_buyer), row.name)


def reserve(connection: Connection, line: OrderLine, order_id: int) -> None:
    """Reserve places for a new order and store its line; refuses and reports how many are left."""
    parameters = {
        "type_id": line.ticket_type_id,
        "places": line.quantity,
        "at_price": line.price.amount,
        "for_order": order_id,
    }
    if connection.execute(_RESERVE, parameters).first() is None:
        raise _refusal(connection, line)


def lock_limits(
    connection: Connection, ticket_type_ids: Sequence[int]
) -> dict[int, PurchaseLimits]:
    """Return the limits of these types and lock their rows until the transaction ends."""
    query = (
        select(ticket_types.c.id, ticket_types.c.max_per_order, ticket_types.c.max_per_buyer)
        .where(ticket_types.c.id.in_(ticket_type_ids))
        .order_by(ticket_types.c.id)
        .with_for_update(key_share=True)
    )
    rows = connection.execute(query)
    return {row.id: PurchaseLimits(row.max_per_order, row.max_per_buyer) for row in rows}


def confirm(connection: Connection, lines: Iterable[OrderLine]) -> None:
    """Turn reserved places into sold ones."""
    _adjust_counts(connection, lines, pending=-1, sold=+1)


def release(connection: Connection, lines: Iterable[OrderLine]) -> None:
    """Make reserved places available again."""
    _adjust_counts(connection, lines, pending=-1, sold=0)


def return_sold(connection: Connection, lines: Iterable[OrderLine]) -> None:
    """Make sold places available again."""
    _adjust_counts(connection, lines, pending=0, sold=-1)


def sell_unreserved(connection: Connection, lines: Iterable[OrderLine]) -> None:
    """Sell places that are not reserved any more, or refuse; call it inside a savepoint."""
    for line in lines:
        query = (
            update(ticket_types)
            .where(ticket_types.c.id == line.ticket_type_id, has_capacity(line.quantity))
            .values(sold=ticket_types.c.sold + line.quantity)
        )
        if connection.execute(query).rowcount == 0:
            left = get_stock(connection, line.ticket_type_id)
            raise SoldOut(
                f"ticket type {line.ticket_type_id} has {left.available} places left,"
                f" not {line.quantity}"
            )


def _adjust_counts(
    connection: Connection, lines: Iterable[OrderLine], *, pending: int, sold: int
) -> None:
    for line in lines:
        connection.execute(
            update(ticket_types)
            .where(ticket_types.c.id == line.ticket_type_id)
            .values(
                pending=ticket_types.c.pending + pending * line.quantity,
                sold=ticket_types.c.sold + sold * line.quantity,
            )
        )


def get_stock(connection: Connection, ticket_type_id: int) -> Stock:
    """Return the stock of a ticket type."""
    row = connection.execute(
        select(ticket_types.c.capacity, ticket_types.c.pending, ticket_types.c.sold).where(
            ticket_types.c.id == ticket_type_id
        )
    ).one()
    return Stock(row.capacity, row.pending, row.sold)


def _refusal(connection: Connection, line: OrderLine) -> NotOnSale:
    """Return the reason why places that were just quoted cannot be reserved."""
    query = select(ticket_types).where(ticket_types.c.id == line.ticket_type_id)
    row = connection.execute(query).one()
    left = Stock(row.capacity, row.pending, row.sold).available
    if not row.on_sale:
        return _not_on_sale(line.ticket_type_id)
    if row.price != line.price.amount:
        return NotOnSale(f"the price of {row.name} has just changed; order again")
    return _sold_out(row.name, line.ticket_type_id, line.quantity, left or 0)


def _not_on_sale(ticket_type_id: int) -> NotOnSale:
    return NotOnSale(f"ticket type {ticket_type_id} is not on sale for this event")


def _sold_out(name: str, ticket_type_id: int, requested: int, left: int) -> SoldOut:
    return SoldOut(
        f"{name}: {requested} places requested, {left} left",
        ticket_type_id=ticket_type_id,
        available=left,
    )


def list_drifted(connection: Connection, event_id: int) -> list[StockDrift]:
    """Return the ticket types whose counters differ from their orders or exceed their capacity.

    One statement, so that counters and orders are read from one snapshot.
    """
    pending = _quantity_in(OrderState.PENDING)
    sold = _quantity_in(OrderState.PAID)
    query = (
        select(
            *ticket_types.c["id", "capacity", "pending", "sold"],
            pending.label("pending_by_orders"),
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
                pending != ticket_types.c.pending,
                sold != ticket_types.c.sold,
                ticket_types.c.capacity < _PLACES_TAKEN,
            )
        )
        .order_by(ticket_types.c.id)
    )
    return [
        StockDrift(
            row.id,
            Stock(row.capacity, row.pending, row.sold),
            int(row.pending_by_orders),
            int(row.sold_by_orders),
        )
        for row in connection.execute(query)
    ]


def _quantity_in(state: OrderState) -> ColumnElement[int]:
    return func.coalesce(
        func.sum(
            case(
                (orders.c.state == state, order_lines.c.quantity - order_lines.c.returned), else_=0
            )
        ),
        0,
    )
