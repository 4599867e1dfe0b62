"""What money for one part of an order does, and what its loss does. The caller locked the order."""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.orders import instalment_queries, review_flag_queries
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
from ticketing.platform.db import audit_log
from ticketing.platform.kernel.money import ZERO, total
from ticketing.selling.payments import attempt_queries, checkout_session_queries, refund_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.complete_order import (
    complete_order,
    complete_order_if_in_stock,
    entitle_buyer,
    flag_for_review,
)


def apply_instalment_payment(
    connection: Connection, order: Order, attempt: PaymentAttempt, *, at: datetime, by: str
) -> None:
    """Money came for a part: it is paid, and the last one completes the order."""
    # a page that was paid on is used up; closing it at the gateway could undo the payment
    checkout_session_queries.mark_closed(connection, attempt.id, at=at)
    parts = instalment_queries.list_for_order(connection, order.id)
    part = next(one for one in parts if one.number == attempt.part)
    match instalment_action(part, order.state):
        case InstalmentAction.PAY:
            _mark_instalment_paid(connection, order, attempt, part, at=at, by=by)
        case InstalmentAction.COMPLETE_LATE:
            _complete_late(connection, order, attempt, at=at, by=by)
        case InstalmentAction.REVIEW:
            said = f"{attempt.key}: {attempt.state}, part {part.number}"
            flag_for_review(connection, order, _review_flag(order), said, at=at)


def _mark_instalment_paid(
    connection: Connection,
    order: Order,
    attempt: PaymentAttempt,
    part: Instalment,
    *,
    at: datetime,
    by: str,
) -> None:
    instalment_queries.mark_paid(connection, order.id, {part.number: attempt.id}, at=at)
    if _extend_reservation(connection, order, at=at):
        _entitle_early(connection, order, at=at)
        audit_log.record(
            connection,
            actor=by,
            action="orders.pay_part",
            event_id=order.event_id,
            subject=order.code,
            items=1,
            details={"part": part.number, "amount": part.amount.amount},
        )
    else:
        complete_order(connection, order, attempt_id=attempt.id, at=at, by=by)


def _entitle_early(connection: Connection, order: Order, *, at: datetime) -> None:
    """Tickets come with the first part where the plan says so."""
    if order.payment_plan_id is None or order.buyer is None:
        return
    plan = instalment_queries.get_plan(connection, order.payment_plan_id)
    if plan.tickets is TicketReleasePolicy.FIRST_INSTALMENT and order_queries.claim_effect(
        connection, order.id, order_queries.ENTITLED_EARLY, at=at
    ):
        entitle_buyer(connection, order, order.buyer)


def _extend_reservation(connection: Connection, order: Order, *, at: datetime) -> bool:
    """Hold the places until the next part is due; False when none is."""
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
        said = f"{attempt.key}: part {attempt.part} came after its time, and others are missing"
        flag_for_review(connection, order, ReviewFlag.PAID_LATE, said, at=at)
        return
    complete_order_if_in_stock(connection, order, attempt_id=attempt.id, at=at, by=by)
    if order_queries.lock(connection, order.id).state is OrderState.PAID:
        instalment_queries.mark_paid(connection, order.id, payers, at=at)
        review_flag_queries.resolve_flag(
            connection, order.id, ReviewFlag.INSTALMENTS_UNFINISHED, at=at
        )


def find_instalment_payers(connection: Connection, order: Order) -> dict[int, int]:
    """Which attempt can pay each part of a locked order; empty when money is missing."""
    attempts = attempt_queries.list_for_order(connection, order.id)
    return assign_payments_to_instalments(
        instalment_queries.list_for_order(connection, order.id),
        refund_queries.list_payment_balances(connection, order.id),
        {one.id: one.part for one in attempts},
    )


def _review_flag(order: Order) -> ReviewFlag:
    known = {
        OrderState.EXPIRED: ReviewFlag.PAID_LATE,
        OrderState.CANCELLED: ReviewFlag.PAID_AFTER_CANCELLING,
    }
    return known.get(order.state, ReviewFlag.PAID_TWICE)


def is_order_paid_by(connection: Connection, order: Order, attempt: PaymentAttempt) -> bool:
    """Whether the order is paid by this attempt, by itself or with others."""
    if attempt.part is None:
        return order.paid_attempt_id == attempt.id
    parts = instalment_queries.list_for_order(connection, order.id)
    return order.state is OrderState.PAID and attempt.id in {part.paid_by for part in parts}


def revert_instalment_payment(
    connection: Connection, order: Order, attempt: PaymentAttempt, *, was_paid: bool, at: datetime
) -> None:
    """All of a part's money has left: another payment of it takes its place, or it is due again.

    If an order that `was_paid` ended by it, a person decides about the other parts' money.
    """
    parts = instalment_queries.list_for_order(connection, order.id)
    part = next(one for one in parts if one.number == attempt.part)
    if part.paid_by != attempt.id:
        return
    spare = _find_other_payment(connection, order, part)
    if order.state is OrderState.PENDING or spare is not None:
        instalment_queries.mark_unpaid(connection, order.id, part.number)
    if spare is not None:
        instalment_queries.mark_paid(connection, order.id, {part.number: spare}, at=at)
    if order.state is OrderState.PENDING:
        _extend_reservation(connection, order, at=at)
    if was_paid and order.state is OrderState.CANCELLED:
        instalment_queries.detach_payments(connection, order.id)
        left = total(
            payment.refundable
            for payment in refund_queries.list_payment_balances(connection, order.id)
        )
        if left > ZERO:
            said = f"ended with part {part.number}, and {left} of other parts is here"
            flag_for_review(connection, order, ReviewFlag.INSTALMENTS_UNFINISHED, said, at=at)


def _find_other_payment(connection: Connection, order: Order, part: Instalment) -> int | None:
    """Another attempt that paid the same part and has all of its money."""
    of_part = {
        one.id
        for one in attempt_queries.list_for_order(connection, order.id)
        if one.part == part.number
    }
    for payment in refund_queries.list_payment_balances(connection, order.id):
        if payment.attempt_id in of_part and payment.refundable == payment.amount:
            return payment.attempt_id
    return None
