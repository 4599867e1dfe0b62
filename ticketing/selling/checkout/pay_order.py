"""Paying an order: a page of the gateway, the same one for as long as it lives.

The attempt is in the database before the gateway hears of it, so that no notice finds us unaware.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderState
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import ImpossibleTransition, PaymentUnderWay, TicketingError
from ticketing.platform.kernel.money import ZERO
from ticketing.selling.checkout import order_view_queries
from ticketing.selling.checkout.order_view_queries import OrderView
from ticketing.selling.payments import attempt_queries, checkout_session_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.checkout_session_queries import OpenCheckoutSession
from ticketing.selling.payments.expire_checkout_sessions import (
    expire_order_sessions,
    expire_session,
)
from ticketing.selling.payments.midtrans.client import CheckoutSession, Midtrans
from ticketing.selling.payments.midtrans.snap_request import CheckoutItem, CheckoutRequest

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _PendingCheckout:
    """What is to be asked of the gateway: older pages ended, then this one made."""

    attempt: PaymentAttempt
    checkout: CheckoutRequest
    open_sessions: list[OpenCheckoutSession]


def pay_order(
    database: Database, midtrans: Midtrans, order_id: int, *, finish_url: str, at: datetime, by: str
) -> CheckoutSession:
    """Where to pay, as often as asked; after a failed attempt, a new one on a new page.

    Refuses what is paid, over, or has no buyer; with PaymentUnderWay while an older payment goes
    on, or while somebody else is asking.
    """
    with database.transaction() as connection:
        asked = _begin_checkout(connection, order_id, finish_url=finish_url, at=at, by=by)
    if isinstance(asked, CheckoutSession):
        return asked
    try:
        _expire_older_sessions(database, midtrans, asked, at=at, by=by)
        page = midtrans.create_checkout_session(asked.checkout)
    except TicketingError:
        with database.transaction() as connection:
            checkout_session_queries.release(connection, asked.attempt.id)
        raise
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        checkout_session_queries.store(connection, asked.attempt.id, token=page.token, url=page.url)
    if order.state is not OrderState.PENDING:  # cancelled while the gateway was asked
        expire_order_sessions(database, midtrans, order_id, at=at, by=by)
    _require_pending(order)
    return page


def _begin_checkout(
    connection: Connection, order_id: int, *, finish_url: str, at: datetime, by: str
) -> CheckoutSession | _PendingCheckout:
    order = order_queries.lock(connection, order_id)
    attempt = attempt_queries.get_or_insert_open(connection, order, at=at)
    minutes = (attempt.session_expires_at(order) - at) // MINUTE
    if minutes < 1:
        raise ImpossibleTransition(f"order {order.code} is out of time; order again")
    pages = checkout_session_queries.list_open_for_order(connection, order.id)
    live = next((page for page in pages if page.attempt_id == attempt.id), None)
    if live is not None:
        return CheckoutSession(live.token, live.url)
    if not checkout_session_queries.claim(connection, attempt.id, at=at):
        raise PaymentUnderWay(f"a page to pay {order.code} on is being made", retryAfter=1)
    audit_log.record(
        connection, actor=by, action="payments.begin", event_id=order.event_id, subject=attempt.key
    )
    checkout = _build_checkout_request(
        connection, order, attempt, starts_at=at, minutes=minutes, url=finish_url
    )
    return _PendingCheckout(attempt, checkout, pages)


def _build_checkout_request(
    connection: Connection,
    order: Order,
    attempt: PaymentAttempt,
    *,
    starts_at: datetime,
    minutes: int,
    url: str,
) -> CheckoutRequest:
    """What the page is to show. It ends in whole minutes, so with our hold or just before it."""
    seen = order_view_queries.get(connection, order.id)
    buyer = order.buyer
    return CheckoutRequest(
        order_id=attempt.key,
        items=_items(seen, attempt),
        discount=seen.discount if attempt.part is None else ZERO,
        starts_at=starts_at,
        minutes=minutes,
        name=buyer.name if buyer else "",
        email=buyer.email if buyer else "",
        phone=buyer.phone if buyer else "",
        finish_url=url,
    )


def _items(seen: OrderView, attempt: PaymentAttempt) -> tuple[CheckoutItem, ...]:
    """What is paid for: the places, or one part of the order."""
    if attempt.part is not None:
        name = f"{seen.code} {attempt.part}/{len(seen.parts)}"
        return (CheckoutItem(f"PART-{attempt.part}", name, attempt.amount, 1),)
    return tuple(
        CheckoutItem(str(line.ticket_type_id), line.name, line.price, line.quantity)
        for line in seen.lines
        if line.price.amount
    )


def _expire_older_sessions(
    database: Database, midtrans: Midtrans, pending: _PendingCheckout, *, at: datetime, by: str
) -> None:
    """End what the order could still be paid on; refuses when it was, so that nobody pays twice."""
    for page in pending.open_sessions:
        if not expire_session(database, midtrans, page, at=at, by=by):
            raise PaymentUnderWay("an earlier payment of this order goes on; wait for it to end")
    if pending.open_sessions:
        with database.transaction() as connection:
            _require_pending(order_queries.lock(connection, pending.attempt.order_id))


def _require_pending(order: Order) -> None:
    if order.state is not OrderState.PENDING:
        raise ImpossibleTransition(f"order {order.code} is {order.state}; it cannot be paid")
