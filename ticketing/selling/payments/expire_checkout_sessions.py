"""Closing payment pages: nobody shall pay on an old one, or for an order that has ended.

A page on which a way to pay was chosen cannot be closed; then that payment is ended. Money that
came all the same is written down as the gateway tells it.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import GatewayRefused, Unavailable
from ticketing.selling.payments import attempt_queries, checkout_session_queries
from ticketing.selling.payments.checkout_session_queries import OpenCheckoutSession
from ticketing.selling.payments.midtrans.notification import MidtransNotification
from ticketing.selling.payments.record_payment import record_payment

CHUNK = 100


class CheckoutGateway(Protocol):
    """A payment gateway, as far as closing pages needs one."""

    def expire_checkout_session(self, token: str) -> None:
        """End a page; GatewayRefused once a method was chosen on it."""
        ...

    def cancel(self, order_id: str) -> MidtransNotification | None:
        """End an attempt; it as it stands afterwards, None when the gateway knows none."""
        ...


@dataclass(frozen=True, slots=True)
class SessionExpiryResult:
    """How many pages were closed, and how many have to be tried again."""

    closed: int
    left: int


def expire_sessions_of_ended_orders(
    database: Database, gateway: CheckoutGateway, *, at: datetime, by: str
) -> SessionExpiryResult:
    """Close what cancelled and expired orders left open; safe to repeat and to kill.

    A gateway that gives no answer ends the run: the next one goes on.
    """
    closed = left = 0
    for page in _iter_open_sessions(database):
        try:
            done = expire_session(database, gateway, page, at=at, by=by)
        except Unavailable:
            return SessionExpiryResult(closed, left + 1)
        except GatewayRefused:
            done = False
        closed, left = closed + done, left + (not done)
    return SessionExpiryResult(closed, left)


def expire_order_sessions(
    database: Database, gateway: CheckoutGateway, order_id: int, *, at: datetime, by: str
) -> None:
    """Close one order's pages now, as far as the gateway lets us; the rest is for the next run."""
    with database.transaction() as connection:
        pages = checkout_session_queries.list_open_for_order(connection, order_id)
    with suppress(Unavailable, GatewayRefused):
        for page in pages:
            expire_session(database, gateway, page, at=at, by=by)


def expire_session(
    database: Database,
    gateway: CheckoutGateway,
    session: OpenCheckoutSession,
    *,
    at: datetime,
    by: str,
) -> bool:
    """Whether nobody can pay on the page any more; False while a payment on it goes on."""
    ended = None
    try:
        gateway.expire_checkout_session(session.token)
    except GatewayRefused:
        ended = gateway.cancel(session.attempt_key)
    if ended is not None and not (ended.state.has_failed or ended.state.has_taken_money):
        return False
    with database.transaction() as connection:
        attempt = attempt_queries.find(connection, session.attempt_key)
        if ended is not None and attempt is not None:
            record_payment(connection, attempt, ended.payment_status, at=at, by=by)
        checkout_session_queries.mark_closed(connection, session.attempt_id, at=at)
    return True


def _iter_open_sessions(database: Database) -> Iterator[OpenCheckoutSession]:
    last = 0
    while True:
        with database.transaction() as connection:
            pages = checkout_session_queries.list_open_of_ended_orders(
                connection, after_id=last, limit=CHUNK
            )
        if not pages:
            return
        yield from pages
        last = pages[-1].attempt_id
