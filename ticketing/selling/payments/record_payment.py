"""Record the gateway's status of one payment attempt, with all its effects, refunds included.

Nothing here calls the gateway; `settle.py`, `reconcile.py` and `expire_orders.py` do that first.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.orders import cancellation_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.instalments import MONEY_RETURNED_STATES
from ticketing.orders.order import Order, OrderState, ReviewFlag
from ticketing.orders.payment_attempt import (
    AttemptState,
    OrderAction,
    PaymentStatus,
    PaymentTransition,
    merge_state,
    new_transitions,
    order_action,
)
from ticketing.orders.refund import RefundChannel, RefundState
from ticketing.platform.kernel.errors import UnknownOrder
from ticketing.platform.kernel.money import ZERO, Rupiah, total
from ticketing.selling.payments import attempt_queries, refund_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.complete_order import (
    complete_order,
    complete_order_if_in_stock,
    flag_for_review,
    flag_payment,
    reverse_order,
)
from ticketing.selling.payments.instalment_payment import (
    apply_instalment_payment,
    is_order_paid_by,
    revert_instalment_payment,
)

_REFUNDED = {AttemptState.REFUNDED, AttemptState.PARTLY_REFUNDED}


def record_reported_refunds(
    connection: Connection,
    attempt: PaymentAttempt,
    payment_status: PaymentStatus,
    *,
    at: datetime,
    by: str,
) -> Rupiah:
    """Record the reported refunds of an attempt; return the amount that we had requested.

    The order is locked. Safe to repeat: a refund is identified by its key, or its list position.
    """
    if payment_status.refunded == ZERO and not payment_status.refunds:
        return ZERO
    known = {one.key: one for one in refund_queries.list_for_order(connection, attempt.order_id)}
    for position, reported in enumerate(payment_status.refunds, start=1):
        refund = known.get(reported.key)
        if refund is None and reported.amount > ZERO:
            key = reported.key or f"{attempt.key}/{position}"
            refund_queries.insert_external_refund(
                connection, attempt, key=key, amount=reported.amount, by=by, at=at
            )
        elif refund is not None and refund.state is not RefundState.DONE:
            refund_queries.update_state(connection, refund, RefundState.DONE, at=at)
    completed_states = (
        {RefundState.DONE} if payment_status.refunds else {RefundState.DONE, RefundState.SENT}
    )
    return total(
        one.amount
        for one in refund_queries.list_for_order(connection, attempt.order_id)
        if one.attempt_id == attempt.id
        and one.channel is RefundChannel.GATEWAY
        and one.state in completed_states
    )


def has_only_requested_refunds(attempt: PaymentAttempt, requested: Rupiah) -> bool:
    """Return whether only requested refunds were made."""
    return attempt.state in _REFUNDED and ZERO < attempt.refunded <= requested


def record_payment(
    connection: Connection,
    attempt: PaymentAttempt,
    payment_status: PaymentStatus,
    *,
    at: datetime,
    by: str,
) -> bool:
    """Update attempt and order to the gateway's status; return False if nothing changed.

    Safe to repeat, and in any order: the order is locked and the attempt only moves up in rank.
    Refuses the status of another attempt.
    """
    if payment_status.attempt_key != attempt.key:
        raise UnknownOrder(f"the answer about {attempt.key} describes {payment_status.attempt_key}")
    order = order_queries.lock(connection, attempt.order_id)
    attempts = {one.id: one for one in attempt_queries.list_for_order(connection, order.id)}
    before = attempts[attempt.id]
    if _is_about_failed_transaction(before, payment_status):
        return False
    reused = _describe_reused_transaction(connection, before, payment_status.transaction_id)
    if reused:
        flag = ReviewFlag.TRANSACTION_REUSED
        flag_payment(connection, order, before, flag, reused, at=at)
        return False
    after = replace(
        _with_paid_amount(before, payment_status),
        state=merge_state(before.state, payment_status.state),
        refunded=max(before.refunded, payment_status.refunded),
        transaction_id=payment_status.transaction_id,
        payment_type=payment_status.payment_type or before.payment_type,
        payment_code=payment_status.payment_code or before.payment_code,
    )
    attempt_queries.update_attempt(connection, after, at=at, by=by)
    attempts[attempt.id] = after
    requested = record_reported_refunds(connection, after, payment_status, at=at, by=by)
    for transition in new_transitions(before.state, after.state):
        if not (
            transition is PaymentTransition.MONEY_RETURNED
            and has_only_requested_refunds(after, requested)
        ):
            _apply_transition(connection, transition, after, list(attempts.values()), at=at, by=by)
    if before.state.has_taken_money and after.amount != before.amount:
        flag_differing_amount(connection, order, after, at=at)
    is_returned = after.state in MONEY_RETURNED_STATES and before.state not in MONEY_RETURNED_STATES
    if is_returned and after.instalment_sequence is not None:
        was_paid, current = order.state is OrderState.PAID, order_queries.lock(connection, order.id)
        revert_instalment_payment(connection, current, after, was_paid=was_paid, at=at)
    if after.refunded != before.refunded:
        _record_refunded_amount(
            connection, order, is_requested=has_only_requested_refunds(after, requested), at=at
        )
    return after != before


def _is_about_failed_transaction(attempt: PaymentAttempt, payment_status: PaymentStatus) -> bool:
    """Return whether another transaction of a paid attempt failed: that reverses nothing."""
    is_other = payment_status.transaction_id != attempt.transaction_id
    return attempt.state.has_taken_money and is_other and payment_status.state.has_failed


def _describe_reused_transaction(
    connection: Connection, attempt: PaymentAttempt, transaction_id: str
) -> str:
    """Return that the transaction belongs to another attempt, or ""; a new one is locked."""
    if transaction_id == attempt.transaction_id:
        return ""
    attempt_queries.lock_transaction(connection, transaction_id)
    other = attempt_queries.find_other_key(connection, attempt.id, transaction_id)
    return f"transaction {transaction_id} belongs to {other}" if other else ""


def _with_paid_amount(attempt: PaymentAttempt, payment_status: PaymentStatus) -> PaymentAttempt:
    """Return the attempt with the amount that came; the books have what the gateway has."""
    came = payment_status.amount
    if not payment_status.state.has_taken_money or came == attempt.amount:
        return attempt
    requested = None if came == attempt.requested else attempt.requested
    return replace(attempt, amount=came, requested_amount=requested)


def _apply_transition(
    connection: Connection,
    transition: PaymentTransition,
    attempt: PaymentAttempt,
    attempts: list[PaymentAttempt],
    *,
    at: datetime,
    by: str,
) -> None:
    order = order_queries.lock(connection, attempt.order_id)  # as the previous transition left it
    if transition is PaymentTransition.MONEY_TAKEN and cancellation_queries.find(
        connection, order.event_id
    ):
        flag, problem = ReviewFlag.PAID_AFTER_CANCELLING, "paid after the event was cancelled"
        flag_payment(connection, order, attempt, flag, problem, at=at)
        return
    if transition is PaymentTransition.MONEY_TAKEN and _needs_acceptance(order, attempt):
        flag_differing_amount(connection, order, attempt, at=at)
        return
    if transition is PaymentTransition.MONEY_TAKEN and attempt.instalment_sequence is not None:
        apply_instalment_payment(connection, order, attempt, at=at, by=by)
        return
    others = [
        one
        for one in attempts
        if one.id != attempt.id and one.instalment_sequence == attempt.instalment_sequence
    ]
    action = order_action(
        transition,
        order.state,
        is_paying_attempt=is_order_paid_by(connection, order, attempt),
        paid_twice=any(_holds_money(one) for one in others),
    )
    match action:
        case OrderAction.COMPLETE:
            complete_order(connection, order, attempt_id=attempt.id, at=at, by=by)
        case OrderAction.COMPLETE_IF_IN_STOCK:
            complete_order_if_in_stock(connection, order, attempt, at=at, by=by)
        case OrderAction.REVERSE:
            reverse_order(connection, order, at=at, by=by)
        case OrderAction.REVIEW:
            flag = _review_flag(transition, order)
            flag_payment(connection, order, attempt, flag, attempt.state, at=at)


def _needs_acceptance(order: Order, attempt: PaymentAttempt) -> bool:
    """Return whether only the amount prevents the payment from completing the order."""
    can_complete = order.state in {OrderState.PENDING, OrderState.EXPIRED}
    return can_complete and attempt.requested_amount is not None


def flag_differing_amount(
    connection: Connection, order: Order, attempt: PaymentAttempt, *, at: datetime
) -> None:
    """Ask staff about a payment of another amount of a locked order."""
    problem = f"amount {attempt.requested} requested, {attempt.amount} reported by the gateway"
    flag_payment(connection, order, attempt, ReviewFlag.AMOUNT_DIFFERS, problem, at=at)


def _holds_money(attempt: PaymentAttempt) -> bool:
    return attempt.state.has_taken_money and attempt.state is not AttemptState.REVERSED


def _review_flag(transition: PaymentTransition, order: Order) -> ReviewFlag:
    if transition is PaymentTransition.MONEY_REVERSED:
        return ReviewFlag.MONEY_REVERSED
    if transition is PaymentTransition.MONEY_RETURNED:
        return ReviewFlag.MONEY_RETURNED
    is_paid = order.state is OrderState.PAID
    return ReviewFlag.PAID_TWICE if is_paid else ReviewFlag.PAID_AFTER_CANCELLING


def _record_refunded_amount(
    connection: Connection, order: Order, *, is_requested: bool, at: datetime
) -> None:
    """Store the refunded amount; an unrequested refund raises a flag, its tickets stay valid."""
    returned = refund_queries.sum_refunded(connection, order.id)
    order_queries.set_refunded(connection, order.id, returned)
    if is_requested:
        return
    message = f"{returned} of {order.total} was refunded to the buyer"
    flag_for_review(connection, order, ReviewFlag.MONEY_RETURNED, message, at=at)
