"""Close checkout sessions that were replaced or whose order has ended.

A session on which a payment method was chosen cannot be closed; its payment is cancelled instead.
A payment received nevertheless is recorded as the gateway reports it.
"""

from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from ticketing.orders import queries as order_queries
from ticketing.platform.db.database import Database
from ticketing.platform.db.paging import iter_rows
from ticketing.platform.kernel.errors import GatewayRefused, Unavailable
from ticketing.platform.kernel.work_pool import work_side_by_side
from ticketing.selling.payments import attempt_queries, checkout_session_queries
from ticketing.selling.payments.attempt_references import collect_reference
from ticketing.selling.payments.checkout_session_queries import OpenCheckoutSession
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.poll_gateway import MAX_CONSECUTIVE_FAILURES
from ticketing.selling.payments.record_calls import recording_calls
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.payments.settle import STATUS_CONCURRENCY

CHUNK = 100


@dataclass(frozen=True, slots=True)
class SessionExpiryResult:
    """The number of closed sessions, and of those to be tried again."""

    closed: int
    left: int


def expire_sessions_of_ended_orders(
    database: Database,
    gateway: Midtrans,
    *,
    at: datetime,
    by: str,
    concurrency: int = STATUS_CONCURRENCY,
) -> SessionExpiryResult:
    """Close the open sessions of cancelled and expired orders; safe to repeat and to kill.

    Closes `concurrency` sessions at once. Stops when the gateway is down; the next run continues.
    """
    outcomes = Counter[bool]()
    recent = deque[bool | None](maxlen=MAX_CONSECUTIVE_FAILURES)
    sessions = iter_rows(
        database,
        lambda connection, last_id: checkout_session_queries.list_open_of_ended_orders(
            connection, after_id=last_id, limit=CHUNK
        ),
        key=lambda session: session.attempt_id,
    )
    for is_closed in work_side_by_side(
        takewhile(lambda _: recent.count(None) < MAX_CONSECUTIVE_FAILURES, sessions),
        lambda session: _try_to_expire(database, gateway, session, at=at, by=by),
        size=concurrency,
        name="closing",
    ):
        recent.append(is_closed)
        outcomes[bool(is_closed)] += 1
    return SessionExpiryResult(closed=outcomes[True], left=outcomes[False])


def _try_to_expire(
    database: Database, gateway: Midtrans, session: OpenCheckoutSession, *, at: datetime, by: str
) -> bool | None:
    """Return whether a session was closed; None without an answer of the gateway."""
    try:
        return expire_session(database, gateway, session, at=at, by=by)
    except Unavailable:
        return None
    except GatewayRefused:
        return False


def expire_order_sessions(
    database: Database, gateway: Midtrans, order_id: int, *, at: datetime, by: str
) -> None:
    """Close the sessions of one order now, as far as possible; the next run closes the rest.

    Those of an order of another payment environment are left: this gateway does not know them.
    """
    if database.run(order_queries.get, order_id).other_environment:
        return
    sessions = database.run(checkout_session_queries.list_open_for_order, order_id)
    with suppress(Unavailable, GatewayRefused):
        for session in sessions:
            expire_session(database, gateway, session, at=at, by=by)


def expire_session(
    database: Database,
    gateway: Midtrans,
    session: OpenCheckoutSession,
    *,
    at: datetime,
    by: str,
) -> bool:
    """Close a session; return False while a payment on it is under way."""
    notification = None
    with recording_calls(database, session.attempt_key):
        try:
            gateway.expire_checkout_session(session.token)
        except GatewayRefused:
            reference = database.run(collect_reference, session.attempt_key)
            notification = gateway.cancel(session.attempt_key, reference.transaction_ids)
    if notification is not None and not (
        notification.state.has_failed or notification.state.has_taken_money
    ):
        return False
    with database.transaction() as connection:
        attempt = attempt_queries.find(connection, session.attempt_key)
        if notification is not None and attempt is not None:
            record_payment(connection, attempt, notification.payment_status, at=at, by=by)
        checkout_session_queries.mark_closed(connection, session.attempt_id, at=at)
    return True
