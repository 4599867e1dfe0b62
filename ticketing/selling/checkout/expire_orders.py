"""Orders whose time is up: their places are free again, unless the gateway may still take money.

The gateway is asked before anything is given away, outside of any transaction. An order without a
clear answer keeps its places and is flagged; the next run asks again. Payment pages of orders that
have ended are closed at last, so that an old tab cannot pay.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from ticketing.orders import instalment_queries, review_flag_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.instalments import MONEY_RETURNED_STATES, next_unpaid_instalment
from ticketing.orders.order import Order, OrderState, ReviewFlag
from ticketing.orders.payment_attempt import (
    AttemptState,
    ExpiryDecision,
    PaymentStatus,
    decide_expiry,
)
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Unavailable
from ticketing.selling.checkout.cancel_order import apply_overdue_policy, close_pending_order
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.complete_order import flag_for_review
from ticketing.selling.payments.expire_checkout_sessions import (
    CheckoutGateway,
    expire_sessions_of_ended_orders,
)
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.payments.settle import PaymentGateway

CHUNK = 100


class ExpiryGateway(PaymentGateway, CheckoutGateway, Protocol):
    """A payment gateway, as far as expiring needs one."""


@dataclass(frozen=True, slots=True)
class ExpiryResult:
    """How the orders ended: given up, paid after all, or stuck until the gateway is clear."""

    expired: int
    left: int
    stuck: int


@dataclass(frozen=True, slots=True)
class _AttemptReply:
    """What asking about one attempt brought; None when it brought nothing that can be relied on."""

    attempt: PaymentAttempt
    state: AttemptState | None
    payment_status: PaymentStatus | None


def expire_orders(
    database: Database, gateway: ExpiryGateway, *, at: datetime, by: str, chunk: int = CHUNK
) -> ExpiryResult:
    """End every order whose time is up; safe to repeat, to run twice at once, and to kill."""
    ends = Counter(
        _expire_order(database, gateway, order_id, at=at, by=by)
        for order_id in _iter_expired_pending(database, at=at, chunk=chunk)
    )
    result = ExpiryResult(
        expired=ends[ExpiryDecision.EXPIRE],
        left=ends[ExpiryDecision.LEAVE],
        stuck=ends[ExpiryDecision.STUCK],
    )
    if ends:
        with database.transaction() as connection:
            audit_log.record(
                connection,
                actor=by,
                action="orders.expire",
                items=result.expired,
                details={"left": result.left, "stuck": result.stuck},
            )
    expire_sessions_of_ended_orders(database, gateway, at=at, by=by)
    return result


def _iter_expired_pending(database: Database, *, at: datetime, chunk: int) -> Iterator[int]:
    last = 0
    while True:
        with database.transaction() as connection:
            page = order_queries.list_expired_pending(connection, at=at, after_id=last, limit=chunk)
        if not page:
            return
        yield from page
        last = page[-1]


def _expire_order(
    database: Database, gateway: PaymentGateway, order_id: int, *, at: datetime, by: str
) -> ExpiryDecision:
    """End one order; whatever goes wrong with it is in its flag and stops no other."""
    try:
        with database.transaction() as connection:
            attempts = attempt_queries.list_for_order(connection, order_id)
        answers = [_ask(gateway, attempt) for attempt in attempts]
        with database.transaction() as connection:
            return _record_and_decide(connection, order_id, answers, at=at, by=by)
    except Exception as error:  # noqa: BLE001 - one order's failure must not stop the others
        with database.transaction() as connection:
            order = order_queries.lock(connection, order_id)
            said = f"{type(error).__name__}: {error}"
            flag_for_review(connection, order, ReviewFlag.STUCK, said, at=at)
        return ExpiryDecision.STUCK


def _ask(gateway: PaymentGateway, attempt: PaymentAttempt) -> _AttemptReply:
    try:
        statement = gateway.get_payment_status(attempt.key)
    except Unavailable:
        return _AttemptReply(attempt, None, None)
    if statement is not None:
        return _AttemptReply(attempt, statement.state, statement)
    # a gateway knows an attempt once the buyer chose how to pay; forgetting it later is no answer
    never_used = attempt.state is AttemptState.CREATED or attempt.state.has_failed
    return _AttemptReply(attempt, attempt.state if never_used else None, None)


def _record_and_decide(
    connection: Connection, order_id: int, replies: list[_AttemptReply], *, at: datetime, by: str
) -> ExpiryDecision:
    """Write down what was said, then judge; somebody may have paid or cancelled meanwhile."""
    order_queries.lock(connection, order_id)
    for answer in replies:
        if answer.payment_status is not None:
            record_payment(connection, answer.attempt, answer.payment_status, at=at, by=by)
    order = order_queries.lock(connection, order_id)
    verdict = decide_expiry(
        answer.state for answer in _replies_for_due_instalment(connection, order, replies)
    )
    if order.state is not OrderState.PENDING or order.expires_at > at:
        verdict = ExpiryDecision.LEAVE
    _apply_decision(connection, order, verdict, at=at, by=by)
    return verdict


def _replies_for_due_instalment(
    connection: Connection, order: Order, replies: list[_AttemptReply]
) -> list[_AttemptReply]:
    """All answers; of an order paid in parts those about the next one, which may still be paid."""
    if order.payment_plan_id is None:
        return replies
    due = next_unpaid_instalment(instalment_queries.list_for_order(connection, order.id))
    return [
        answer
        for answer in replies
        if due is not None
        and answer.attempt.part == due.number
        and answer.state not in MONEY_RETURNED_STATES
    ]


def _apply_decision(
    connection: Connection, order: Order, decision: ExpiryDecision, *, at: datetime, by: str
) -> None:
    if decision is ExpiryDecision.STUCK:
        said = "out of time, and the gateway gives no clear answer"
        flag_for_review(connection, order, ReviewFlag.STUCK, said, at=at)
        return
    review_flag_queries.resolve_flag(connection, order.id, ReviewFlag.STUCK, at=at)
    if decision is ExpiryDecision.EXPIRE:
        ended = close_pending_order(connection, order, OrderState.EXPIRED, at=at)
        apply_overdue_policy(connection, ended, at=at, by=by)
