"""Queries for payment attempts. The rules for state changes are in `orders/payment_attempt.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.orders import instalment_queries
from ticketing.orders.instalments import Instalment, next_unpaid_instalment
from ticketing.orders.order import (
    RESERVATION_PERIOD,
    Order,
    OrderState,
    attempt_key,
    require_present_environment,
)
from ticketing.orders.payment_attempt import AttemptState, PaymentMeans
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.payments import order_instalments, payment_attempts
from ticketing.platform.kernel.errors import BuyerUnknown, ImpossibleTransition
from ticketing.platform.kernel.money import Rupiah

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class PaymentAttempt:
    """One attempt to pay an order. `key` is its order id at the gateway."""

    id: int
    order_id: int
    key: str
    state: AttemptState
    amount: Rupiah
    refunded: Rupiah
    transaction_id: str
    payment_type: str
    created_at: datetime
    instalment_sequence: int | None = None  # None: the whole order
    requested_amount: Rupiah | None = None  # None: `amount`, which is what came once it is paid
    payment_code: str = ""  # virtual account or code to pay to, with its bank or shop

    @property
    def requested(self) -> Rupiah:
        """Return the amount that the buyer was asked for."""
        return self.amount if self.requested_amount is None else self.requested_amount

    def session_expires_at(self, order: Order) -> datetime:
        """Return the end of its checkout session: with the reservation, or an hour after the start.

        The hour applies to instalments only, whose reservation can last for weeks.
        """
        if self.instalment_sequence is None:
            return order.expires_at
        return min(order.expires_at, self.created_at + RESERVATION_PERIOD)


_COLUMNS = columns_of(PaymentAttempt, payment_attempts)


def get_or_insert_open(connection: Connection, order: Order, *, at: datetime) -> PaymentAttempt:
    """Return the open attempt of a locked order, or a new one: two open ones could both be paid."""
    if order.state is not OrderState.PENDING:
        raise ImpossibleTransition(f"order {order.code} is {order.state}; it cannot be paid")
    if at >= order.expires_at:
        raise ImpossibleTransition(f"the reservation of order {order.code} has ended; order again")
    require_present_environment(order)
    if order.buyer is None:
        raise BuyerUnknown(f"order {order.code} has no buyer yet")
    instalments = (
        instalment_queries.list_for_order(connection, order.id) if order.payment_plan_id else ()
    )
    due = next_unpaid_instalment(instalments)
    part = due.number if due else None
    known = list_for_order(connection, order.id)
    attempts = [one for one in known if one.instalment_sequence == part]
    if (
        attempts
        and attempts[-1].state.is_open
        and not _has_session_expired(attempts[-1], order, at=at)
    ):
        return attempts[-1]
    insert_attempt(connection, order, len(known) + 1, due, at=at)
    return list_for_order(connection, order.id)[-1]


def insert_attempt(
    connection: Connection, order: Order, number: int, due: Instalment | None, *, at: datetime
) -> None:
    """Store an attempt of a locked order, for the due instalment if there is one."""
    connection.execute(
        insert(payment_attempts).values(
            order_id=order.id,
            number=number,
            key=attempt_key(order.code, number),
            amount=(due.amount if due else order.total).amount,
            instalment_sequence=due.number if due else None,
            created_at=at,
            updated_at=at,
        )
    )


def insert_box_office_payment(
    connection: Connection, order: Order, means: PaymentMeans, *, at: datetime
) -> PaymentAttempt:
    """Store the payment of a locked order at the box office, of which the gateway knows nothing."""
    number = len(list_for_order(connection, order.id)) + 1
    connection.execute(
        insert(payment_attempts).values(
            order_id=order.id,
            number=number,
            key=attempt_key(order.code, number),
            state=AttemptState.SETTLED,
            means=means,
            payment_type=means,  # no method of the gateway: such payments are refunded by hand
            amount=order.total.amount,
            created_at=at,
            updated_at=at,
        )
    )
    return list_for_order(connection, order.id)[-1]


def _has_session_expired(attempt: PaymentAttempt, order: Order, *, at: datetime) -> bool:
    """Return whether the checkout session ended before the order: only an instalment's does."""
    return attempt.instalment_sequence is not None and attempt.session_expires_at(order) - at < min(
        _MINUTE, order.expires_at - at
    )


def find(connection: Connection, key: str) -> PaymentAttempt | None:
    """Return the attempt with this key or transaction id: a bank once sent one as the other."""
    query = (
        select(*_COLUMNS)
        .where(
            or_(
                payment_attempts.c.key == key,
                (payment_attempts.c.transaction_id == key)
                & (payment_attempts.c.transaction_id != ""),
            )
        )
        .order_by((payment_attempts.c.key == key).desc(), payment_attempts.c.id)
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _attempt_from_row(row)


def list_transaction_ids(connection: Connection, keys: Sequence[str]) -> list[tuple[str, str]]:
    """Return key and transaction id of the attempts that have one."""
    query = select(payment_attempts.c.key, payment_attempts.c.transaction_id).where(
        payment_attempts.c.key.in_(keys), payment_attempts.c.transaction_id != ""
    )
    return [(key, transaction_id) for key, transaction_id in connection.execute(query)]


def lock_transaction(connection: Connection, transaction_id: str) -> None:
    """Let one transaction of the database at a time assign this transaction of the gateway."""
    key = func.hashtextextended(transaction_id, 0)
    connection.execute(select(func.pg_advisory_xact_lock(key)))


def find_other_key(connection: Connection, attempt_id: int, transaction_id: str) -> str | None:
    """Return the key of another attempt that has this transaction of the gateway."""
    query = select(payment_attempts.c.key).where(
        payment_attempts.c.transaction_id == transaction_id,
        payment_attempts.c.transaction_id != "",
        payment_attempts.c.id != attempt_id,
    )
    return connection.execute(query.order_by(payment_attempts.c.id).limit(1)).scalar()


def get(connection: Connection, attempt_id: int) -> PaymentAttempt:
    """Return the attempt with this id."""
    query = select(*_COLUMNS).where(payment_attempts.c.id == attempt_id)
    return _attempt_from_row(connection.execute(query).mappings().one())


def list_for_order(connection: Connection, order_id: int) -> list[PaymentAttempt]:
    """Return the attempts of an order by number; they change only while the order is locked."""
    query = (
        select(*_COLUMNS)
        .where(payment_attempts.c.order_id == order_id)
        .order_by(payment_attempts.c.number)
    )
    return [_attempt_from_row(row) for row in connection.execute(query).mappings()]


def update_attempt(
    connection: Connection, attempt: PaymentAttempt, *, at: datetime, by: str | None = None
) -> None:
    """Store the state of an attempt; its order is locked, and the ledger names `by` as actor."""
    requested = attempt.requested_amount
    statement = (
        update(payment_attempts)
        .where(payment_attempts.c.id == attempt.id)
        .values(
            state=attempt.state,
            amount=attempt.amount.amount,
            requested_amount=requested.amount if requested is not None else None,
            refunded=attempt.refunded.amount,
            transaction_id=attempt.transaction_id,
            payment_type=attempt.payment_type,
            payment_code=attempt.payment_code,
            updated_at=at,
        )
    )
    if by is not None:  # in the same statement, because every payment comes through here
        statement = statement.returning(func.set_config("ticketing.actor", by, True))
    connection.execute(statement)


def update_accepted_difference(connection: Connection, order_id: int) -> None:
    """Store by how much the payments of a locked order differ from what was requested."""
    pays_instalment = select(order_instalments.c.paid_attempt_id).where(
        order_instalments.c.order_id == order_id
    )
    difference = (
        select(
            func.coalesce(
                func.sum(payment_attempts.c.amount - payment_attempts.c.requested_amount), 0
            )
        )
        .where(
            payment_attempts.c.order_id == order_id,
            or_(
                payment_attempts.c.id == orders.c.paid_attempt_id,
                payment_attempts.c.id.in_(pays_instalment),
            ),
        )
        .correlate(orders)
        .scalar_subquery()
    )
    connection.execute(
        update(orders).where(orders.c.id == order_id).values(accepted_difference=difference)
    )


def _attempt_from_row(row: RowMapping) -> PaymentAttempt:
    requested = row["requested_amount"]
    return PaymentAttempt(
        **{
            **row,
            "state": AttemptState(row["state"]),
            "amount": Rupiah(row["amount"]),
            "requested_amount": None if requested is None else Rupiah(requested),
            "refunded": Rupiah(row["refunded"]),
        }
    )


def count_all(connection: Connection) -> int:
    """Count the payment attempts of all orders."""
    return connection.execute(select(func.count()).select_from(payment_attempts)).scalar_one()
