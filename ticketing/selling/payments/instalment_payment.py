"""What money for one part of an order does, and what its loss does. The caller locked the order."""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.orders import flag_queries, instalment_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.instalments import (
    OnMoney,
    Part,
    TicketsWith,
    covered,
    held_until,
    next_unpaid,
    on_money,
)
from ticketing.orders.order import Flag, Order, OrderState
from ticketing.platform.db import audit_log
from ticketing.platform.kernel.money import NOTHING, total
from ticketing.selling.payments import attempt_queries, checkout_session_queries, refund_queries
from ticketing.selling.payments.attempt_queries import Attempt
from ticketing.selling.payments.complete_order import (
    ask_a_person,
    complete,
    complete_if_stock_is_left,
    entitle,
)


def take_part(
    connection: Connection, order: Order, attempt: Attempt, *, at: datetime, by: str
) -> None:
    """Money came for a part: it is paid, and the last one completes the order."""
    # a page that was paid on is used up; closing it at the gateway could undo the payment
    checkout_session_queries.closed(connection, attempt.id, at=at)
    parts = instalment_queries.of_order(connection, order.id)
    part = next(one for one in parts if one.number == attempt.part)
    match on_money(part, order.state):
        case OnMoney.PAY:
            _pay(connection, order, attempt, part, at=at, by=by)
        case OnMoney.COMPLETE_LATE:
            _complete_late(connection, order, attempt, at=at, by=by)
        case OnMoney.REVIEW:
            said = f"{attempt.key}: {attempt.state}, part {part.number}"
            ask_a_person(connection, order, _question(order), said, at=at)


def _pay(
    connection: Connection, order: Order, attempt: Attempt, part: Part, *, at: datetime, by: str
) -> None:
    instalment_queries.pay(connection, order.id, {part.number: attempt.id}, at=at)
    if _hold(connection, order, at=at):
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
        complete(connection, order, attempt_id=attempt.id, at=at, by=by)


def _entitle_early(connection: Connection, order: Order, *, at: datetime) -> None:
    """Tickets come with the first part where the plan says so."""
    if order.payment_plan_id is None or order.buyer is None:
        return
    plan = instalment_queries.plan_of(connection, order.payment_plan_id)
    if plan.tickets is TicketsWith.FIRST and order_queries.first_time(
        connection, order.id, order_queries.ENTITLED_EARLY, at=at
    ):
        entitle(connection, order, order.buyer)


def _hold(connection: Connection, order: Order, *, at: datetime) -> bool:
    """Hold the places until the next part is due; False when none is."""
    due = next_unpaid(instalment_queries.of_order(connection, order.id))
    if due is None or order.payment_plan_id is None:
        return False
    plan = instalment_queries.plan_of(connection, order.payment_plan_id)
    order_queries.hold_until(connection, order.id, held_until(due, plan, at=at))
    return True


def _complete_late(
    connection: Connection, order: Order, attempt: Attempt, *, at: datetime, by: str
) -> None:
    payers = payers_of_all(connection, order)
    if not payers:
        said = f"{attempt.key}: part {attempt.part} came after its time, and others are missing"
        ask_a_person(connection, order, Flag.PAID_LATE, said, at=at)
        return
    complete_if_stock_is_left(connection, order, attempt_id=attempt.id, at=at, by=by)
    if order_queries.lock(connection, order.id).state is OrderState.PAID:
        instalment_queries.pay(connection, order.id, payers, at=at)
        flag_queries.resolve(connection, order.id, Flag.PARTS_LEFT, at=at)


def payers_of_all(connection: Connection, order: Order) -> dict[int, int]:
    """Which attempt can pay each part of a locked order; empty when money is missing."""
    attempts = attempt_queries.of_order(connection, order.id)
    return covered(
        instalment_queries.of_order(connection, order.id),
        refund_queries.payments_of(connection, order.id),
        {one.id: one.part for one in attempts},
    )


def _question(order: Order) -> Flag:
    known = {
        OrderState.EXPIRED: Flag.PAID_LATE,
        OrderState.CANCELLED: Flag.PAID_AFTER_CANCELLING,
    }
    return known.get(order.state, Flag.PAID_TWICE)


def pays_for_order(connection: Connection, order: Order, attempt: Attempt) -> bool:
    """Whether the order is paid by this attempt, by itself or with others."""
    if attempt.part is None:
        return order.paid_attempt_id == attempt.id
    parts = instalment_queries.of_order(connection, order.id)
    return order.state is OrderState.PAID and attempt.id in {part.paid_by for part in parts}


def lose_part(
    connection: Connection, order: Order, attempt: Attempt, *, was_paid: bool, at: datetime
) -> None:
    """All of a part's money has left: another payment of it takes its place, or it is due again.

    If an order that `was_paid` ended by it, a person decides about the other parts' money.
    """
    parts = instalment_queries.of_order(connection, order.id)
    part = next(one for one in parts if one.number == attempt.part)
    if part.paid_by != attempt.id:
        return
    spare = _spare(connection, order, part)
    if order.state is OrderState.PENDING or spare is not None:
        instalment_queries.unpay(connection, order.id, part.number)
    if spare is not None:
        instalment_queries.pay(connection, order.id, {part.number: spare}, at=at)
    if order.state is OrderState.PENDING:
        _hold(connection, order, at=at)
    if was_paid and order.state is OrderState.CANCELLED:
        instalment_queries.release(connection, order.id)
        left = total(payment.left for payment in refund_queries.payments_of(connection, order.id))
        if left > NOTHING:
            said = f"ended with part {part.number}, and {left} of other parts is here"
            ask_a_person(connection, order, Flag.PARTS_LEFT, said, at=at)


def _spare(connection: Connection, order: Order, part: Part) -> int | None:
    """Another attempt that paid the same part and has all of its money."""
    of_part = {
        one.id for one in attempt_queries.of_order(connection, order.id) if one.part == part.number
    }
    for payment in refund_queries.payments_of(connection, order.id):
        if payment.attempt_id in of_part and payment.left == payment.amount:
            return payment.attempt_id
    return None
