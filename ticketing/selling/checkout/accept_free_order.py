"""Accept a free order that was placed for the buyer: an offer of a waiting list."""

from datetime import datetime

from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderState, require_present_environment
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import ImpossibleTransition
from ticketing.platform.kernel.money import ZERO
from ticketing.selling.checkout.place_order import complete_if_free
from ticketing.selling.checkout.set_guests import require_guest_names


def accept_free_order(database: Database, order_id: int, *, at: datetime, by: str) -> Order:
    """Complete a free order whose places are held for its buyer; safe to repeat.

    Refuses an order that has ended, costs money, or lacks a required name.
    """
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        if order.state is OrderState.PAID:
            return order
        if order.state is not OrderState.PENDING or at >= order.expires_at:
            raise ImpossibleTransition(f"the reservation of order {order.code} has ended")
        if order.total > ZERO:
            raise ImpossibleTransition(f"order {order.code} costs {order.total}; pay it instead")
        require_present_environment(order)
        require_guest_names(connection, order)
        return complete_if_free(connection, order, at=at, by=by)
