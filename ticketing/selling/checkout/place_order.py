"""Place an order: reserve its places at the current prices and limits.

The places are held for ten minutes, and for the event's period once the buyer is known.
"""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.catalogue import promo_queries, stock_queries
from ticketing.catalogue.payment_plans import schedule_order
from ticketing.catalogue.promo_code import normalise_promo_code, promo_discount
from ticketing.catalogue.stock import PurchaseLimits
from ticketing.events.model import BuyerNotices, Event
from ticketing.orders import audit, hold_queries, instalment_queries, place_guest_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.buyer_notices import MAX_PLACED_NOTICES, notice_addresses
from ticketing.orders.holds import NO_HOLD_LIMITS, HoldLimits, hold_period
from ticketing.orders.instalments import Instalment
from ticketing.orders.order import (
    ORDER_CODE_BYTES,
    Buyer,
    Order,
    OrderLine,
    OrderState,
    Selection,
    make_order_code,
    normalise_selections,
    subtotal,
)
from ticketing.orders.place_guest import PlaceGuest, check_places
from ticketing.orders.queries import NewOrder
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.base32 import encode_base32
from ticketing.platform.kernel.errors import GuestNamesMissing, NotOnSale
from ticketing.platform.kernel.money import ZERO
from ticketing.selling.checkout import order_view_queries, place_order_queries
from ticketing.selling.checkout.order_view_queries import OrderView
from ticketing.selling.payments.complete_order import complete_order, notify_buyer

TOKEN_BYTES = 20


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """A pending order, or a paid one if it is free. Only the hash of the token is stored.

    `view` saves a query for a new order; None when it would be outdated.
    """

    order: Order
    lines: tuple[OrderLine, ...]
    token: str = field(repr=False)
    view: OrderView | None = None


@dataclass(frozen=True, slots=True)
class OrderIdempotency:
    """The token and request digest of a request that may be sent again."""

    token: str = field(repr=False)
    request_sha256: bytes


def hash_order_token(token: str) -> bytes:
    """Return the hash of an order token, as stored."""
    return hashlib.sha256(token.encode()).digest()


def place_order(  # noqa: PLR0913 - all options of an order
    database: Database,
    event: Event,
    *,
    requested: Iterable[Selection],
    buyer: Buyer | None = None,
    promo: str | None = None,
    payment_plan: str | None = None,
    guests: Sequence[PlaceGuest] = (),
    client_network: str = "",
    at: datetime,
    by: str,
    idempotency: OrderIdempotency | None = None,
    holds: HoldLimits = NO_HOLD_LIMITS,
    is_complimentary: bool = False,
    at_box_office: bool = False,
    locale: str = "",
) -> PlacedOrder:
    """Reserve the requested places, all or none; `guests` are those of some or all places.

    Refuses types that are not on sale, sold out or over a limit, a promo code or payment plan that
    does not apply, and, with OrderAlreadyPlaced, a request that created an order before. A
    complimentary order is discounted completely. A buyer at the box office is not asked to pay, and
    all names that the event requires must be known there. `locale` is the language of the buyer.
    """
    if at >= event.ends_at:
        raise NotOnSale(f"{event.slug} is over")
    token = idempotency.token if idempotency else encode_base32(os.urandom(TOKEN_BYTES))
    new = NewOrder(
        event_id=event.id,
        code=make_order_code(os.urandom(ORDER_CODE_BYTES)),
        token_hash=hash_order_token(token),
        created_at=at,
        expires_at=at + hold_period(event.hold_period, has_buyer=buyer is not None),
        request_sha256=idempotency.request_sha256 if idempotency else None,
        buyer=buyer or order_queries.NO_BUYER,
        client_network=client_network,
        at_box_office=at_box_office,
        locale=locale,
    )
    selections = normalise_selections(requested)
    is_simple = len(selections) == 1 and promo is None and payment_plan is None and not guests
    if is_simple and not (is_complimentary or at_box_office):
        simple = _place_simple_order(
            database, new, selections[0], token, by=by, holds=holds,
            notice_addresses=notice_addresses(BuyerNotices(event.buyer_notices), buyer),
        )  # fmt: skip
        if simple is not None:
            return simple
    with database.transaction() as connection:
        quotes = stock_queries.quote_lines(connection, event.id, selections)
        for quote in quotes:
            quote.limits.check_order(quote.line.quantity)
        holds.check_order(
            sum(each.line.quantity for each in quotes if each.limits.per_order is None)
        )
        lines = tuple(quote.line for quote in quotes)
        _check_held(connection, new, holds, count_places(lines))
        promo_code = (
            promo_queries.get(connection, event.id, normalise_promo_code(promo)) if promo else None
        )
        discount = promo_discount(promo_code, lines, at=at) if promo_code else ZERO
        discount = subtotal(lines) if is_complimentary else discount
        plan_id, instalments = None, tuple[Instalment, ...]()
        if payment_plan is not None:
            plan_id, instalments = schedule_order(
                connection, event, payment_plan, subtotal(lines) - discount, at=at
            )
        new = replace(
            new, lines=lines, subtotal=subtotal(lines), discount=discount, payment_plan_id=plan_id
        )
        order = order_queries.insert_order(connection, new)
        if instalments:
            instalment_queries.insert_instalments(connection, order.id, instalments)
        audit.record(connection, order, by, "orders.place", items=count_places(lines))
        # other orders of the same type wait from here to the commit, so little work follows
        _reserve(connection, order, lines, guests)
        if promo_code is not None:
            promo_queries.redeem(connection, promo_code, order.id)
        if buyer is not None:
            limits = {quote.line.ticket_type_id: quote.limits for quote in quotes}
            check_buyer(connection, order, buyer, limits)
        if not is_complimentary:  # the box office completes it
            order = complete_if_free(connection, order, at=at, by=by)
        notify_of_placed_order(connection, order)
    names = [quote.name for quote in quotes]
    code = promo_code.code if promo_code else None
    view = order_view_queries.from_new_order(
        order.id, new, names, promo_code=code, instalments=instalments, guests=guests
    )
    return PlacedOrder(order, lines, token, view if order.state is OrderState.PENDING else None)


def _reserve(
    connection: Connection,
    order: Order,
    lines: Sequence[OrderLine],
    guests: Sequence[PlaceGuest],
) -> None:
    """Reserve the places and store the guests; at the box office all names must be known."""
    for line in lines:
        stock_queries.reserve(connection, line, order.id)
    if guests:
        check_places(guests, place_guest_queries.list_quantities(connection, order.id))
        place_guest_queries.store(connection, order.id, guests)
    if order.at_box_office:
        _require_names_now(connection, order)


def _require_names_now(connection: Connection, order: Order) -> None:
    """Refuse, and so reserve nothing, while names that the event requires are missing."""
    missing = place_guest_queries.count_missing_names(connection, order.id)
    if missing:
        raise GuestNamesMissing(
            f"{missing} places need a name on their tickets; give the guest of every place",
            missing=missing,
        )


def _check_held(connection: Connection, new: NewOrder, holds: HoldLimits, places: int) -> None:
    """Check what the address and the contact hold already; until the commit they wait here."""
    parameters = hold_queries.hold_parameters(
        holds, new.event_id, new.client_network, new.buyer.key, new.created_at
    )
    by_address, by_contact = hold_queries.lock_and_count_held(connection, parameters)
    holds.check_address(by_address, places)
    holds.check_contact(by_contact, places)


def _place_simple_order(
    database: Database,
    new: NewOrder,
    selection: Selection,
    token: str,
    *,
    by: str,
    holds: HoldLimits,
    notice_addresses: Sequence[str],
) -> PlacedOrder | None:
    """Place the order in one round trip; return None, and change nothing, if not possible."""
    placed = place_order_queries.insert_simple_order(
        database, new, selection, by=by, holds=holds, notice_addresses=notice_addresses
    )
    if placed is None:
        return None
    order_id, name, line = placed
    new = replace(new, lines=(line,), subtotal=line.amount)
    view = order_view_queries.from_new_order(order_id, new, [name], promo_code=None)
    return PlacedOrder(order_queries.order_from_new_order(order_id, new), (line,), token, view)


def notify_of_placed_order(connection: Connection, order: Order) -> None:
    """Tell the buyer of a pending order how to pay it, and a later buyer a limited number."""
    message = {"purpose": outbox.ORDER_PLACED, "subject": order.code}
    if order.at_box_office or order.state is not OrderState.PENDING or order.total == ZERO:
        return
    if outbox.count_messages(connection, **message) < MAX_PLACED_NOTICES:
        notify_buyer(connection, order, outbox.ORDER_PLACED)


def complete_if_free(connection: Connection, order: Order, *, at: datetime, by: str) -> Order:
    """Complete a free order with a buyer at once: the gateway is not involved.

    It stays pending while the event requires names that are missing, and in another payment
    environment.
    """
    if (
        order.other_environment
        or order.state is not OrderState.PENDING
        or order.buyer is None
        or order.total > ZERO
    ):
        return order
    if place_guest_queries.count_missing_names(connection, order.id):
        return order
    complete_order(connection, order, attempt_id=None, at=at, by=by)
    return order_queries.lock(connection, order.id)


def check_buyer(
    connection: Connection, order: Order, buyer: Buyer, limits: Mapping[int, PurchaseLimits]
) -> None:
    """Check the buyer's limit including this order; the stock rows are locked."""
    for ticket_type_id, limit in limits.items():
        if limit.per_buyer is not None:
            limit.check_buyer(
                order_queries.count_buyer_places(
                    connection, order.event_id, buyer.key, ticket_type_id
                )
            )


def count_places(lines: Sequence[OrderLine]) -> int:
    """Return the number of places of an order."""
    return sum(line.quantity for line in lines)
