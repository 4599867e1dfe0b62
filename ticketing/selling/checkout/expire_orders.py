"""Expire orders whose reservation has ended, unless the gateway may still receive the payment.

The gateway is asked before places are released, outside of any transaction. An order without a
clear answer, or with an unsettled notification of money, keeps its places and is flagged; the next
run asks again. Finally the checkout sessions of ended orders are closed, so that an old tab cannot
pay.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.backup import restore_queries
from ticketing.orders import instalment_queries, review_flag_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.instalments import MONEY_RETURNED_STATES, next_unpaid_instalment
from ticketing.orders.order import Order, OrderState, ReviewFlag
from ticketing.orders.payment_attempt import (
    AttemptReference,
    AttemptState,
    ExpiryDecision,
    PaymentStatus,
    decide_expiry,
)
from ticketing.platform.db import audit_log, outbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.paging import iter_ids
from ticketing.platform.kernel.errors import Unavailable
from ticketing.platform.kernel.money import ZERO
from ticketing.platform.kernel.work_pool import work_side_by_side
from ticketing.selling.checkout.cancel_order import apply_overdue_policy, close_pending_order
from ticketing.selling.payments import attempt_queries, refund_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.attempt_references import collect_references
from ticketing.selling.payments.complete_order import (
    flag_for_review,
    flag_stuck,
    notify_buyer,
)
from ticketing.selling.payments.expire_checkout_sessions import (
    expire_sessions_of_ended_orders,
)
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.record_calls import recording_calls
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.payments.settle import STATUS_CONCURRENCY, PaymentGateway
from ticketing.selling.payments.unsettled_money import list_unsettled_money
from ticketing.selling.refunds.resolve_flag import flag_undecided_payments

CHUNK = 100
_NO_CLEAR_ANSWER = "the reservation has ended, and the gateway gives no clear answer"
_HELD_BY_MONEY = (
    "the reservation has ended, and a payment that does not complete the order holds it; refund it"
)


@dataclass(frozen=True, slots=True)
class ExpiryResult:
    """Numbers of orders: expired, left because they were paid, stuck without a clear answer."""

    expired: int
    left: int
    stuck: int


@dataclass(frozen=True, slots=True)
class _AttemptReply:
    """The gateway's answer about one attempt; state None if there is no reliable one."""

    attempt: PaymentAttempt
    state: AttemptState | None
    payment_status: PaymentStatus | None

    @property
    def has_money(self) -> bool:
        """Return whether the gateway reports money for the attempt."""
        return self.state is not None and self.state.has_taken_money


def expire_orders(
    database: Database,
    gateway: Midtrans,
    *,
    at: datetime,
    by: str,
    chunk: int = CHUNK,
    concurrency: int = STATUS_CONCURRENCY,
) -> ExpiryResult:
    """Expire every overdue order; safe to repeat, to run concurrently, and to kill.

    Asks about `concurrency` orders at once, so that a hanging answer holds up no other order.
    Nothing expires while a restored database has not asked about attempts made after the backup.
    """
    if database.run(restore_queries.is_unreconciled):
        return ExpiryResult(0, 0, 0)
    order_ids = iter_ids(
        database,
        lambda connection, last_id: order_queries.list_expired_pending(
            connection, at=at, after_id=last_id, limit=chunk
        ),
    )
    outcomes = Counter(
        work_side_by_side(
            order_ids,
            lambda order_id: _expire_order(database, gateway, order_id, at=at, by=by),
            size=concurrency,
            name="expiring",
        )
    )
    result = ExpiryResult(
        expired=outcomes[ExpiryDecision.EXPIRE],
        left=outcomes[ExpiryDecision.LEAVE],
        stuck=outcomes[ExpiryDecision.STUCK],
    )
    if outcomes:
        database.run(
            audit_log.record,
            actor=by,
            action="orders.expire",
            items=result.expired,
            details={"left": result.left, "stuck": result.stuck},
        )
    expire_sessions_of_ended_orders(database, gateway, at=at, by=by, concurrency=concurrency)
    return result


def _expire_order(
    database: Database, gateway: PaymentGateway, order_id: int, *, at: datetime, by: str
) -> ExpiryDecision:
    """Expire one order; an error is written into its flag and stops no other."""
    try:
        attempts = database.run(attempt_queries.list_for_order, order_id)
        references = database.run(collect_references, [attempt.key for attempt in attempts])
        replies = [
            _poll_attempt(database, gateway, attempt, reference)
            for attempt, reference in zip(attempts, references, strict=True)
        ]
        return database.run(_record_and_decide, order_id, replies, at=at, by=by)
    except Exception as error:  # noqa: BLE001 - one order's failure must not stop the others
        flag_stuck(database, order_id, error, at=at)
        return ExpiryDecision.STUCK


def _poll_attempt(
    database: Database,
    gateway: PaymentGateway,
    attempt: PaymentAttempt,
    reference: AttemptReference,
) -> _AttemptReply:
    try:
        with recording_calls(database, attempt.key):
            statement = gateway.get_payment_status(attempt.key, reference.transaction_ids)
    except Unavailable:
        return _AttemptReply(attempt, None, None)
    if statement is not None:
        return _AttemptReply(attempt, statement.state, statement)
    # the gateway knows an attempt once a payment method is chosen; forgetting it is no answer
    return _AttemptReply(attempt, attempt.state if attempt.state.is_unused else None, None)


def _record_and_decide(
    connection: Connection, order_id: int, replies: list[_AttemptReply], *, at: datetime, by: str
) -> ExpiryDecision:
    """Record the answers, then decide; the order may have been paid or cancelled meanwhile."""
    order_queries.lock(connection, order_id)
    for answer in replies:
        if answer.payment_status is not None:
            record_payment(connection, answer.attempt, answer.payment_status, at=at, by=by)
    order = order_queries.lock(connection, order_id)
    relevant = _replies_for_due_instalment(connection, order, replies)
    decision = decide_expiry(_settled_states(connection, order, relevant))
    message = _NO_CLEAR_ANSWER
    if decision is ExpiryDecision.EXPIRE:
        held = _find_unsettled_money(connection, order, replies)
        decision, message = (ExpiryDecision.STUCK, held) if held else (decision, message)
    if order.state is not OrderState.PENDING or order.expires_at > at:
        decision = ExpiryDecision.LEAVE
    elif decision is ExpiryDecision.LEAVE:
        _ask_about_money(connection, order, at=at)
        return decision
    _apply_decision(connection, order, decision, message, at=at, by=by)
    return decision


def _ask_about_money(connection: Connection, order: Order, *, at: datetime) -> None:
    """Make sure that an overdue order which money holds has an open flag."""
    flag_undecided_payments(connection, order, at=at)
    questions = [flag for flag in ReviewFlag if flag is not ReviewFlag.STUCK]
    if review_flag_queries.find_open_attempts(connection, order.id, questions):
        review_flag_queries.resolve_flag(connection, order.id, ReviewFlag.STUCK, at=at)
    else:
        flag_for_review(connection, order, ReviewFlag.STUCK, _HELD_BY_MONEY, reopen=True, at=at)


def _settled_states(
    connection: Connection, order: Order, replies: list[_AttemptReply]
) -> Iterator[AttemptState | None]:
    """Yield the states that decide; without payments that were returned completely.

    A transaction of another payment decides nothing once staff have resolved its flag.
    """
    returned = {
        payment.attempt_id
        for payment in refund_queries.list_payment_balances(connection, order.id)
        if payment.refundable == ZERO
    }
    is_in_review = review_flag_queries.is_open(connection, order.id, ReviewFlag.TRANSACTION_REUSED)
    for answer in replies:
        if answer.attempt.id in returned:
            continue
        current = attempt_queries.get(connection, answer.attempt.id)
        is_refused = answer.has_money and not current.state.has_taken_money
        yield current.state if is_refused and not is_in_review else answer.state


def _find_unsettled_money(
    connection: Connection, order: Order, replies: list[_AttemptReply]
) -> str:
    """Return which signed notification of money is unsettled; empty if none holds the order.

    Staff end the hold by resolving the flag, but not while a notification is still processed.
    """
    answered = {one.payment_status.transaction_id for one in replies if one.payment_status}
    attempts = [attempt_queries.get(connection, one.attempt.id) for one in replies]
    unsettled = list_unsettled_money(connection, attempts, answered)
    if not unsettled:
        return ""
    message = f"the reservation has ended, and {'; '.join(one.problem for one in unsettled)}"
    is_decided = not any(one.is_waiting for one in unsettled) and review_flag_queries.is_resolved(
        connection, order.id, ReviewFlag.STUCK, message
    )
    return "" if is_decided else message


def _replies_for_due_instalment(
    connection: Connection, order: Order, replies: list[_AttemptReply]
) -> list[_AttemptReply]:
    """Return all answers; with instalments, those about the next one, which may still be paid."""
    if order.payment_plan_id is None:
        return replies
    due = next_unpaid_instalment(instalment_queries.list_for_order(connection, order.id))
    return [
        answer
        for answer in replies
        if due is not None
        and answer.attempt.instalment_sequence == due.number
        and answer.state not in MONEY_RETURNED_STATES
    ]


def _apply_decision(
    connection: Connection,
    order: Order,
    decision: ExpiryDecision,
    message: str,
    *,
    at: datetime,
    by: str,
) -> None:
    if decision is ExpiryDecision.STUCK:
        flag_for_review(connection, order, ReviewFlag.STUCK, message, at=at)
        return
    review_flag_queries.resolve_flag(connection, order.id, ReviewFlag.STUCK, at=at)
    if decision is ExpiryDecision.EXPIRE:
        ended = close_pending_order(connection, order, OrderState.EXPIRED, at=at)
        instalments = instalment_queries.list_for_order(connection, order.id)
        is_told_otherwise = any(each.paid_at for each in instalments)  # by the policy
        if not (is_told_otherwise or order.at_box_office):
            notify_buyer(connection, ended, outbox.ORDER_EXPIRED)
        apply_overdue_policy(connection, ended, at=at, by=by)
