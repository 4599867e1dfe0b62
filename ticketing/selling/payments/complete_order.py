"""What happens to an order when money came, went, or raised a question: all in one transaction.

The caller has locked the order. Every effect has a key of its own, so none comes about twice.
"""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.catalogue import promo_queries, stock_queries
from ticketing.orders import flag_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, Flag, Order, OrderState
from ticketing.platform.db import audit_log, outbox
from ticketing.platform.kernel.errors import BuyerUnknown, PromoRefused, SoldOut
from ticketing.selling.payments import entitlement_queries
from ticketing.tickets import ticket_write_queries
from ticketing.vouchers import transition_queries
from ticketing.vouchers.allocate import owe_vouchers

REVERSED = "the bank took the payment back"


def complete(
    connection: Connection, order: Order, *, attempt_id: int | None, at: datetime, by: str
) -> None:
    """The order is paid: its places are sold, the buyer is entitled to them, all are told."""
    if order.buyer is None:
        raise BuyerUnknown(f"order {order.code} has no buyer yet")
    if not order_queries.first_time(connection, order.id, "complete", at=at):
        return
    lines = order_queries.lines_of(connection, order.id)
    if order.state is OrderState.PENDING:
        stock_queries.confirm(connection, lines)
    else:
        stock_queries.sell_late(connection, lines)
        promo_queries.redeem_again(connection, order.id)
    order_queries.move(connection, order, OrderState.PAID, at=at)
    if attempt_id is not None:
        order_queries.set_paid_by(connection, order.id, attempt_id)
    tell(connection, order, "order.paid", outbox.ORGANISER)
    places = entitle(connection, order, order.buyer) + owe_vouchers(connection, order, at=at)
    _record(connection, order, "orders.pay", items=places, by=by)


def entitle(connection: Connection, order: Order, buyer: Buyer) -> int:
    """The buyer has the places and is told; safe to repeat for an order paid in parts."""
    places = 0
    if order.payment_plan_id is not None:  # the first part may have entitled to them
        places = entitlement_queries.entitle_again(connection, order.id)
    places = places or entitlement_queries.entitle(connection, order, buyer)
    if places:
        tell(connection, order, "order.confirmation", buyer.email or buyer.phone)
    return places


def complete_if_stock_is_left(
    connection: Connection, order: Order, *, attempt_id: int, at: datetime, by: str
) -> None:
    """Money came after the places were given back: sell them again, or let a person decide."""
    try:
        with connection.begin_nested():
            complete(connection, order, attempt_id=attempt_id, at=at, by=by)
    except (SoldOut, PromoRefused) as error:
        ask_a_person(connection, order, Flag.PAID_LATE, f"paid after its time: {error}", at=at)


def reverse(connection: Connection, order: Order, *, at: datetime, by: str) -> None:
    """The money was never ours: places are free again, tickets on them end, all are told."""
    if not order_queries.first_time(connection, order.id, "reverse", at=at):
        return
    order_queries.move(connection, order, OrderState.CANCELLED, at=at)
    stock_queries.take_back(connection, order_queries.lines_left(connection, order.id))
    promo_queries.release(connection, order.id, at=at)
    live = entitlement_queries.withdraw(connection, order.id)
    ended = len(ticket_write_queries.revoke(connection, live, reason=REVERSED, at=at))
    ended += transition_queries.end_of_order(
        connection, order.id, why=transition_queries.REVERSED, at=at
    )
    ask_a_person(connection, order, Flag.MONEY_REVERSED, REVERSED, at=at)
    if order.buyer is not None:
        tell(connection, order, "order.reversed", order.buyer.email or order.buyer.phone)
    _record(connection, order, "orders.reverse", items=ended, by=by)


def ask_a_person(
    connection: Connection, order: Order, flag: Flag, message: str, *, at: datetime
) -> None:
    """Make a question visible at the order, and tell the organiser."""
    flag_queries.raise_flag(connection, order.id, flag, message, at=at)
    tell(connection, order, f"order.{flag}", outbox.ORGANISER)


def tell(
    connection: Connection, order: Order, purpose: str, recipient: str, **more: object
) -> None:
    """Leave a message about the order to be sent."""
    outbox.add(
        connection,
        event_id=order.event_id,
        purpose=purpose,
        subject=order.code,
        recipient=recipient,
        payload={"order": order.code, "total": order.total.amount} | more,
    )


def _record(connection: Connection, order: Order, action: str, *, items: int, by: str) -> None:
    audit_log.record(
        connection,
        actor=by,
        action=action,
        event_id=order.event_id,
        subject=order.code,
        items=items,
    )
