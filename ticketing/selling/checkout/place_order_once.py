"""Place one order per idempotency key, so that a lost answer leads to one order, not two.

The order's token is derived from the key, and one token has one order. No answer has to be stored,
and so no token. The key must therefore be as hard to guess as the token.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.holds import HoldLimits
from ticketing.orders.order import Buyer, Selection
from ticketing.orders.place_guest import PlaceGuest
from ticketing.orders.queries import OrderAlreadyPlaced
from ticketing.platform.db.database import Database
from ticketing.platform.db.idempotency_keys import KeyReused
from ticketing.platform.kernel.base32 import encode_base32
from ticketing.platform.kernel.errors import UnknownOrder
from ticketing.selling.checkout.place_order import (
    TOKEN_BYTES,
    OrderIdempotency,
    PlacedOrder,
    hash_order_token,
    place_order,
)


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """Selections, buyer, promo code, payment plan and guests of an order, and who sent it."""

    selections: Sequence[Selection]
    buyer: Buyer | None = None
    promo: str | None = None
    payment_plan: str | None = None
    guests: Sequence[PlaceGuest] = ()
    is_complimentary: bool = False
    client_network: str = ""  # empty: no limit per address
    at_box_office: bool = False
    locale: str = ""  # empty: the language of the event


def idempotency_from_key(
    keys: KeyRing, request_key: str, request_sha256: bytes
) -> OrderIdempotency:
    """Derive the order token from an idempotency key."""
    return OrderIdempotency(
        encode_base32(keys.order_token_bytes(request_key)[:TOKEN_BYTES]), request_sha256
    )


def place_order_once(
    database: Database,
    event: Event,
    request: OrderRequest,
    *,
    idempotency: OrderIdempotency | None,
    holds: HoldLimits,
    at: datetime,
    by: str,
) -> tuple[PlacedOrder, bool]:
    """Return the order and whether it existed; refuses a key that was used for another request."""
    known = _find_placed_order(database, idempotency) if idempotency else None
    if known is not None:
        return known, True
    try:
        placed = place_order(
            database, event, requested=request.selections, buyer=request.buyer, promo=request.promo,
            payment_plan=request.payment_plan, guests=request.guests,
            client_network=request.client_network, is_complimentary=request.is_complimentary,
            at_box_office=request.at_box_office, locale=request.locale, at=at, by=by,
            idempotency=idempotency, holds=holds,
        )  # fmt: skip
    except OrderAlreadyPlaced:
        # the same request arrived at the same moment
        known = _find_placed_order(database, idempotency) if idempotency else None
        if known is None:
            raise
        return known, True
    return placed, False


def _find_placed_order(database: Database, idempotency: OrderIdempotency) -> PlacedOrder | None:
    with database.transaction() as connection:
        try:
            order = order_queries.get_by_token(connection, hash_order_token(idempotency.token))
        except UnknownOrder:
            return None
        if order_queries.get_request_digest(connection, order.id) != idempotency.request_sha256:
            raise KeyReused("this idempotency key was used for another request; use a new one")
        return PlacedOrder(order, order_queries.list_lines(connection, order.id), idempotency.token)
