"""Apply or revert the payment of one instalment of an order. The caller has locked the order."""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.orders import audit, instalment_queries, review_flag_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.instalments import (
    Instalment,
    InstalmentAction,
    TicketReleasePolicy,
    assign_payments_to_instalments,
    instalment_action,
    next_unpaid_instalment,
    reservation_deadline,
)
from ticketing.orders.order import Order, OrderState, ReviewFlag
from ticketing.platform.kernel.money import ZERO, total
from ticketing.selling.payments import attempt_queries, checkout_session_queries, refund_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.complete_order import (
    complete_order,
    complete_order_if_in_stock,
    entitle_buyer,
    flag_for_review,
    flag_payment,
)


def apply_instalment_payment(
    connection: Connection, order: Order, attempt: PaymentAttempt, *, at: datetime, by: str
) -> None:
    """Record the payment of an instalment; the last one completes the order."""
    # the session is used up by the payment; closing it at the gateway could cancel the payment
    checkout_session_queries.mark_closed(connection, attempt.id, at=at)
    instalments = instalment_queries.list_for_order(connection, order.id)
    instalment = next(one for one in instalments if one.number == attempt.instalment_sequence)
    match instalment_action(instalment, order.state):
        case InstalmentAction.PAY:
            _mark_instalment_paid(connection, order, attempt, instalment, at=at, by=by)
        case InstalmentAction.COMPLETE_LATE:
            _complete_late(connection, order, attempt, at=at, by=by)
        case InstalmentAction.REVIEW:
            problem = f"{attempt.state}, instalment {instalment.number}"
            flag_payment(connection, order, attempt, _review_flag(order), problem, at=at)


def _mark_instalment_paid(
    connection: Connection,
    order: Order,
    attempt: PaymentAttempt,
    instalment: Instalment,
    *,
    at: datetime,
    by: str,
) -> None:
    instalment_queries.mark_paid(connection, order.id, {instalment.number: attempt.id}, at=at)
    if _extend_reservation(connection, order, at=at):
        _entitle_early(connection, order, at=at)
        audit.record(
            connection,
            order,
            actor=by,
            action="orders.pay_instalment",
            items=1,
            details={"part": instalment.number, "amount": instalment.amount.amount},
        )
    else:
        complete_order(connection, order, attempt_id=attempt.id, at=at, by=by)


def _entitle_early(connection: Connection, order: Order, *, at: datetime) -> None:
    """Entitle the buyer with the first instalment if the plan allows it."""
    if order.payment_plan_id is None or order.buyer is None:
        return
    plan = instalment_queries.get_plan(connection, order.payment_plan_id)
    if plan.tickets is TicketReleasePolicy.FIRST_INSTALMENT and order_queries.claim_effect(
        connection, order.id, order_queries.ENTITLED_EARLY, at=at
    ):
        entitle_buyer(connection, order, order.buyer)


def _extend_reservation(connection: Connection, order: Order, *, at: datetime) -> bool:
    """Reserve the places until the next instalment is due; return False when none is left."""
    due = next_unpaid_instalment(instalment_queries.list_for_order(connection, order.id))
    if due is None or order.payment_plan_id is None:
        return False
    plan = instalment_queries.get_plan(connection, order.payment_plan_id)
    order_queries.extend_reservation(connection, order.id, reservation_deadline(due, plan, at=at))
    return True


def _complete_late(
    connection: Connection, order: Order, attempt: PaymentAttempt, *, at: datetime, by: str
) -> None:
    payers = find_instalment_payers(connection, order)
    if not payers:
        problem = f"instalment {attempt.instalment_sequence} was paid late, and others are unpaid"
        flag_payment(connection, order, attempt, ReviewFlag.PAID_LATE, problem, at=at)
        return
    complete_order_if_in_stock(connection, order, attempt, at=at, by=by)
    if order_queries.lock(connection, order.id).state is OrderState.PAID:
        instalment_queries.mark_paid(connection, order.id, payers, at=at)
        review_flag_queries.resolve_flag(
            connection, order.id, ReviewFlag.INSTALMENTS_UNFINISHED, at=at
        )


def find_instalment_payers(
    connection: Connection, order: Order, *, accepted: int | None = None
) -> dict[int, int]:
    """Return the paying attempt of each instalment of a locked order; empty if money is missing.

    `accepted` is an attempt that pays although its amount differs.
    """
    attempts = attempt_queries.list_for_order(connection, order.id)
    return assign_payments_to_instalments(
        instalment_queries.list_for_order(connection, order.id),
        refund_queries.list_payment_balances(connection, order.id),
        {one.id: one.instalment_sequence for one in attempts},
        accepted=accepted,
    )


def _review_flag(order: Order) -> ReviewFlag:
    known = {
        OrderState.EXPIRED: ReviewFlag.PAID_LATE,
        OrderState.CANCELLED: ReviewFlag.PAID_AFTER_CANCELLING,
    }
    return known.get(order.state, ReviewFlag.PAID_TWICE)


def is_order_paid_by(connection: Connection, order: Order, attempt: PaymentAttempt) -> bool:
    """Return whether the order is paid by this attempt, alone or with others."""
    if attempt.instalment_sequence is None:
        return order.paid_attempt_id == attempt.id
    instalments = instalment_queries.list_for_order(connection, order.id)
    return order.state is OrderState.PAID and attempt.id in {
        instalment.paid_by for instalment in instalments
    }


def revert_instalment_payment(
    connection: Connection, order: Order, attempt: PaymentAttempt, *, was_paid: bool, at: datetime
) -> None:
    """Replace the lost payment of an instalment by another one, or make the instalment due again.

    If an order that `was_paid` ended by it, staff decide about the other instalments' money.
    """
    instalments = instalment_queries.list_for_order(connection, order.id)
    instalment = next(one for one in instalments if one.number == attempt.instalment_sequence)
    if instalment.paid_by != attempt.id:
        return
    other_attempt_id = _find_other_payment(connection, order, instalment)
    if order.state is OrderState.PENDING or other_attempt_id is not None:
        instalment_queries.mark_unpaid(connection, order.id, instalment.number)
    if other_attempt_id is not None:
        instalment_queries.mark_paid(
            connection, order.id, {instalment.number: other_attempt_id}, at=at
        )
    attempt_queries.update_accepted_difference(connection, order.id)
    if order.state is OrderState.PENDING:
        _extend_reservation(connection, order, at=at)
    if was_paid and order.state is OrderState.CANCELLED:
        instalment_queries.detach_payments(connection, order.id)
        left = total(
            payment.refundable
            for payment in refund_queries.list_payment_balances(connection, order.id)
        )
        if left > ZERO:
            message = (
                f"ended by instalment {instalment.number}; {left} of other instalments is left"
            )
            flag_for_review(connection, order, ReviewFlag.INSTALMENTS_UNFINISHED, message, at=at)


def _find_other_payment(connection: Connection, order: Order, instalment: Instalment) -> int | None:
    """Return another attempt that paid the same instalment and was not refunded, or None."""
    attempt_ids = {
        one.id
        for one in attempt_queries.list_for_order(connection, order.id)
        if one.instalment_sequence == instalment.number
    }
    for payment in refund_queries.list_payment_balances(connection, order.id):
        if payment.attempt_id in attempt_ids and payment.pays_in_full:
            return payment.attempt_id
    return None
