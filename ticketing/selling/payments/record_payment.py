"""Refunds that the gateway tells of: ours have come about, others were made in its dashboard.

What the gateway says of one payment attempt, written down with everything that follows from it.

Nothing here asks the gateway; `settle` and `expire_orders` do, before they come here.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.orders import cancelled_events
from ticketing.orders import queries as order_queries
from ticketing.orders.instalments import LOST
from ticketing.orders.order import Flag, Order, OrderState
from ticketing.orders.payment_attempt import (
    AttemptState,
    Meaning,
    Milestone,
    Statement,
    meaning,
    newly_passed,
    reached,
)
from ticketing.orders.refund import Channel, RefundState
from ticketing.platform.kernel.errors import UnknownOrder
from ticketing.platform.kernel.money import NOTHING, Rupiah, total
from ticketing.selling.payments import attempt_queries, refund_queries
from ticketing.selling.payments.attempt_queries import Attempt
from ticketing.selling.payments.complete_order import (
    ask_a_person,
    complete,
    complete_if_stock_is_left,
    reverse,
)
from ticketing.selling.payments.instalment_payment import lose_part, pays_for_order, take_part

_REFUNDED = {AttemptState.REFUNDED, AttemptState.PARTLY_REFUNDED}


def recognise_refunds(
    connection: Connection, attempt: Attempt, statement: Statement, *, at: datetime, by: str
) -> Rupiah:
    """Write down what of an attempt went back; gives how much of that we had asked for.

    The order is locked. Safe to repeat: a refund is known by its key, or its place in the list.
    """
    if statement.refunded == NOTHING and not statement.refunds:
        return NOTHING
    known = {one.key: one for one in refund_queries.of_order(connection, attempt.order_id)}
    for place, told in enumerate(statement.refunds, start=1):
        mine = known.get(told.key)
        if mine is None and told.amount > NOTHING:
            key = told.key or f"{attempt.key}/{place}"
            refund_queries.note_elsewhere(
                connection, attempt, key=key, amount=told.amount, by=by, at=at
            )
        elif mine is not None and mine.state is not RefundState.DONE:
            refund_queries.move(connection, mine, RefundState.DONE, at=at)
    come_about = {RefundState.DONE} if statement.refunds else {RefundState.DONE, RefundState.SENT}
    return total(
        one.amount
        for one in refund_queries.of_order(connection, attempt.order_id)
        if one.attempt_id == attempt.id
        and one.channel is Channel.GATEWAY
        and one.state in come_about
    )


def is_explained(attempt: Attempt, ours: Rupiah) -> bool:
    """Whether nothing went back but what we had asked for."""
    return attempt.state in _REFUNDED and NOTHING < attempt.refunded <= ours


def record_payment(
    connection: Connection, attempt: Attempt, statement: Statement, *, at: datetime, by: str
) -> bool:
    """Bring attempt and order to where the gateway says they are; False when they were there.

    Safe to repeat, and safe in any order: the order is locked and the attempt only climbs.
    Refuses an answer about another attempt.
    """
    if statement.attempt_key != attempt.key:
        raise UnknownOrder(f"asked about {attempt.key}, told about {statement.attempt_key}")
    order = order_queries.lock(connection, attempt.order_id)
    known = {one.id: one for one in attempt_queries.of_order(connection, order.id)}
    before = known[attempt.id]
    if statement.amount != before.amount:
        said = f"{before.key}: asked for {before.amount}, the gateway says {statement.amount}"
        ask_a_person(connection, order, Flag.AMOUNT_DIFFERS, said, at=at)
        return False
    after = replace(
        before,
        state=reached(before.state, statement.state),
        refunded=max(before.refunded, statement.refunded),
        transaction_id=statement.transaction_id,
        payment_type=statement.payment_type or before.payment_type,
    )
    attempt_queries.write(connection, after, at=at)
    known[attempt.id] = after
    ours = recognise_refunds(connection, after, statement, at=at, by=by)
    for milestone in newly_passed(before.state, after.state):
        if not (milestone is Milestone.MONEY_RETURNED and is_explained(after, ours)):
            _carry_out(connection, milestone, after, list(known.values()), at=at, by=by)
    lost = after.state in LOST and before.state not in LOST
    if lost and after.part is not None:
        was_paid, now = order.state is OrderState.PAID, order_queries.lock(connection, order.id)
        lose_part(connection, now, after, was_paid=was_paid, at=at)
    if after.refunded != before.refunded:
        _note_refund(connection, order, explained=is_explained(after, ours), at=at)
    return after != before


def _carry_out(
    connection: Connection,
    milestone: Milestone,
    attempt: Attempt,
    known: list[Attempt],
    *,
    at: datetime,
    by: str,
) -> None:
    order = order_queries.lock(connection, attempt.order_id)  # as the milestone before this left it
    if milestone is Milestone.MONEY_TAKEN and cancelled_events.of(connection, order.event_id):
        said = f"{attempt.key}: paid although the event was called off"
        ask_a_person(connection, order, Flag.PAID_AFTER_CANCELLING, said, at=at)
        return
    if milestone is Milestone.MONEY_TAKEN and attempt.part is not None:
        take_part(connection, order, attempt, at=at, by=by)
        return
    others = [one for one in known if one.id != attempt.id and one.part == attempt.part]
    means = meaning(
        milestone,
        order.state,
        paid_by_this=pays_for_order(connection, order, attempt),
        paid_twice=any(_holds_money(one) for one in others),
    )
    match means:
        case Meaning.COMPLETE:
            complete(connection, order, attempt_id=attempt.id, at=at, by=by)
        case Meaning.COMPLETE_IF_STOCK_IS_LEFT:
            complete_if_stock_is_left(connection, order, attempt_id=attempt.id, at=at, by=by)
        case Meaning.REVERSE:
            reverse(connection, order, at=at, by=by)
        case Meaning.REVIEW:
            flag = _question(milestone, order)
            ask_a_person(connection, order, flag, f"{attempt.key}: {attempt.state}", at=at)


def _holds_money(attempt: Attempt) -> bool:
    return attempt.state.has_taken_money and attempt.state is not AttemptState.REVERSED


def _question(milestone: Milestone, order: Order) -> Flag:
    if milestone is Milestone.MONEY_REVERSED:
        return Flag.MONEY_REVERSED
    if milestone is Milestone.MONEY_RETURNED:
        return Flag.MONEY_RETURNED
    is_paid = order.state is OrderState.PAID
    return Flag.PAID_TWICE if is_paid else Flag.PAID_AFTER_CANCELLING


def _note_refund(connection: Connection, order: Order, *, explained: bool, at: datetime) -> None:
    """A refund that we did not decide is a question of its own: whether the tickets live on."""
    returned = refund_queries.returned_of(connection, order.id)
    order_queries.set_refunded(connection, order.id, returned)
    if explained:
        return
    said = f"{returned} of {order.total} went back to the buyer"
    ask_a_person(connection, order, Flag.MONEY_RETURNED, said, at=at)
