"""Queries for orders and their lines.

An order is locked before it, its payment attempts or its effects are changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BindParameter,
    ColumnClause,
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from ticketing.orders.order import Buyer, Order, OrderLine, OrderState, validate_transition
from ticketing.platform.db.payment_environment import (
    CURRENT_ENVIRONMENT,
    is_of_this_environment,
    is_rehearsal,
)
from ticketing.platform.db.tables.orders import order_idempotency_keys, order_lines, orders
from ticketing.platform.kernel.errors import Refused, UnknownOrder
from ticketing.platform.kernel.money import ZERO, Rupiah

_COLUMNS = (
    orders.c.id,
    orders.c.event_id,
    orders.c.code,
    orders.c.state,
    orders.c.total,
    orders.c.buyer_key,
    orders.c.buyer_name,
    orders.c.buyer_email,
    orders.c.buyer_phone,
    orders.c.expires_at,
    orders.c.paid_attempt_id,
    orders.c.payment_plan_id,
    orders.c.at_box_office,
    orders.c.locale,
    func.coalesce(func.nullif(orders.c.environment, CURRENT_ENVIRONMENT), "").label(
        "other_environment"
    ),
)
_ZERO: ColumnClause[int] = literal_column("0")
_STATES_HOLDING_PLACES: list[ColumnClause[str]] = [
    literal_column(f"'{state}'") for state in (OrderState.PENDING, OrderState.PAID)
]
ENTITLED_EARLY = "entitle early"  # an effect: places granted with the first instalment
NO_BUYER = Buyer("", "", "", "")
BASE_ORDER_COLUMNS = (
    "event_id",
    "code",
    "token_hash",
    "created_at",
    "expires_at",
    "request_sha256",
    "buyer_key",
    "buyer_name",
    "buyer_email",
    "buyer_phone",
    "client_network",
    "at_box_office",
    "locale",
)


class OrderAlreadyPlaced(Refused):
    """The token belongs to another order: the same request arrived before or at the same moment."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """The values of an order before it has an id. The token itself is never stored."""

    event_id: int
    code: str
    token_hash: bytes
    created_at: datetime
    expires_at: datetime
    lines: Sequence[OrderLine] = ()
    subtotal: Rupiah = ZERO
    discount: Rupiah = ZERO
    request_sha256: bytes | None = None
    buyer: Buyer = NO_BUYER
    payment_plan_id: int | None = None
    client_network: str = ""
    at_box_office: bool = False
    locale: str = ""


# built once: a sale opens with hundreds of orders per second, and building a statement costs more
# than executing it
_ADD = (
    insert(orders)
    .on_conflict_do_nothing(index_elements=[orders.c.token_hash])
    .returning(orders.c.id)
)
_BY_ID = select(*_COLUMNS).where(orders.c.id == bindparam("key"))
_LOCKED = _BY_ID.with_for_update()
_BY_CODE = select(*_COLUMNS).where(orders.c.code == bindparam("key"))
_BY_TOKEN = select(*_COLUMNS).where(orders.c.token_hash == bindparam("key"))
_LINES = (
    select(order_lines.c.ticket_type_id, order_lines.c.quantity, order_lines.c.price)
    .where(order_lines.c.order_id == bindparam("key"))
    .order_by(order_lines.c.ticket_type_id)
)


def buyer_places_query(
    event_id: BindParameter[int], buyer_key: BindParameter[str], ticket_type_id: BindParameter[int]
) -> Select[int]:
    """Return the query for the number of places that a buyer holds or owns."""
    return (
        select(func.coalesce(func.sum(order_lines.c.quantity - order_lines.c.returned), _ZERO))
        .join(orders, orders.c.id == order_lines.c.order_id)
        .where(
            orders.c.event_id == event_id,
            orders.c.buyer_key == buyer_key,
            orders.c.state.in_(_STATES_HOLDING_PLACES),
            order_lines.c.ticket_type_id == ticket_type_id,
        )
    )


_COUNT_BUYER_PLACES = buyer_places_query(
    bindparam("event_id"), bindparam("buyer_key"), bindparam("ticket_type_id")
)


def insert_order(connection: Connection, new: NewOrder) -> Order:
    """Store a pending order; `stock_queries.reserve` writes its lines and reserves their places.

    Refuses a token that is in use with OrderAlreadyPlaced.
    """
    order_id = connection.execute(
        _ADD,
        {
            **base_order_values(new),
            "subtotal": new.subtotal.amount,
            "discount": new.discount.amount,
            "total": (new.subtotal - new.discount).amount,
            "payment_plan_id": new.payment_plan_id,
        },
    ).scalar_one_or_none()
    if order_id is None:
        raise OrderAlreadyPlaced("this order was placed already")
    return order_from_new_order(order_id, new)


def base_order_values(new: NewOrder) -> dict[str, object]:
    """Return the column values of a new order that are known before its lines."""
    return {
        "event_id": new.event_id,
        "code": new.code,
        "token_hash": new.token_hash,
        "created_at": new.created_at,
        "expires_at": new.expires_at,
        "request_sha256": new.request_sha256,
        **_buyer_columns(new.buyer),
        "client_network": new.client_network,
        "at_box_office": new.at_box_office,
        "locale": new.locale,
    }


def order_from_new_order(order_id: int, new: NewOrder) -> Order:
    """Return the order that was just stored."""
    return Order(
        id=order_id,
        event_id=new.event_id,
        code=new.code,
        state=OrderState.PENDING,
        total=new.subtotal - new.discount,
        buyer=new.buyer if new.buyer.key else None,
        expires_at=new.expires_at,
        paid_attempt_id=None,
        payment_plan_id=new.payment_plan_id,
        at_box_office=new.at_box_office,
        locale=new.locale,
    )


def lock(connection: Connection, order_id: int) -> Order:
    """Return the order, locked until the transaction ends; refuses an unknown id."""
    return _fetch_order(connection, _LOCKED, order_id)


def get(connection: Connection, order_id: int) -> Order:
    """Return the order with this id, not locked; refuses an unknown id."""
    return _fetch_order(connection, _BY_ID, order_id)


def lock_by_code(connection: Connection, code: str) -> Order:
    """Return the order with this code in any spelling, locked; refuses an unknown code."""
    return lock(connection, get_by_code(connection, code).id)


def get_by_code(connection: Connection, code: str) -> Order:
    """Return the order with this code in any spelling; refuses an unknown code and names it."""
    normalised = code.strip().upper()
    try:
        return _fetch_order(connection, _BY_CODE, normalised)
    except UnknownOrder:
        raise UnknownOrder(f"there is no order {normalised!r}") from None


def get_by_token(connection: Connection, token_hash: bytes) -> Order:
    """Return the order whose token has this SHA-256; refuses an unknown token."""
    return _fetch_order(connection, _BY_TOKEN, token_hash)


def list_of_contact(
    connection: Connection, event_id: int, contact: str, *, limit: int
) -> list[Order]:
    """Return the orders of an e-mail address or phone number in an event, paid ones first.

    Anybody can place orders with a contact, so orders that have ended must not hide a paid one.
    """
    is_paid, is_pending = (orders.c.state == each for each in (OrderState.PAID, OrderState.PENDING))
    query = (
        select(*_COLUMNS)
        .where(orders.c.event_id == event_id, belongs_to(contact))
        .order_by(is_paid.desc(), is_pending.desc(), orders.c.id.desc())
        .limit(limit)
    )
    return [_order_from_row(row) for row in connection.execute(query).mappings()]


def belongs_to(contact: str) -> ColumnElement[bool]:
    """Return the condition: the buyer has this contact. The key of a buyer is its address."""
    return or_(orders.c.buyer_key == f"email:{contact}", orders.c.buyer_phone == contact)


def is_of_rehearsal(connection: Connection, code: str | None) -> bool:
    """Return whether the code is that of an order which no real money can pay."""
    query = select(orders.c.id).where(orders.c.code == code, is_rehearsal())
    return connection.execute(query).first() is not None


def find_locale(connection: Connection, code: str) -> str:
    """Return the language an order was placed in; empty for that of its event."""
    query = select(orders.c.locale).where(orders.c.code == code)
    return connection.execute(query).scalar_one_or_none() or ""


def get_request_digest(connection: Connection, order_id: int) -> bytes | None:
    """Return the digest of the request that created the order, or None if it is not repeatable."""
    query = select(orders.c.request_sha256).where(orders.c.id == order_id)
    digest: bytes | None = connection.execute(query).scalar_one()
    return digest


def _fetch_order(
    connection: Connection, query: Select[*tuple[object, ...]], key: int | bytes | str
) -> Order:
    row = connection.execute(query, {"key": key}).mappings().one_or_none()
    if row is None:
        raise UnknownOrder("there is no such order")
    return _order_from_row(row)


def _order_from_row(row: RowMapping) -> Order:
    buyer = Buyer(row["buyer_key"], row["buyer_name"], row["buyer_email"], row["buyer_phone"])
    return Order(
        id=row["id"],
        event_id=row["event_id"],
        code=row["code"],
        state=OrderState(row["state"]),
        total=Rupiah(row["total"]),
        buyer=buyer if buyer.key else None,
        expires_at=row["expires_at"],
        paid_attempt_id=row["paid_attempt_id"],
        payment_plan_id=row["payment_plan_id"],
        at_box_office=row["at_box_office"],
        locale=row["locale"],
        other_environment=row["other_environment"],
    )


def list_lines(connection: Connection, order_id: int) -> tuple[OrderLine, ...]:
    """Return the lines of an order, in the order in which stock is locked."""
    rows = connection.execute(_LINES, {"key": order_id})
    return tuple(OrderLine(row.ticket_type_id, row.quantity, Rupiah(row.price)) for row in rows)


def list_remaining_lines(connection: Connection, order_id: int) -> tuple[OrderLine, ...]:
    """Return the lines of an order without the returned places."""
    left = order_lines.c.quantity - order_lines.c.returned
    rows = connection.execute(
        select(order_lines.c.ticket_type_id, left.label("places"), order_lines.c.price)
        .where(order_lines.c.order_id == order_id, left > 0)
        .order_by(order_lines.c.ticket_type_id)
    )
    return tuple(OrderLine(row.ticket_type_id, row.places, Rupiah(row.price)) for row in rows)


def record_returned_places(
    connection: Connection, order_id: int, lines: Sequence[OrderLine]
) -> None:
    """Add to the number of returned places of each line."""
    for line in lines:
        connection.execute(
            update(order_lines)
            .where(
                order_lines.c.order_id == order_id,
                order_lines.c.ticket_type_id == line.ticket_type_id,
            )
            .values(returned=order_lines.c.returned + line.quantity)
        )


def update_state(connection: Connection, order: Order, to: OrderState, *, at: datetime) -> None:
    """Set the state of a locked order; refuses a transition that is not allowed."""
    stamp = "paid_at" if to is OrderState.PAID else "closed_at"
    values = {"state": validate_transition(order, to), stamp: at}
    if to is not OrderState.PAID or order.total > ZERO:
        values["client_network"] = ""  # needed while the places cost nothing, and not kept longer
    connection.execute(update(orders).where(orders.c.id == order.id).values(values))


def set_paid_attempt(connection: Connection, order_id: int, attempt_id: int) -> None:
    """Record the payment attempt that completed the order."""
    connection.execute(
        update(orders).where(orders.c.id == order_id).values(paid_attempt_id=attempt_id)
    )


def extend_reservation(connection: Connection, order_id: int, expires_at: datetime) -> None:
    """Set the time until which a pending order keeps its places."""
    connection.execute(update(orders).where(orders.c.id == order_id).values(expires_at=expires_at))


def set_refunded(connection: Connection, order_id: int, amount: Rupiah) -> None:
    """Record the amount of the order that was refunded so far."""
    connection.execute(update(orders).where(orders.c.id == order_id).values(refunded=amount.amount))


def set_buyer(connection: Connection, order: Order, buyer: Buyer) -> None:
    """Store the buyer of an order."""
    connection.execute(update(orders).where(orders.c.id == order.id).values(_buyer_columns(buyer)))


def _buyer_columns(buyer: Buyer) -> dict[str, str]:
    return {
        "buyer_key": buyer.key,
        "buyer_name": buyer.name,
        "buyer_email": buyer.email,
        "buyer_phone": buyer.phone,
    }


def count_buyer_places(
    connection: Connection, event_id: int, buyer_key: str, ticket_type_id: int
) -> int:
    """Return the number of places a buyer holds; exact while the ticket type's row is locked."""
    parameters = {
        "event_id": event_id,
        "buyer_key": buyer_key,
        "ticket_type_id": ticket_type_id,
    }
    return int(connection.execute(_COUNT_BUYER_PLACES, parameters).scalar_one())


def list_expired_pending(
    connection: Connection, *, at: datetime, after_id: int = 0, limit: int
) -> list[int]:
    """Return the ids of pending orders whose reservation has ended, one page, ordered by id."""
    query = (
        select(orders.c.id)
        .where(
            orders.c.state == OrderState.PENDING,
            orders.c.expires_at <= at,
            orders.c.id > after_id,
            is_of_this_environment(),  # another gateway does not know its payments
        )
        .order_by(orders.c.id)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def claim_effect(connection: Connection, order_id: int, effect: str, *, at: datetime) -> bool:
    """Return whether this effect is new; it is recorded with this transaction."""
    claim = insert(order_idempotency_keys).values(order_id=order_id, key=effect, created_at=at)
    claimed = claim.on_conflict_do_nothing().returning(order_idempotency_keys.c.key)
    return connection.execute(claimed).first() is not None
