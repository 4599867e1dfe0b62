"""What whoever has an order's token may see, and what anybody may: the ticket types on sale.

Taking an order from somebody who may ask twice: a network that fails leaves one order, not two.

The order's token is derived from the key that the request carries, and one token has one order. So
no answer has to be kept, and with it no token. The key must be as hard to guess as the token is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ticketing.catalogue import ticket_type_queries
from ticketing.catalogue.ticket_type_queries import TypeForSale
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, Order, Selection
from ticketing.orders.queries import OrderKnown
from ticketing.platform.db.database import Database
from ticketing.platform.db.idempotency_keys import KeyReused
from ticketing.platform.kernel.base32 import base32
from ticketing.platform.kernel.errors import UnknownOrder
from ticketing.selling.checkout import order_view_queries
from ticketing.selling.checkout.order_view_queries import OrderView
from ticketing.selling.checkout.place_order import (
    TOKEN_BYTES,
    Once,
    PlacedOrder,
    place_order,
    token_hash,
)


def order_behind(database: Database, token: str) -> Order:
    """The order that a token opens; the token is repeated nowhere. Refuses an unknown one."""
    with database.transaction() as connection:
        return order_queries.by_token(connection, token_hash(token))


def order_view(database: Database, order_id: int) -> OrderView:
    """An order with everything its buyer may see."""
    with database.transaction() as connection:
        return order_view_queries.of(connection, order_id)


def on_sale(database: Database, event: Event) -> list[TypeForSale]:
    """What can be ordered for an event, and what is left of it."""
    with database.transaction() as connection:
        return [each for each in ticket_type_queries.of(connection, event.id) if each.on_sale]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks for."""

    selections: Sequence[Selection]
    buyer: Buyer | None = None
    promo: str | None = None
    payment_plan: str | None = None


def once_under(keys: KeyRing, request_key: str, request_sha256: bytes) -> Once:
    """A request with a key of its own, made repeatable."""
    return Once(base32(keys.order_bits(request_key)[:TOKEN_BYTES]), request_sha256)


def take_order(
    database: Database, event: Event, wanted: Wanted, *, once: Once | None, at: datetime, by: str
) -> tuple[PlacedOrder, bool]:
    """The order, and whether it was there already; refuses a key that asked for something else."""
    known = _known(database, once) if once else None
    if known is not None:
        return known, True
    try:
        placed = place_order(
            database, event, asked=wanted.selections, buyer=wanted.buyer, promo=wanted.promo,
            payment_plan=wanted.payment_plan, at=at, by=by, once=once,
        )  # fmt: skip
    except OrderKnown:
        known = _known(database, once) if once else None  # the same request, a moment ago
        if known is None:
            raise
        return known, True
    return placed, False


def _known(database: Database, once: Once) -> PlacedOrder | None:
    with database.transaction() as connection:
        try:
            order = order_queries.by_token(connection, token_hash(once.token))
        except UnknownOrder:
            return None
        if order_queries.asked_by(connection, order.id) != once.request_sha256:
            raise KeyReused("this idempotency key was used for another request; draw a new one")
        return PlacedOrder(order, order_queries.lines_of(connection, order.id), once.token)
