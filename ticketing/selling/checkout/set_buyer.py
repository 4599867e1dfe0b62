"""Set the buyer of a pending order, whose reservation the first buyer extends."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.catalogue import stock_queries
from ticketing.events import queries as event_queries
from ticketing.orders import audit, hold_queries, instalment_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.holds import NO_HOLD_LIMITS, HoldLimits, hold_period
from ticketing.orders.order import Buyer, Order, OrderLine, OrderState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import ImpossibleTransition
from ticketing.selling.checkout.place_order import (
    check_buyer,
    complete_if_free,
    count_places,
    notify_of_placed_order,
)


def set_order_buyer(
    database: Database,
    order_id: int,
    *,
    buyer: Buyer,
    at: datetime,
    by: str,
    holds: HoldLimits = NO_HOLD_LIMITS,
) -> Order:
    """Set the buyer of a pending order, any number of times; refuses more places than allowed.

    The first buyer extends the reservation to the event's period.
    """
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        if order.state is not OrderState.PENDING:
            raise ImpossibleTransition(
                f"order {order.code} is {order.state}; its buyer cannot be changed"
            )
        if order.payment_plan_id is not None and _has_paid_instalment(connection, order):
            raise ImpossibleTransition(
                f"an instalment of order {order.code} is paid; its buyer cannot be changed"
            )
        lines = order_queries.list_lines(connection, order_id)
        check_contact_hold(connection, order, buyer, lines, holds=holds, at=at)
        store_buyer(connection, order, buyer, lines)
        if order.buyer is None and at < order.expires_at:
            event = event_queries.get(connection, str(order.event_id))
            extension = event.hold_period - hold_period(event.hold_period, has_buyer=False)
            order = replace(order, expires_at=order.expires_at + extension)
            order_queries.extend_reservation(connection, order_id, order.expires_at)
        order = replace(order, buyer=buyer)
        audit.record(connection, order, by, "orders.update_buyer", items=count_places(lines))
        order = complete_if_free(connection, order, at=at, by=by)
        notify_of_placed_order(connection, order)
        return order


def check_contact_hold(
    connection: Connection,
    order: Order,
    buyer: Buyer,
    lines: Sequence[OrderLine],
    *,
    holds: HoldLimits,
    at: datetime,
) -> None:
    """Refuse to give a locked unpaid order to another contact that holds too many places."""
    if order.buyer is not None and order.buyer.key == buyer.key:
        return
    adopted = hold_queries.hold_parameters(holds, order.event_id, "", buyer.key, at)
    _, held = hold_queries.lock_and_count_held(connection, adopted)
    holds.check_contact(held, count_places(lines))


def store_buyer(
    connection: Connection, order: Order, buyer: Buyer, lines: Sequence[OrderLine]
) -> None:
    """Store the buyer of a locked order; refuses one with more places than the limit."""
    limits = stock_queries.lock_limits(connection, [line.ticket_type_id for line in lines])
    order_queries.set_buyer(connection, order, buyer)
    check_buyer(connection, order, buyer, limits)


def _has_paid_instalment(connection: Connection, order: Order) -> bool:
    return any(
        instalment.paid_at is not None
        for instalment in instalment_queries.list_for_order(connection, order.id)
    )
