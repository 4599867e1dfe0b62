"""Refunds that the gateway tells of: ours have come about, others were made in its dashboard.

What the gateway says of one payment attempt, written down with everything that follows from it.

Nothing here asks the gateway; `settle` and `expire_orders` do, before they come here.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.orders import cancelled_events
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
    """Write down what of an attempt went back; gives how much of that we had asked for.

    The order is locked. Safe to repeat: a refund is known by its key, or its place in the list.
    """
    if payment_status.refunded == ZERO and not payment_status.refunds:
        return ZERO
    known = {one.key: one for one in refund_queries.list_for_order(connection, attempt.order_id)}
    for place, told in enumerate(payment_status.refunds, start=1):
        mine = known.get(told.key)
        if mine is None and told.amount > ZERO:
            key = told.key or f"{attempt.key}/{place}"
            refund_queries.insert_external_refund(
                connection, attempt, key=key, amount=told.amount, by=by, at=at
            )
        elif mine is not None and mine.state is not RefundState.DONE:
            refund_queries.update_state(connection, mine, RefundState.DONE, at=at)
    come_about = (
        {RefundState.DONE} if payment_status.refunds else {RefundState.DONE, RefundState.SENT}
    )
    return total(
        one.amount
        for one in refund_queries.list_for_order(connection, attempt.order_id)
        if one.attempt_id == attempt.id
        and one.channel is RefundChannel.GATEWAY
        and one.state in come_about
    )


def has_only_requested_refunds(attempt: PaymentAttempt, requested: Rupiah) -> bool:
    """Whether nothing went back but what we had asked for."""
    return attempt.state in _REFUNDED and ZERO < attempt.refunded <= requested


def record_payment(
    connection: Connection,
    attempt: PaymentAttempt,
    payment_status: PaymentStatus,
    *,
    at: datetime,
    by: str,
) -> bool:
    """Bring attempt and order to where the gateway says they are; False when they were there.

    Safe to repeat, and safe in any order: the order is locked and the attempt only climbs.
    Refuses an answer about another attempt.
    """
    if payment_status.attempt_key != attempt.key:
        raise UnknownOrder(f"asked about {attempt.key}, told about {payment_status.attempt_key}")
    order = order_queries.lock(connection, attempt.order_id)
    known = {one.id: one for one in attempt_queries.list_for_order(connection, order.id)}
    before = known[attempt.id]
    if payment_status.amount != before.amount:
        said = f"{before.key}: asked for {before.amount}, the gateway says {payment_status.amount}"
        flag_for_review(connection, order, ReviewFlag.AMOUNT_DIFFERS, said, at=at)
        return False
    after = replace(
        before,
        state=merge_state(before.state, payment_status.state),
        refunded=max(before.refunded, payment_status.refunded),
        transaction_id=payment_status.transaction_id,
        payment_type=payment_status.payment_type or before.payment_type,
    )
    attempt_queries.update_attempt(connection, after, at=at)
    known[attempt.id] = after
    ours = record_reported_refunds(connection, after, payment_status, at=at, by=by)
    for milestone in new_transitions(before.state, after.state):
        if not (
            milestone is PaymentTransition.MONEY_RETURNED
            and has_only_requested_refunds(after, ours)
        ):
            _apply_transition(connection, milestone, after, list(known.values()), at=at, by=by)
    lost = after.state in MONEY_RETURNED_STATES and before.state not in MONEY_RETURNED_STATES
    if lost and after.part is not None:
        was_paid, now = order.state is OrderState.PAID, order_queries.lock(connection, order.id)
        revert_instalment_payment(connection, now, after, was_paid=was_paid, at=at)
    if after.refunded != before.refunded:
        _record_refunded_amount(
            connection, order, is_requested=has_only_requested_refunds(after, ours), at=at
        )
    return after != before


def _apply_transition(
    connection: Connection,
    transition: PaymentTransition,
    attempt: PaymentAttempt,
    attempts: list[PaymentAttempt],
    *,
    at: datetime,
    by: str,
) -> None:
    order = order_queries.lock(connection, attempt.order_id)  # as the milestone before this left it
    if transition is PaymentTransition.MONEY_TAKEN and cancelled_events.find(
        connection, order.event_id
    ):
        said = f"{attempt.key}: paid although the event was called off"
        flag_for_review(connection, order, ReviewFlag.PAID_AFTER_CANCELLING, said, at=at)
        return
    if transition is PaymentTransition.MONEY_TAKEN and attempt.part is not None:
        apply_instalment_payment(connection, order, attempt, at=at, by=by)
        return
    others = [one for one in attempts if one.id != attempt.id and one.part == attempt.part]
    means = order_action(
        transition,
        order.state,
        is_paying_attempt=is_order_paid_by(connection, order, attempt),
        paid_twice=any(_holds_money(one) for one in others),
    )
    match means:
        case OrderAction.COMPLETE:
            complete_order(connection, order, attempt_id=attempt.id, at=at, by=by)
        case OrderAction.COMPLETE_IF_IN_STOCK:
            complete_order_if_in_stock(connection, order, attempt_id=attempt.id, at=at, by=by)
        case OrderAction.REVERSE:
            reverse_order(connection, order, at=at, by=by)
        case OrderAction.REVIEW:
            flag = _review_flag(transition, order)
            flag_for_review(connection, order, flag, f"{attempt.key}: {attempt.state}", at=at)


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
    """A refund that we did not decide is a question of its own: whether the tickets live on."""
    returned = refund_queries.sum_refunded(connection, order.id)
    order_queries.set_refunded(connection, order.id, returned)
    if is_requested:
        return
    said = f"{returned} of {order.total} went back to the buyer"
    flag_for_review(connection, order, ReviewFlag.MONEY_RETURNED, said, at=at)
