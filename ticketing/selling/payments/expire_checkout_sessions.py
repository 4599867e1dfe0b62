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
from ticketing.selling.payments.checkout_session_queries import OpenPage
from ticketing.selling.payments.midtrans.notification import Notification
from ticketing.selling.payments.record_payment import record_payment

CHUNK = 100


class PageKeeper(Protocol):
    """A payment gateway, as far as closing pages needs one."""

    def close_page(self, token: str) -> None:
        """End a page; GatewayRefused once a method was chosen on it."""
        ...

    def cancel(self, order_id: str) -> Notification | None:
        """End an attempt; it as it stands afterwards, None when the gateway knows none."""
        ...


@dataclass(frozen=True, slots=True)
class Closing:
    """How many pages were closed, and how many have to be tried again."""

    closed: int
    left: int


def close_pages(database: Database, gateway: PageKeeper, *, at: datetime, by: str) -> Closing:
    """Close what cancelled and expired orders left open; safe to repeat and to kill.

    A gateway that gives no answer ends the run: the next one goes on.
    """
    closed = left = 0
    for page in _left_open(database):
        try:
            done = end_page(database, gateway, page, at=at, by=by)
        except Unavailable:
            return Closing(closed, left + 1)
        except GatewayRefused:
            done = False
        closed, left = closed + done, left + (not done)
    return Closing(closed, left)


def close_pages_of(
    database: Database, gateway: PageKeeper, order_id: int, *, at: datetime, by: str
) -> None:
    """Close one order's pages now, as far as the gateway lets us; the rest is for the next run."""
    with database.transaction() as connection:
        pages = checkout_session_queries.of_order(connection, order_id)
    with suppress(Unavailable, GatewayRefused):
        for page in pages:
            end_page(database, gateway, page, at=at, by=by)


def end_page(
    database: Database, gateway: PageKeeper, page: OpenPage, *, at: datetime, by: str
) -> bool:
    """Whether nobody can pay on the page any more; False while a payment on it goes on."""
    ended = None
    try:
        gateway.close_page(page.token)
    except GatewayRefused:
        ended = gateway.cancel(page.attempt_key)
    if ended is not None and not (ended.state.has_failed or ended.state.has_taken_money):
        return False
    with database.transaction() as connection:
        attempt = attempt_queries.find(connection, page.attempt_key)
        if ended is not None and attempt is not None:
            record_payment(connection, attempt, ended.statement, at=at, by=by)
        checkout_session_queries.closed(connection, page.attempt_id, at=at)
    return True


def _left_open(database: Database) -> Iterator[OpenPage]:
    last = 0
    while True:
        with database.transaction() as connection:
            pages = checkout_session_queries.of_ended_orders(connection, after=last, limit=CHUNK)
        if not pages:
            return
        yield from pages
        last = pages[-1].attempt_id
