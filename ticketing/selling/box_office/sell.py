"""Orders at the box office, paid by cash, by bank transfer or not at all, as an operator says.

They take the path of all other orders: prices, stock and limits of the ticket types, guests,
tickets and messages. The payment is recorded in a second transaction; a sale that was interrupted
between both is continued by the same idempotency key, or its order expires.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders import audit
from ticketing.orders import queries as order_queries
from ticketing.orders.holds import NO_HOLD_LIMITS
from ticketing.orders.order import Buyer, Order, OrderState, Selection
from ticketing.orders.payment_attempt import PaymentMeans
from ticketing.orders.place_guest import PlaceGuest
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.base32 import encode_base32
from ticketing.platform.kernel.errors import ImpossibleTransition, UnusableBuyer
from ticketing.platform.kernel.text import strip_fillers, to_printable
from ticketing.selling.checkout.buyer_input import parse_buyer
from ticketing.selling.checkout.place_order import OrderIdempotency
from ticketing.selling.checkout.place_order_once import (
    OrderRequest,
    idempotency_from_key,
    place_order_once,
)
from ticketing.selling.checkout.set_guests import require_guest_names
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.complete_order import complete_order

_BUYER_KEY_BYTES = 10


@dataclass(frozen=True, slots=True)
class BoxOfficeSale:
    """What was sold at the box office, to whom, for whom, how it was paid, and why there."""

    selections: Sequence[Selection]
    paid_by: PaymentMeans
    reason: str
    name: str
    email: str = ""
    phone: str = ""
    guests: Sequence[PlaceGuest] = ()

    def __post_init__(self) -> None:
        """Refuse the means of buyers who pay themselves."""
        if self.paid_by is PaymentMeans.GATEWAY:
            raise ImpossibleTransition("gateway: the buyer pays such an order on the order's page")


def box_office_idempotency(
    keys: KeyRing, request_key: str | None, sale: BoxOfficeSale
) -> OrderIdempotency | None:
    """Return the idempotency of a sale, None without a key."""
    if request_key is None:
        return None
    content = asdict(sale)
    if not sale.guests:
        del content["guests"]  # an earlier version had none, and its sales can be continued
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
    return idempotency_from_key(keys, f"box office {request_key}", digest)


def sell_at_box_office(
    database: Database,
    event: Event,
    sale: BoxOfficeSale,
    *,
    idempotency: OrderIdempotency | None,
    at: datetime,
    by: str,
) -> Order:
    """Place an order and record its payment; the same key again continues, or changes nothing.

    Refuses, and reserves nothing, while names that the event requires are missing.
    """
    placed, _ = place_order_once(
        database,
        event,
        OrderRequest(
            sale.selections,
            _parse_buyer(event, sale),
            guests=sale.guests,
            is_complimentary=sale.paid_by is PaymentMeans.COMPLIMENTARY,
            at_box_office=True,
        ),
        idempotency=idempotency,
        holds=NO_HOLD_LIMITS,
        at=at,
        by=by,
    )
    return database.run(_record_sale, placed.order.id, sale, at=at, by=by)


def _parse_buyer(event: Event, sale: BoxOfficeSale) -> Buyer:
    """Return the buyer; without contacts nobody is the same buyer, and no messages are sent."""
    if sale.email.strip() or sale.phone.strip():
        return parse_buyer(event, name=sale.name, email=sale.email, phone=sale.phone)
    name = to_printable(strip_fillers(sale.name))
    if not name:
        raise UnusableBuyer("name is empty", field="name")
    return Buyer(f"box-office:{encode_base32(os.urandom(_BUYER_KEY_BYTES))}", name, "", "")


def _record_sale(
    connection: Connection, order_id: int, sale: BoxOfficeSale, *, at: datetime, by: str
) -> Order:
    order = order_queries.lock(connection, order_id)
    if not order_queries.claim_effect(connection, order.id, "box office", at=at):
        return order
    if order.state not in {OrderState.PENDING, OrderState.PAID}:
        raise ImpossibleTransition(
            f"order {order.code} is {order.state}: its sale was interrupted and its reservation has"
            " ended; sell again with another key"
        )
    require_guest_names(connection, order)
    attempt = attempt_queries.insert_box_office_payment(connection, order, sale.paid_by, at=at)
    if order.state is OrderState.PENDING:
        complete_order(connection, order, attempt_id=attempt.id, at=at, by=by)
    else:  # a free order is paid as soon as it is placed
        order_queries.set_paid_attempt(connection, order.id, attempt.id)
    details = {"paid_by": sale.paid_by, "amount": order.total.amount, "reason": sale.reason}
    audit.record(connection, order, by, "orders.sell_at_box_office", items=1, details=details)
    return order_queries.lock(connection, order.id)
