"""Offer free places to the waiting list: an order in the name of the earliest entry that fits.

Order, reserved places, entry and message are stored in one transaction, under the lock of the
ticket type: stock is never oversold, and an entry never has two open offers. An offer that is not
paid in time, or accepted if it is free, expires as any order, and its places are offered to the
next.
"""

import os
from datetime import datetime

from sqlalchemy import Connection

from ticketing.catalogue import stock_queries
from ticketing.catalogue.stock_queries import QuotedLine
from ticketing.events import queries as event_queries
from ticketing.orders import audit, hold_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.holds import NO_HOLD_LIMITS, HoldLimits
from ticketing.orders.order import ORDER_CODE_BYTES, Order, Selection, make_order_code
from ticketing.orders.queries import NewOrder
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import (
    Conflict,
    ImpossibleTransition,
    LimitExceeded,
    NotOnSale,
)
from ticketing.selling.payments.complete_order import notify_buyer
from ticketing.selling.waiting_list import queries
from ticketing.selling.waiting_list.model import WaitingEntry, offer_deadline

TOKEN_HASH_BYTES = 32


class OfferPostponed(Conflict):
    """The contact of an entry holds too many unpaid places, or is placing an order now."""


def offer_free_places(database: Database, holds: HoldLimits, *, at: datetime, by: str) -> int:
    """Offer the free places of all ticket types; return the number of handled entries.

    Entries whose contact may not hold more unpaid places now wait for the next run. Safe to repeat,
    to run concurrently, and to kill.
    """
    offered = 0
    for ticket_type_id in database.run(queries.list_types_to_offer, at=at):
        while database.run(_offer_next, ticket_type_id, holds, at=at, by=by):
            offered += 1
    return offered


def offer_to_entry(database: Database, entry_id: int, *, at: datetime, by: str) -> Order:
    """Offer places to one entry now, before all others, for staff: confirmed or not.

    Refuses if too few are left.
    """
    with database.transaction() as connection:
        entry = queries.lock(connection, entry_id)
        if not entry.can_be_offered:
            raise ImpossibleTransition(
                f"entry {entry_id} is {entry.state}; only a waiting or lapsed one can be offered"
            )
        if entry.is_elsewhere:
            raise ImpossibleTransition(
                f"entry {entry_id} joined in the payment environment {entry.environment}: offer it"
                " there, or remove it"
            )
        stock_queries.lock_limits(connection, [entry.ticket_type_id])
        return _offer(connection, entry, NO_HOLD_LIMITS, at=at, by=by)


def _offer_next(
    connection: Connection, ticket_type_id: int, holds: HoldLimits, *, at: datetime, by: str
) -> bool:
    """Offer places of a ticket type to the next entry; return whether there was one."""
    stock_queries.lock_limits(connection, [ticket_type_id])
    left = stock_queries.get_stock(connection, ticket_type_id).available
    postponed = list[int]()
    while entry := queries.lock_next(connection, ticket_type_id, left, postponed):
        try:
            with connection.begin_nested():
                _offer(connection, entry, holds, at=at, by=by)
        except OfferPostponed:
            postponed.append(entry.id)
            continue
        except LimitExceeded as error:  # the buyer has other orders by now, or a limit was lowered
            queries.record_left(connection, entry, reason=str(error), at=at, by=by)
        except NotOnSale:  # taken off sale at this moment
            return False
        return True
    return False


def _offer(
    connection: Connection, entry: WaitingEntry, holds: HoldLimits, *, at: datetime, by: str
) -> Order:
    """Place the order of a locked entry, and enqueue the message; a free one is to be accepted."""
    event = event_queries.get(connection, str(entry.event_id))
    if at >= event.ends_at:
        raise NotOnSale(f"{event.slug} is over")
    selection = Selection(entry.ticket_type_id, entry.quantity)
    (quote,) = stock_queries.quote_lines(connection, event.id, [selection])
    _check_limits(connection, entry, quote, holds)
    _check_held(connection, entry, holds, at=at)
    new = NewOrder(
        event_id=event.id,
        code=make_order_code(os.urandom(ORDER_CODE_BYTES)),
        token_hash=os.urandom(TOKEN_HASH_BYTES),  # of no token: the message has a link instead
        created_at=at,
        expires_at=offer_deadline(event, at=at),
        lines=(quote.line,),
        subtotal=quote.line.amount,
        buyer=entry.buyer,
    )
    order = order_queries.insert_order(connection, new)
    audit.record(connection, order, by, "orders.place", items=entry.quantity)
    stock_queries.reserve(connection, quote.line, order.id)
    queries.set_offer(connection, entry.id, order.id)
    notify_buyer(connection, order, outbox.WAITING_LIST_OFFER, is_required=True, entry=entry.id)
    return order


def _check_limits(
    connection: Connection, entry: WaitingEntry, quote: QuotedLine, holds: HoldLimits
) -> None:
    """Check the limits of an order and a buyer, which may have changed since the entry was made."""
    quote.limits.check_order(entry.quantity)
    if quote.limits.per_order is None:
        holds.check_order(entry.quantity)
    held = order_queries.count_buyer_places(
        connection, entry.event_id, entry.buyer.key, entry.ticket_type_id
    )
    quote.limits.check_buyer(held + entry.quantity)


def _check_held(
    connection: Connection, entry: WaitingEntry, holds: HoldLimits, *, at: datetime
) -> None:
    """Postpone the offer while the contact holds too many unpaid places."""
    if holds.per_contact is None:
        return
    parameters = hold_queries.hold_parameters(holds, entry.event_id, "", entry.buyer.key, at)
    held = hold_queries.try_count_held_by_contact(connection, parameters)
    if held is None:
        raise OfferPostponed(f"the contact of entry {entry.id} is placing an order")
    try:
        holds.check_contact(held, entry.quantity)
    except LimitExceeded as error:
        raise OfferPostponed(f"entry {entry.id}: {error}") from error
