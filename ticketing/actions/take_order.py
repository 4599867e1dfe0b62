"""Taking an order from somebody who may ask twice: a network that fails leaves one order, not two.

The order's token is derived from the key that the request carries, and one token has one order. So
no answer has to be kept, and with it no token. The key must be as hard to guess as the token is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ticketing.actions.place_order import TOKEN_BYTES, Once, PlacedOrder, place_order, token_hash
from ticketing.domain.base32 import base32
from ticketing.domain.errors import UnknownOrder
from ticketing.domain.events import Event
from ticketing.domain.orders import Buyer, Selection
from ticketing.signing.keys import KeyRing
from ticketing.store import orders
from ticketing.store.database import Database
from ticketing.store.idempotency import KeyReused
from ticketing.store.orders import OrderKnown


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
            order = orders.by_token(connection, token_hash(once.token))
        except UnknownOrder:
            return None
        if orders.asked_by(connection, order.id) != once.request_sha256:
            raise KeyReused("this idempotency key was used for another request; draw a new one")
        return PlacedOrder(order, orders.lines_of(connection, order.id), once.token)
