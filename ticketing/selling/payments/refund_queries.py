"""Refunds: rows written before any money moves. Their order is locked while they are written."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select, update
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
from ticketing.platform.db.tables.sales import orders, payment_attempts, refunds
from ticketing.platform.kernel.money import Rupiah, total
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt

LEASE = timedelta(minutes=5)  # longer than three calls of the gateway and the pauses between

_COLUMNS = (
    refunds.c.id,
    refunds.c.order_id,
    refunds.c.attempt_id,
    refunds.c.number,
    refunds.c.key,
    refunds.c.amount,
    refunds.c.channel,
    refunds.c.state,
    refunds.c.reason,
    refunds.c.reference,
    refunds.c.said,
    refunds.c.elsewhere,
    refunds.c.tries,
)
_WAITING = refunds.c.state.in_((RefundState.REQUESTED, RefundState.SENT))


@dataclass(frozen=True, slots=True)
class OutstandingRefund:
    """A refund that did not come about yet, and whose it is."""

    order_code: str
    refund: Refund


def list_for_order(connection: Connection, order_id: int) -> list[Refund]:
    """The order's refunds, the first first."""
    query = select(*_COLUMNS).where(refunds.c.order_id == order_id).order_by(refunds.c.number)
    return [_refund_from_row(row) for row in connection.execute(query)]


def get(connection: Connection, refund_id: int) -> Refund:
    """The refund of that number."""
    query = select(*_COLUMNS).where(refunds.c.id == refund_id)
    return _refund_from_row(connection.execute(query).one())


def list_payment_balances(connection: Connection, order_id: int) -> list[PaymentBalance]:
    """The order's attempts that money came by, with what of it is gone."""
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
        )
        for attempt in attempt_queries.list_for_order(connection, order_id)
        if attempt.state.has_taken_money
    ]


def sum_refunded(connection: Connection, order_id: int) -> Rupiah:
    """What of the order's money went back so far, whichever way."""
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
    """What of an attempt went back through the gateway without our asking."""
    mine = _group_by_attempt(connection, attempt.order_id)[attempt.id]
    return refunded_externally(mine, attempt.refunded)


def sum_refunded_through_gateway(connection: Connection, attempt: PaymentAttempt) -> Rupiah:
    """What of an attempt went back through the gateway, as far as we know."""
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
    """Write down that this is to go back; one for a person waits for that person."""
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
            said=part.why,
            elsewhere=sum_refunded_externally(connection, attempt).amount,
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
    """Write down a refund that somebody made at the gateway itself; once a key."""
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
        "ended_at": at,
    }
    known = [refunds.c.attempt_id, refunds.c.key]
    connection.execute(insert(refunds).values(values).on_conflict_do_nothing(index_elements=known))


def claim(connection: Connection, refund_id: int, *, at: datetime) -> Refund | None:
    """Take a waiting refund on for a while; None when somebody has it, or it needs nobody."""
    free = or_(refunds.c.claimed_until.is_(None), refunds.c.claimed_until <= at)
    query = (
        update(refunds)
        .where(refunds.c.id == refund_id, _WAITING, free)
        .values(claimed_until=at + LEASE, tries=refunds.c.tries + 1)
        .returning(*_COLUMNS)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _refund_from_row(row)


def update_state(
    connection: Connection, refund: Refund, to: RefundState, *, at: datetime, message: str = ""
) -> None:
    """Bring a refund to another state; refuses what the table of moves has not.

    Whoever has claimed it keeps the claim only while it is sent.
    """
    ended = to in {RefundState.DONE, RefundState.CANCELLED}
    values: dict[str, object] = {
        "state": validate_transition(refund, to),
        "said": message,
        "ended_at": at if ended else None,
    }
    if to is not RefundState.SENT:
        values["claimed_until"] = None
    connection.execute(update(refunds).where(refunds.c.id == refund.id).values(values))


def mark_transferred(
    connection: Connection, refund: Refund, *, reference: str, at: datetime
) -> None:
    """A person has sent the money, whichever way it was meant to go."""
    update_state(connection, refund, RefundState.DONE, at=at)
    values = {"channel": RefundChannel.MANUAL, "reference": reference}
    connection.execute(update(refunds).where(refunds.c.id == refund.id).values(values))


def release(connection: Connection, refund: Refund, *, message: str) -> None:
    """Let a claimed refund go as it is, if it still waits: the next one asks how it ended."""
    connection.execute(
        update(refunds)
        .where(refunds.c.id == refund.id, _WAITING)
        .values(claimed_until=None, said=message)
    )


def reopen(
    connection: Connection, refund: Refund, attempt: PaymentAttempt, *, at: datetime
) -> None:
    """Let a refund that failed be asked for once more, knowing what went back since."""
    update_state(connection, refund, RefundState.REQUESTED, at=at)
    known = sum_refunded_externally(connection, attempt)
    connection.execute(
        update(refunds).where(refunds.c.id == refund.id).values(elsewhere=known.amount)
    )


def list_waiting_ids(
    connection: Connection, *, order_id: int | None = None, after_id: int = 0, limit: int
) -> list[int]:
    """Refunds that the gateway has to be asked for, the oldest first, in pages."""
    query = select(refunds.c.id).where(_WAITING, refunds.c.id > after_id)
    if order_id is not None:
        query = query.where(refunds.c.order_id == order_id)
    return list(connection.execute(query.order_by(refunds.c.id).limit(limit)).scalars())


def list_outstanding(connection: Connection, event_id: int) -> list[OutstandingRefund]:
    """The event's refunds that did not come about yet, the oldest first."""
    query = (
        select(orders.c.code, *_COLUMNS)
        .join(orders, orders.c.id == refunds.c.order_id)
        .where(orders.c.event_id == event_id, refunds.c.ended_at.is_(None))
        .order_by(refunds.c.id)
    )
    return [
        OutstandingRefund(code, _refund_from_row(rest)) for code, *rest in connection.execute(query)
    ]


def list_over_refunded_keys(connection: Connection, event_id: int) -> list[str]:
    """Keys of attempts whose refunds, made and promised, exceed what was paid: none, ever."""
    promised = func.coalesce(func.sum(refunds.c.amount), 0)
    query = (
        select(payment_attempts.c.key)
        .join(orders, orders.c.id == payment_attempts.c.order_id)
        .outerjoin(refunds, _counts_against_payment())
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


def _counts_against_payment() -> ColumnElement[bool]:
    return (refunds.c.attempt_id == payment_attempts.c.id) & (
        refunds.c.state != RefundState.CANCELLED
    )


def _refund_from_row(row: Sequence[Any]) -> Refund:
    known = dict(zip((column.name for column in _COLUMNS), row, strict=True))
    return Refund(
        **{
            **known,
            "amount": Rupiah(known["amount"]),
            "elsewhere": Rupiah(known["elsewhere"]),
            "channel": RefundChannel(known["channel"]),
            "state": RefundState(known["state"]),
        }
    )
