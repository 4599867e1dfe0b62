"""Start the payment of an order: one checkout session, reused while it is open.

The attempt is stored before the gateway receives it, so that every notification finds it.
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
from ticketing.selling.checkout.set_guests import require_guest_names
from ticketing.selling.payments import (
    attempt_queries,
    checkout_session_queries,
    gateway_call_queries,
)
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.checkout_session_queries import OpenCheckoutSession
from ticketing.selling.payments.expire_checkout_sessions import (
    expire_order_sessions,
    expire_session,
)
from ticketing.selling.payments.midtrans.call_count import counting_calls
from ticketing.selling.payments.midtrans.client import CheckoutSession, Midtrans
from ticketing.selling.payments.midtrans.snap_request import CheckoutItem, CheckoutRequest
from ticketing.selling.payments.unsettled_money import list_unsettled_money
from ticketing.selling.refunds.resolve_flag import list_undecided_payments

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _PendingCheckout:
    """The session to be created, and the older sessions to be closed before."""

    attempt: PaymentAttempt
    checkout: CheckoutRequest
    open_sessions: list[OpenCheckoutSession]


def pay_order(
    database: Database, midtrans: Midtrans, order_id: int, *, finish_url: str, at: datetime, by: str
) -> CheckoutSession:
    """Return the open checkout session; after a failed attempt, a new attempt with a new session.

    Refuses an order that is paid, ended, or lacks its buyer or a required name; raises
    PaymentUnderWay while an older payment is in progress or another process is creating the
    session.
    """
    pending = database.run(_begin_checkout, order_id, finish_url=finish_url, at=at, by=by)
    if isinstance(pending, CheckoutSession):
        return pending
    try:
        _expire_older_sessions(database, midtrans, pending, at=at, by=by)
        with counting_calls() as calls:
            session = midtrans.create_checkout_session(pending.checkout)
    except TicketingError:
        database.run(checkout_session_queries.release, pending.attempt.id)
        raise
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        checkout_session_queries.store(
            connection, pending.attempt.id, token=session.token, url=session.url
        )
        gateway_call_queries.add(connection, pending.attempt.key, calls)
    if order.state is not OrderState.PENDING:  # cancelled while the gateway was asked
        expire_order_sessions(database, midtrans, order_id, at=at, by=by)
    _require_pending(order)
    return session


def _begin_checkout(
    connection: Connection, order_id: int, *, finish_url: str, at: datetime, by: str
) -> CheckoutSession | _PendingCheckout:
    order = order_queries.lock(connection, order_id)
    require_guest_names(connection, order)
    _refuse_payment_in_progress(connection, order)
    attempt = attempt_queries.get_or_insert_open(connection, order, at=at)
    minutes = (attempt.session_expires_at(order) - at) // MINUTE
    if minutes < 1:
        raise ImpossibleTransition(f"the reservation of order {order.code} has ended; order again")
    sessions = checkout_session_queries.list_open_for_order(connection, order.id)
    open_session = next((session for session in sessions if session.attempt_id == attempt.id), None)
    if open_session is not None:
        return CheckoutSession(open_session.token, open_session.url)
    if not checkout_session_queries.claim(connection, attempt.id, at=at):
        raise PaymentUnderWay(
            f"the checkout session of order {order.code} is being created", retryAfter=1
        )
    audit_log.record(connection, by, "payments.start", event_id=order.event_id, subject=attempt.key)
    checkout = _build_checkout_request(
        connection, order, attempt, starts_at=at, minutes=minutes, url=finish_url
    )
    return _PendingCheckout(attempt, checkout, sessions)


def _refuse_payment_in_progress(connection: Connection, order: Order) -> None:
    """Refuse while an older payment is unsettled or waits for staff: it would be paid twice."""
    attempts = attempt_queries.list_for_order(connection, order.id)
    if not attempts:
        return
    if list_unsettled_money(connection, attempts, answered=()):
        raise PaymentUnderWay(
            f"order {order.code}: a payment is being processed; look at the order again in a minute"
        )
    if order.state is OrderState.PENDING and list_undecided_payments(connection, order):
        raise PaymentUnderWay(
            f"order {order.code}: a payment of another amount arrived; the organiser decides about"
            " it first"
        )


def _build_checkout_request(
    connection: Connection,
    order: Order,
    attempt: PaymentAttempt,
    *,
    starts_at: datetime,
    minutes: int,
    url: str,
) -> CheckoutRequest:
    """Return the request; it ends at the reservation's end, rounded down to minutes."""
    view = order_view_queries.get(connection, order.id)
    buyer = order.buyer
    return CheckoutRequest(
        order_id=attempt.key,
        items=_items(view, attempt),
        discount=view.discount if attempt.instalment_sequence is None else ZERO,
        starts_at=starts_at,
        minutes=minutes,
        name=buyer.name if buyer else "",
        email=buyer.email if buyer else "",
        phone=buyer.phone if buyer else "",
        finish_url=url,
    )


def _items(view: OrderView, attempt: PaymentAttempt) -> tuple[CheckoutItem, ...]:
    """Return the items to pay: the places, or one instalment."""
    if attempt.instalment_sequence is not None:
        name = f"{view.code} {attempt.instalment_sequence}/{len(view.instalments)}"
        return (CheckoutItem(f"PART-{attempt.instalment_sequence}", name, attempt.amount, 1),)
    return tuple(
        CheckoutItem(str(line.ticket_type_id), line.name, line.price, line.quantity)
        for line in view.lines
        if line.price.amount
    )


def _expire_older_sessions(
    database: Database, midtrans: Midtrans, pending: _PendingCheckout, *, at: datetime, by: str
) -> None:
    """Close older sessions; refuses if one was paid, so that no order is paid twice."""
    for session in pending.open_sessions:
        if not expire_session(database, midtrans, session, at=at, by=by):
            raise PaymentUnderWay("an earlier payment of this order is in progress; wait for it")
    if pending.open_sessions:
        with database.transaction() as connection:
            _require_pending(order_queries.lock(connection, pending.attempt.order_id))


def _require_pending(order: Order) -> None:
    if order.state is not OrderState.PENDING:
        raise ImpossibleTransition(f"order {order.code} is {order.state}; it cannot be paid")
