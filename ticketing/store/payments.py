"""Payment attempts. What a statement of the gateway does to one is decided in domain/payments."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.domain.errors import BuyerUnknown, ImpossibleTransition
from ticketing.domain.money import Rupiah
from ticketing.domain.orders import Order, OrderState, attempt_key
from ticketing.domain.payments import AttemptState
from ticketing.store.schema_sales import payment_attempts

_COLUMNS = (
    payment_attempts.c.id,
    payment_attempts.c.order_id,
    payment_attempts.c.key,
    payment_attempts.c.state,
    payment_attempts.c.amount,
    payment_attempts.c.refunded,
    payment_attempts.c.transaction_id,
    payment_attempts.c.payment_type,
    payment_attempts.c.created_at,
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to pay an order. `key` is the order id that the gateway knows."""

    id: int
    order_id: int
    key: str
    state: AttemptState
    amount: Rupiah
    refunded: Rupiah
    transaction_id: str
    payment_type: str
    created_at: datetime


def begin(connection: Connection, order: Order, *, at: datetime) -> Attempt:
    """The locked order's open attempt, or a new one; two that are open could both be paid."""
    if order.state is not OrderState.PENDING:
        raise ImpossibleTransition(f"order {order.code} is {order.state}; it cannot be paid")
    if at >= order.expires_at:
        raise ImpossibleTransition(f"order {order.code} is out of time; order again")
    if order.buyer is None:
        raise BuyerUnknown(f"order {order.code} has no buyer yet")
    known = of_order(connection, order.id)
    if known and known[-1].state.is_open:
        return known[-1]
    number = len(known) + 1
    connection.execute(
        insert(payment_attempts).values(
            order_id=order.id,
            number=number,
            key=attempt_key(order, number),
            amount=order.total.amount,
            created_at=at,
            updated_at=at,
        )
    )
    return of_order(connection, order.id)[-1]


def find(connection: Connection, name: str) -> Attempt | None:
    """The attempt of that key, or of that transaction id: a bank once sent one as the other."""
    query = (
        select(*_COLUMNS)
        .where(
            or_(
                payment_attempts.c.key == name,
                (payment_attempts.c.transaction_id == name)
                & (payment_attempts.c.transaction_id != ""),
            )
        )
        .order_by((payment_attempts.c.key == name).desc(), payment_attempts.c.id)
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _attempt(row)


def by_id(connection: Connection, attempt_id: int) -> Attempt:
    """The attempt of that number."""
    query = select(*_COLUMNS).where(payment_attempts.c.id == attempt_id)
    return _attempt(connection.execute(query).mappings().one())


def of_order(connection: Connection, order_id: int) -> list[Attempt]:
    """The order's attempts, the first first; they change only while the order is locked."""
    query = (
        select(*_COLUMNS)
        .where(payment_attempts.c.order_id == order_id)
        .order_by(payment_attempts.c.number)
    )
    return [_attempt(row) for row in connection.execute(query).mappings()]


def write(connection: Connection, attempt: Attempt, *, at: datetime) -> None:
    """Write what an attempt has become; its order is locked."""
    connection.execute(
        update(payment_attempts)
        .where(payment_attempts.c.id == attempt.id)
        .values(
            state=attempt.state,
            refunded=attempt.refunded.amount,
            transaction_id=attempt.transaction_id,
            payment_type=attempt.payment_type,
            updated_at=at,
        )
    )


def _attempt(row: RowMapping) -> Attempt:
    return Attempt(
        **{
            **row,
            "state": AttemptState(row["state"]),
            "amount": Rupiah(row["amount"]),
            "refunded": Rupiah(row["refunded"]),
        }
    )
