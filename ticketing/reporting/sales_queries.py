"""Queries for the sales and the payment attempts of a time span, of this payment environment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, cast, func, or_, select

from ticketing.orders.order import OrderState
from ticketing.orders.payment_attempt import AttemptState, PaymentMeans
from ticketing.platform.db.conditions import is_within
from ticketing.platform.db.payment_environment import is_of_this_environment
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.orders import order_lines, orders
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.platform.kernel.money import Rupiah
from ticketing.platform.kernel.time_span import TimeSpan

_PAID_VALUE = orders.c.total + orders.c.accepted_difference


@dataclass(frozen=True, slots=True)
class EventSales:
    """Sales of an event: orders paid in the span, whenever they were placed.

    `placed` counts the orders placed in the span, in any state. Of the paid ones, `cancelled` were
    cancelled since, and `refunded` is the amount refunded until now. `total` includes accepted
    differences: payments of another amount than requested.
    """

    event_slug: str
    placed: int
    paid: int
    cancelled: int
    places: int
    subtotal: Rupiah
    discount: Rupiah
    total: Rupiah
    refunded: Rupiah


@dataclass(frozen=True, slots=True)
class RecordedAttempt:
    """A payment attempt as stored."""

    order_code: str
    key: str
    state: AttemptState
    amount: Rupiah
    refunded: Rupiah


def list_event_sales(connection: Connection, span: TimeSpan) -> list[EventSales]:
    """Return events with orders or payments in the span, highest revenue first."""
    paid = is_within(orders.c.paid_at, span)
    undone = and_(paid, orders.c.state != OrderState.PAID)
    placed = is_within(orders.c.created_at, span)
    places = (
        select(func.sum(order_lines.c.quantity))
        .where(order_lines.c.order_id == orders.c.id)
        .scalar_subquery()
    )
    query = (
        select(
            events.c.slug,
            func.count().filter(placed),
            func.count().filter(paid),
            func.count().filter(undone),
            _sum(places, paid),
            _sum(orders.c.subtotal, paid),
            _sum(orders.c.discount, paid),
            _sum(_PAID_VALUE, paid).label("total"),
            _sum(orders.c.refunded, paid),
        )
        .join(events, events.c.id == orders.c.event_id)
        .where(or_(placed, paid), is_of_this_environment())
        .group_by(events.c.id)
        .order_by(_sum(_PAID_VALUE, paid).desc(), events.c.slug)
    )
    return [
        EventSales(slug, placed, paid, undone, places, *map(Rupiah, amounts))
        for slug, placed, paid, undone, places, *amounts in connection.execute(query)
    ]


def _sum(column: ColumnElement[int], where: ColumnElement[bool]) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(column).filter(where), 0), BigInteger)


def list_paid_amounts(connection: Connection, span: TimeSpan) -> Sequence[tuple[datetime, Rupiah]]:
    """Return the payments in the span, in the order of time."""
    query = (
        select(orders.c.paid_at, _PAID_VALUE)
        .where(is_within(orders.c.paid_at, span), is_of_this_environment())
        .order_by(orders.c.paid_at, orders.c.id)
    )
    return [(paid_at, Rupiah(total)) for paid_at, total in connection.execute(query)]


def list_attempts(connection: Connection, span: TimeSpan) -> list[RecordedAttempt]:
    """Return attempts at the gateway begun in the span, or whose order was paid in it."""
    query = (
        select(
            orders.c.code,
            payment_attempts.c.key,
            payment_attempts.c.state,
            payment_attempts.c.amount,
            payment_attempts.c.refunded,
        )
        .join(orders, orders.c.id == payment_attempts.c.order_id)
        .where(
            payment_attempts.c.means == PaymentMeans.GATEWAY,
            or_(is_within(payment_attempts.c.created_at, span), is_within(orders.c.paid_at, span)),
            is_of_this_environment(),
        )
        .order_by(payment_attempts.c.id)
    )
    return [
        RecordedAttempt(code, key, AttemptState(state), Rupiah(amount), Rupiah(refunded))
        for code, key, state, amount, refunded in connection.execute(query)
    ]
