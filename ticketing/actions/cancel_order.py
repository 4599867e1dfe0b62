"""Giving up a pending order: its places and its promo code are free again, once."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.actions.end_parts import end_parts
from ticketing.domain.errors import ImpossibleTransition
from ticketing.domain.orders import Order, OrderState
from ticketing.store import audit, orders, promos, stock
from ticketing.store.database import Database


def cancel_order(database: Database, order_id: int, *, at: datetime, by: str) -> Order:
    """Give the places back; safe to repeat. Refuses an order that is paid or has expired.

    `close_pages` ends what it could still be paid on. What a gateway has taken all the same is
    found by settling: money for a cancelled order is flagged for a person.
    """
    with database.transaction() as connection:
        order = orders.lock(connection, order_id)
        if order.state is OrderState.PAID:
            raise ImpossibleTransition(f"order {order.code} is paid; refund it instead")
        if order.state is not OrderState.CANCELLED:
            order = give_back(connection, order, OrderState.CANCELLED, at=at)
            end_parts(connection, order, at=at, by=by)
            audit.record(
                connection,
                actor=by,
                action="orders.cancel",
                event_id=order.event_id,
                subject=order.code,
            )
    return order


def give_back(connection: Connection, order: Order, to: OrderState, *, at: datetime) -> Order:
    """End a locked pending order; the table of moves sees to it that nothing is freed twice."""
    orders.move(connection, order, to, at=at)
    stock.release(connection, orders.lines_of(connection, order.id))
    promos.release(connection, order.id, at=at)
    return replace(order, state=to)
