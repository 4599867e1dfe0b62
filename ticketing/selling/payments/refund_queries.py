"""Refunds: rows written before any money moves. Their order is locked while they are written."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.orders.refund import (
    Channel,
    Part,
    Payment,
    Refund,
    RefundState,
    checked_move,
    elsewhere,
    gone,
    refund_key,
    returned,
    through_gateway,
)
from ticketing.platform.db.tables.sales import orders, payment_attempts, refunds
from ticketing.platform.kernel.money import Rupiah, total
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_queries import Attempt

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
class OwedRefund:
    """A refund that did not come about yet, and whose it is."""

    order_code: str
    refund: Refund


def of_order(connection: Connection, order_id: int) -> list[Refund]:
    """The order's refunds, the first first."""
    query = select(*_COLUMNS).where(refunds.c.order_id == order_id).order_by(refunds.c.number)
    return [_refund(row) for row in connection.execute(query)]


def by_id(connection: Connection, refund_id: int) -> Refund:
    """The refund of that number."""
    query = select(*_COLUMNS).where(refunds.c.id == refund_id)
    return _refund(connection.execute(query).one())


def payments_of(connection: Connection, order_id: int) -> list[Payment]:
    """The order's attempts that money came by, with what of it is gone."""
    by_attempt = _by_attempt(connection, order_id)
    return [
        Payment(
            attempt_id=attempt.id,
            key=attempt.key,
            state=attempt.state,
            payment_type=attempt.payment_type,
            amount=attempt.amount,
            gone=gone(by_attempt[attempt.id], attempt.refunded),
            began_at=attempt.created_at,
        )
        for attempt in attempt_queries.of_order(connection, order_id)
        if attempt.state.has_taken_money
    ]


def returned_of(connection: Connection, order_id: int) -> Rupiah:
    """What of the order's money went back so far, whichever way."""
    by_attempt = _by_attempt(connection, order_id)
    return total(
        returned(by_attempt[attempt.id], attempt.refunded)
        for attempt in attempt_queries.of_order(connection, order_id)
    )


def _by_attempt(connection: Connection, order_id: int) -> defaultdict[int, list[Refund]]:
    found = defaultdict[int, list[Refund]](list)
    for refund in of_order(connection, order_id):
        found[refund.attempt_id].append(refund)
    return found


def elsewhere_of(connection: Connection, attempt: Attempt) -> Rupiah:
    """What of an attempt went back through the gateway without our asking."""
    mine = _by_attempt(connection, attempt.order_id)[attempt.id]
    return elsewhere(mine, attempt.refunded)


def through_gateway_of(connection: Connection, attempt: Attempt) -> Rupiah:
    """What of an attempt went back through the gateway, as far as we know."""
    return through_gateway(_by_attempt(connection, attempt.order_id)[attempt.id], attempt.refunded)


def request(
    connection: Connection, attempt: Attempt, part: Part, *, reason: str, by: str, at: datetime
) -> Refund:
    """Write down that this is to go back; one for a person waits for that person."""
    number = len(of_order(connection, attempt.order_id)) + 1
    manual = part.channel is Channel.MANUAL
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
            elsewhere=elsewhere_of(connection, attempt).amount,
            requested_by=by,
            requested_at=at,
        )
        .returning(*_COLUMNS)
    )
    return _refund(connection.execute(query).one())


def note_elsewhere(
    connection: Connection, attempt: Attempt, *, key: str, amount: Rupiah, by: str, at: datetime
) -> None:
    """Write down a refund that somebody made at the gateway itself; once a key."""
    number = len(of_order(connection, attempt.order_id)) + 1
    values = {
        "order_id": attempt.order_id,
        "attempt_id": attempt.id,
        "number": number,
        "key": key,
        "amount": amount.amount,
        "channel": Channel.ELSEWHERE,
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
    return None if row is None else _refund(row)


def move(
    connection: Connection, refund: Refund, to: RefundState, *, at: datetime, said: str = ""
) -> None:
    """Bring a refund to another state; refuses what the table of moves has not.

    Whoever has claimed it keeps the claim only while it is sent.
    """
    ended = to in {RefundState.DONE, RefundState.DROPPED}
    values: dict[str, object] = {
        "state": checked_move(refund, to),
        "said": said,
        "ended_at": at if ended else None,
    }
    if to is not RefundState.SENT:
        values["claimed_until"] = None
    connection.execute(update(refunds).where(refunds.c.id == refund.id).values(values))


def transfer(connection: Connection, refund: Refund, *, reference: str, at: datetime) -> None:
    """A person has sent the money, whichever way it was meant to go."""
    move(connection, refund, RefundState.DONE, at=at)
    values = {"channel": Channel.MANUAL, "reference": reference}
    connection.execute(update(refunds).where(refunds.c.id == refund.id).values(values))


def release(connection: Connection, refund: Refund, *, said: str) -> None:
    """Let a claimed refund go as it is, if it still waits: the next one asks how it ended."""
    connection.execute(
        update(refunds)
        .where(refunds.c.id == refund.id, _WAITING)
        .values(claimed_until=None, said=said)
    )


def decide_again(connection: Connection, refund: Refund, attempt: Attempt, *, at: datetime) -> None:
    """Let a refund that failed be asked for once more, knowing what went back since."""
    move(connection, refund, RefundState.REQUESTED, at=at)
    known = elsewhere_of(connection, attempt)
    connection.execute(
        update(refunds).where(refunds.c.id == refund.id).values(elsewhere=known.amount)
    )


def waiting(
    connection: Connection, *, order_id: int | None = None, after: int = 0, limit: int
) -> list[int]:
    """Refunds that the gateway has to be asked for, the oldest first, in pages."""
    query = select(refunds.c.id).where(_WAITING, refunds.c.id > after)
    if order_id is not None:
        query = query.where(refunds.c.order_id == order_id)
    return list(connection.execute(query.order_by(refunds.c.id).limit(limit)).scalars())


def owed(connection: Connection, event_id: int) -> list[OwedRefund]:
    """The event's refunds that did not come about yet, the oldest first."""
    query = (
        select(orders.c.code, *_COLUMNS)
        .join(orders, orders.c.id == refunds.c.order_id)
        .where(orders.c.event_id == event_id, refunds.c.ended_at.is_(None))
        .order_by(refunds.c.id)
    )
    return [OwedRefund(code, _refund(rest)) for code, *rest in connection.execute(query)]


def beyond_payment(connection: Connection, event_id: int) -> list[str]:
    """Keys of attempts whose refunds, made and promised, exceed what was paid: none, ever."""
    promised = func.coalesce(func.sum(refunds.c.amount), 0)
    query = (
        select(payment_attempts.c.key)
        .join(orders, orders.c.id == payment_attempts.c.order_id)
        .outerjoin(refunds, _counted())
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


def _counted() -> ColumnElement[bool]:
    return (refunds.c.attempt_id == payment_attempts.c.id) & (
        refunds.c.state != RefundState.DROPPED
    )


def _refund(row: Sequence[Any]) -> Refund:
    known = dict(zip((column.name for column in _COLUMNS), row, strict=True))
    return Refund(
        **{
            **known,
            "amount": Rupiah(known["amount"]),
            "elsewhere": Rupiah(known["elsewhere"]),
            "channel": Channel(known["channel"]),
            "state": RefundState(known["state"]),
        }
    )
