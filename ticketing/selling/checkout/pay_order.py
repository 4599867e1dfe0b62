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
from ticketing.platform.kernel.money import NOTHING
from ticketing.selling.checkout import order_view_queries
from ticketing.selling.checkout.order_view_queries import OrderView
from ticketing.selling.payments import attempt_queries, checkout_session_queries
from ticketing.selling.payments.attempt_queries import Attempt
from ticketing.selling.payments.checkout_session_queries import OpenPage
from ticketing.selling.payments.expire_checkout_sessions import close_pages_of, end_page
from ticketing.selling.payments.midtrans.client import Midtrans, SnapPage
from ticketing.selling.payments.midtrans.snap_request import Checkout, Item

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be asked of the gateway: older pages ended, then this one made."""

    attempt: Attempt
    checkout: Checkout
    older: list[OpenPage]


def pay_order(
    database: Database, midtrans: Midtrans, order_id: int, *, finish_url: str, at: datetime, by: str
) -> SnapPage:
    """Where to pay, as often as asked; after a failed attempt, a new one on a new page.

    Refuses what is paid, over, or has no buyer; with PaymentUnderWay while an older payment goes
    on, or while somebody else is asking.
    """
    with database.transaction() as connection:
        asked = _asked(connection, order_id, finish_url=finish_url, at=at, by=by)
    if isinstance(asked, SnapPage):
        return asked
    try:
        _end_older(database, midtrans, asked, at=at, by=by)
        page = midtrans.create(asked.checkout)
    except TicketingError:
        with database.transaction() as connection:
            checkout_session_queries.let_go(connection, asked.attempt.id)
        raise
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        checkout_session_queries.keep(connection, asked.attempt.id, token=page.token, url=page.url)
    if order.state is not OrderState.PENDING:  # cancelled while the gateway was asked
        close_pages_of(database, midtrans, order_id, at=at, by=by)
    _refuse_if_over(order)
    return page


def _asked(
    connection: Connection, order_id: int, *, finish_url: str, at: datetime, by: str
) -> SnapPage | _Asked:
    order = order_queries.lock(connection, order_id)
    attempt = attempt_queries.begin(connection, order, at=at)
    minutes = (attempt.page_ends_at(order) - at) // MINUTE
    if minutes < 1:
        raise ImpossibleTransition(f"order {order.code} is out of time; order again")
    pages = checkout_session_queries.of_order(connection, order.id)
    live = next((page for page in pages if page.attempt_id == attempt.id), None)
    if live is not None:
        return SnapPage(live.token, live.url)
    if not checkout_session_queries.claim(connection, attempt.id, at=at):
        raise PaymentUnderWay(f"a page to pay {order.code} on is being made", retryAfter=1)
    audit_log.record(
        connection, actor=by, action="payments.begin", event_id=order.event_id, subject=attempt.key
    )
    checkout = _checkout(connection, order, attempt, starts_at=at, minutes=minutes, url=finish_url)
    return _Asked(attempt, checkout, pages)


def _checkout(
    connection: Connection,
    order: Order,
    attempt: Attempt,
    *,
    starts_at: datetime,
    minutes: int,
    url: str,
) -> Checkout:
    """What the page is to show. It ends in whole minutes, so with our hold or just before it."""
    seen = order_view_queries.of(connection, order.id)
    buyer = order.buyer
    return Checkout(
        order_id=attempt.key,
        items=_items(seen, attempt),
        discount=seen.discount if attempt.part is None else NOTHING,
        starts_at=starts_at,
        minutes=minutes,
        name=buyer.name if buyer else "",
        email=buyer.email if buyer else "",
        phone=buyer.phone if buyer else "",
        finish_url=url,
    )


def _items(seen: OrderView, attempt: Attempt) -> tuple[Item, ...]:
    """What is paid for: the places, or one part of the order."""
    if attempt.part is not None:
        name = f"{seen.code} {attempt.part}/{len(seen.parts)}"
        return (Item(f"PART-{attempt.part}", name, attempt.amount, 1),)
    return tuple(
        Item(str(line.ticket_type_id), line.name, line.price, line.quantity)
        for line in seen.lines
        if line.price.amount
    )


def _end_older(
    database: Database, midtrans: Midtrans, asked: _Asked, *, at: datetime, by: str
) -> None:
    """End what the order could still be paid on; refuses when it was, so that nobody pays twice."""
    for page in asked.older:
        if not end_page(database, midtrans, page, at=at, by=by):
            raise PaymentUnderWay("an earlier payment of this order goes on; wait for it to end")
    if asked.older:
        with database.transaction() as connection:
            _refuse_if_over(order_queries.lock(connection, asked.attempt.order_id))


def _refuse_if_over(order: Order) -> None:
    if order.state is not OrderState.PENDING:
        raise ImpossibleTransition(f"order {order.code} is {order.state}; it cannot be paid")
