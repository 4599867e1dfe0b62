"""Queries for refunds: rows stored before money moves, while their order is locked."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.orders.refund import (
    PaymentBalance,
    Refund,
    RefundChannel,
    RefundPart,
    RefundState,
    refund_key,
    refunded_externally,
    refunded_through_gateway,
    total_refunded,
    total_refunded_or_promised,
    validate_transition,
)
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.payment_environment import is_of_this_environment
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.platform.db.tables.refunds import refunds
from ticketing.platform.db.work_queue import WorkQueue
from ticketing.platform.kernel.money import Rupiah, total
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt

LEASE = timedelta(minutes=5)  # longer than three calls to the gateway and the pauses between them
_WAITING = refunds.c.state.in_((RefundState.REQUESTED, RefundState.SENT))
_QUEUE = WorkQueue(
    table=refunds,
    is_open=_WAITING,
    lease=LEASE,
    claimed_until=refunds.c.claimed_until,
    claimed_by=refunds.c.claimed_by,
    attempt_count=refunds.c.attempt_count,
)
_COLUMNS = columns_of(Refund, refunds)


@dataclass(frozen=True, slots=True)
class OutstandingRefund:
    """A refund that is not completed, with the code of its order."""

    order_code: str
    refund: Refund


def list_for_order(connection: Connection, order_id: int) -> list[Refund]:
    """Return the refunds of an order, first to last."""
    query = select(*_COLUMNS).where(refunds.c.order_id == order_id).order_by(refunds.c.number)
    return [_refund_from_row(row) for row in connection.execute(query)]


def get(connection: Connection, refund_id: int) -> Refund:
    """Return the refund with this id."""
    query = select(*_COLUMNS).where(refunds.c.id == refund_id)
    return _refund_from_row(connection.execute(query).one())


def list_payment_balances(connection: Connection, order_id: int) -> list[PaymentBalance]:
    """Return the balance of each attempt of an order that received money."""
    by_attempt = _group_by_attempt(connection, order_id)
    return [
        PaymentBalance(
            attempt_id=attempt.id,
            key=attempt.key,
            state=attempt.state,
            payment_type=attempt.payment_type,
            amount=attempt.amount,
            refunded_or_promised=total_refunded_or_promised(
                by_attempt[attempt.id], attempt.refunded
            ),
            began_at=attempt.created_at,
            is_requested_amount=attempt.requested_amount is None,
        )
        for attempt in attempt_queries.list_for_order(connection, order_id)
        if attempt.state.has_taken_money
    ]


def sum_refunded(connection: Connection, order_id: int) -> Rupiah:
    """Return the refunded amount of an order over all channels."""
    by_attempt = _group_by_attempt(connection, order_id)
    return total(
        total_refunded(by_attempt[attempt.id], attempt.refunded)
        for attempt in attempt_queries.list_for_order(connection, order_id)
    )


def _group_by_attempt(connection: Connection, order_id: int) -> defaultdict[int, list[Refund]]:
    found = defaultdict[int, list[Refund]](list)
    for refund in list_for_order(connection, order_id):
        found[refund.attempt_id].append(refund)
    return found


def sum_refunded_externally(connection: Connection, attempt: PaymentAttempt) -> Rupiah:
    """Return the amount of an attempt refunded at the gateway without our request."""
    refunds_of_attempt = _group_by_attempt(connection, attempt.order_id)[attempt.id]
    return refunded_externally(refunds_of_attempt, attempt.refunded)


def sum_refunded_through_gateway(connection: Connection, attempt: PaymentAttempt) -> Rupiah:
    """Return the amount of an attempt refunded through the gateway, as far as known."""
    return refunded_through_gateway(
        _group_by_attempt(connection, attempt.order_id)[attempt.id], attempt.refunded
    )


def insert_refund(
    connection: Connection,
    attempt: PaymentAttempt,
    part: RefundPart,
    *,
    reason: str,
    by: str,
    at: datetime,
) -> Refund:
    """Store a refund to be made; a manual one waits for a transfer by staff."""
    number = len(list_for_order(connection, attempt.order_id)) + 1
    manual = part.channel is RefundChannel.MANUAL
    query = (
        insert(refunds)
        .values(
            order_id=attempt.order_id,
            attempt_id=attempt.id,
            number=number,
            key=refund_key(attempt.key, number),
            amount=part.amount.amount,
            channel=part.channel,
            state=RefundState.MANUAL if manual else RefundState.REQUESTED,
            reason=reason,
            gateway_message=part.reason,
            refunded_externally=sum_refunded_externally(connection, attempt).amount,
            requested_by=by,
            requested_at=at,
        )
        .returning(*_COLUMNS)
    )
    return _refund_from_row(connection.execute(query).one())


def insert_external_refund(
    connection: Connection,
    attempt: PaymentAttempt,
    *,
    key: str,
    amount: Rupiah,
    by: str,
    at: datetime,
) -> None:
    """Store a refund that was made at the gateway itself, once per key."""
    number = len(list_for_order(connection, attempt.order_id)) + 1
    values = {
        "order_id": attempt.order_id,
        "attempt_id": attempt.id,
        "number": number,
        "key": key,
        "amount": amount.amount,
        "channel": RefundChannel.EXTERNAL,
        "state": RefundState.DONE,
        "requested_by": by,
        "requested_at": at,
        "completed_at": at,
    }
    known = [refunds.c.attempt_id, refunds.c.key]
    connection.execute(insert(refunds).values(values).on_conflict_do_nothing(index_elements=known))


def claim(connection: Connection, refund_id: int, *, at: datetime) -> Refund | None:
    """Claim a waiting refund for the time of the lease; return None if it is not available."""
    row = _QUEUE.claim_row(connection, refund_id, *_COLUMNS, at=at)
    return None if row is None else _refund_from_row(row)


def update_state(
    connection: Connection, refund: Refund, to: RefundState, *, at: datetime, message: str = ""
) -> None:
    """Set the state of a refund; refuses a transition that is not allowed.

    The claim is kept only in the state `sent`.
    """
    ended = to in {RefundState.DONE, RefundState.CANCELLED}
    values: dict[str, object] = {
        "state": validate_transition(refund, to),
        "gateway_message": message,
        "completed_at": at if ended else None,
    }
    if to is not RefundState.SENT:
        values |= _QUEUE.unclaimed
    connection.execute(update(refunds).where(refunds.c.id == refund.id).values(values))


def mark_transferred(
    connection: Connection, refund: Refund, *, reference: str, at: datetime
) -> None:
    """Record that staff transferred the money, whatever channel was planned."""
    update_state(connection, refund, RefundState.DONE, at=at)
    values = {"channel": RefundChannel.MANUAL, "reference": reference}
    connection.execute(update(refunds).where(refunds.c.id == refund.id).values(values))


def release(connection: Connection, refund: Refund, *, message: str) -> None:
    """Release the claim of a refund that still waits; the next run asks for its status."""
    _QUEUE.end_claim(connection, refund.id, {"gateway_message": message})


def reopen(
    connection: Connection, refund: Refund, attempt: PaymentAttempt, *, at: datetime
) -> None:
    """Request a failed refund again, with the amount refunded externally until now."""
    update_state(connection, refund, RefundState.REQUESTED, at=at)
    known = sum_refunded_externally(connection, attempt)
    connection.execute(
        update(refunds).where(refunds.c.id == refund.id).values(refunded_externally=known.amount)
    )


def list_attempts_with_waiting(
    connection: Connection, *, order_id: int | None = None, after_id: int = 0, limit: int
) -> list[int]:
    """Return the attempts with refunds to be sent to the gateway, one page, ordered by id."""
    query = (
        select(refunds.c.attempt_id)
        .distinct()
        .join(orders, orders.c.id == refunds.c.order_id)
        .where(_WAITING, refunds.c.attempt_id > after_id, is_of_this_environment())
    )
    if order_id is not None:
        query = query.where(refunds.c.order_id == order_id)
    return list(connection.execute(query.order_by(refunds.c.attempt_id).limit(limit)).scalars())


def list_waiting_ids(connection: Connection, attempt_id: int) -> list[int]:
    """Return the refunds of an attempt to be sent to the gateway, first to last."""
    query = select(refunds.c.id).where(_WAITING, refunds.c.attempt_id == attempt_id)
    return list(connection.execute(query.order_by(refunds.c.id)).scalars())


def list_outstanding(connection: Connection, event_id: int) -> list[OutstandingRefund]:
    """Return the incomplete refunds of an event and this payment environment, oldest first."""
    query = (
        select(orders.c.code, *_COLUMNS)
        .join(orders, orders.c.id == refunds.c.order_id)
        .where(
            orders.c.event_id == event_id,
            refunds.c.completed_at.is_(None),
            is_of_this_environment(),
        )
        .order_by(refunds.c.id)
    )
    return [
        OutstandingRefund(code, _refund_from_row(rest)) for code, *rest in connection.execute(query)
    ]


def list_over_refunded_keys(connection: Connection, event_id: int) -> list[str]:
    """Return the keys of attempts with refunds, made and promised, above the payment."""
    promised = func.coalesce(func.sum(refunds.c.amount), 0)
    is_promised = refunds.c.state != RefundState.CANCELLED
    query = (
        select(payment_attempts.c.key)
        .join(orders, orders.c.id == payment_attempts.c.order_id)
        .outerjoin(refunds, (refunds.c.attempt_id == payment_attempts.c.id) & is_promised)
        .where(orders.c.event_id == event_id)
        .group_by(payment_attempts.c.id)
        .having(
            or_(
                promised > payment_attempts.c.amount,
                payment_attempts.c.refunded > payment_attempts.c.amount,
            )
        )
        .order_by(payment_attempts.c.key)
    )
    return list(connection.execute(query).scalars())


def _refund_from_row(row: Sequence[Any]) -> Refund:
    known = dict(zip((column.name for column in _COLUMNS), row, strict=True))
    return Refund(
        **{
            **known,
            "amount": Rupiah(known["amount"]),
            "refunded_externally": Rupiah(known["refunded_externally"]),
            "channel": RefundChannel(known["channel"]),
            "state": RefundState(known["state"]),
        }
    )
