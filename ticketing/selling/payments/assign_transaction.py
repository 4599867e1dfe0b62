"""Assign a transaction of the gateway to an order, as staff found it in the gateway's dashboard.

Needed when the gateway reports a payment under a transaction id that no notification named, or
under one that belongs to another order. The gateway's own answer about the transaction counts, so
amount and state are recorded as always; only whose it is comes from staff.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from ticketing.orders import audit, review_flag_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderState, ReviewFlag, require_present_environment
from ticketing.orders.payment_attempt import AttemptState, PaymentStatus
from ticketing.platform.db import change_plans, inbox
from ticketing.platform.db.change_plans import PlanKind, PlanSubject
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.change_plan import digest, require_unchanged
from ticketing.platform.kernel.errors import ImpossibleTransition, UnknownOrder
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.payments import attempt_queries, refund_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.complete_order import reverse_order
from ticketing.selling.payments.instalment_payment import (
    is_order_paid_by,
    revert_instalment_payment,
)
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.payments.settle import PaymentGateway

_MOVABLE_STATES = {AttemptState.CAPTURED, AttemptState.SETTLED}


@dataclass(frozen=True, slots=True)
class AssignmentPlan:
    """The effect of assigning a transaction, identified by `plan_hash`.

    `taken_from` is the attempt of another payment that loses it, or empty; `ends_order` is the
    order that is cancelled by that.
    """

    order_code: str
    order_state: OrderState
    attempt_key: str
    requested: Rupiah
    transaction_id: str
    transaction_state: AttemptState
    amount: Rupiah
    taken_from: str
    ends_order: str
    plan_hash: str


def plan_assignment(
    database: Database,
    gateway: PaymentGateway,
    code: str,
    *,
    transaction_id: str,
    reason: str,
    at: datetime,
    by: str,
) -> AssignmentPlan:
    """Plan to assign a transaction to an order; nothing changes.

    Refuses a transaction that the gateway does not know or knows under another order id.
    """
    payment_status = _ask_about_transaction(gateway, transaction_id)
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        plan, _, _ = _build_plan(connection, order, payment_status, reason)
        change_plans.store_plan(
            connection, PlanSubject(order.event_id, order.id), PlanKind.ASSIGNED_TRANSACTION,
            {"transaction": transaction_id, "reason": reason},
            plan_hash=plan.plan_hash, at=at, by=by,
        )  # fmt: skip
        return plan


def _ask_about_transaction(gateway: PaymentGateway, transaction_id: str) -> PaymentStatus:
    payment_status = gateway.get_payment_status(transaction_id)
    if payment_status is None:
        raise UnknownOrder(
            f"the gateway knows no transaction {transaction_id!r}; copy its id from the dashboard"
        )
    return payment_status


def _build_plan(
    connection: Connection, order: Order, payment_status: PaymentStatus, reason: str
) -> tuple[AssignmentPlan, PaymentAttempt, PaymentAttempt | None]:
    """Return the plan, the attempt that gets the transaction, and the one that loses it."""
    require_present_environment(order)
    attempt = _find_unpaid_attempt(connection, order)
    transaction_id = payment_status.transaction_id
    if payment_status.attempt_key not in {attempt.key, transaction_id}:
        raise ImpossibleTransition(
            f"transaction {transaction_id} is {payment_status.attempt_key} at the gateway, not"
            f" {attempt.key}; refund it there or in that order"
        )
    attempt_queries.lock_transaction(connection, transaction_id)
    other = _find_holder(connection, attempt, transaction_id)
    ended = "" if other is None else _code_of_ended_order(connection, other)
    facts = {
        "attempt": [attempt.key, attempt.state, attempt.requested.amount, order.state],
        "transaction": [transaction_id, payment_status.state, payment_status.amount.amount],
        "other": [other.key, other.state, ended] if other else [],
        "reason": reason,
    }
    plan = AssignmentPlan(
        order_code=order.code,
        order_state=order.state,
        attempt_key=attempt.key,
        requested=attempt.requested,
        transaction_id=transaction_id,
        transaction_state=payment_status.state,
        amount=payment_status.amount,
        taken_from=other.key if other else "",
        ends_order=ended,
        plan_hash=digest(facts),
    )
    return plan, attempt, other


def _find_unpaid_attempt(connection: Connection, order: Order) -> PaymentAttempt:
    attempts = attempt_queries.list_for_order(connection, order.id)
    unpaid = [one for one in attempts if not one.state.has_taken_money]
    if not unpaid:
        raise ImpossibleTransition(
            f"order {order.code} has no unpaid payment attempt that a transaction could belong to"
        )
    return unpaid[-1]


def _find_holder(
    connection: Connection, attempt: PaymentAttempt, transaction_id: str
) -> PaymentAttempt | None:
    """Return the other attempt with this transaction; refuses one whose money has moved on."""
    key = attempt_queries.find_other_key(connection, attempt.id, transaction_id)
    other = attempt_queries.find(connection, key) if key else None
    if other is None or not other.state.has_taken_money:
        return other
    balances = refund_queries.list_payment_balances(connection, other.order_id)
    is_untouched = any(one.attempt_id == other.id and one.is_untouched for one in balances)
    if other.state not in _MOVABLE_STATES or not is_untouched:
        raise ImpossibleTransition(
            f"transaction {transaction_id} belongs to {other.key}, which is {other.state}; it was"
            " refunded or lost in part and cannot be moved"
        )
    return other


def _code_of_ended_order(connection: Connection, other: PaymentAttempt) -> str:
    order = order_queries.get(connection, other.order_id)
    return order.code if is_order_paid_by(connection, order, other) else ""


def apply_assignment(
    database: Database,
    gateway: PaymentGateway,
    code: str,
    *,
    plan_hash: str,
    at: datetime,
    by: str,
) -> Order:
    """Apply a plan: the order is settled by the transaction. Safe to repeat.

    Refuses if the transaction or one of the orders changed since the plan.
    """
    with database.transaction() as connection:
        order = order_queries.get_by_code(connection, code)
        stored = change_plans.get_plan(
            connection,
            PlanSubject(order.event_id, order.id),
            PlanKind.ASSIGNED_TRANSACTION,
            plan_hash,
        ).parameters
    payment_status = _ask_about_transaction(gateway, stored["transaction"])
    with database.transaction() as connection:
        _lock_orders(connection, order, payment_status.transaction_id)
        if order_queries.claim_effect(connection, order.id, f"assign:{plan_hash}", at=at):
            current = order_queries.lock(connection, order.id)
            plan, attempt, other = _build_plan(
                connection, current, payment_status, stored["reason"]
            )
            effect = f"{plan.transaction_id} ({plan.amount}) would pay {plan.attempt_key}"
            require_unchanged(plan, plan_hash, subject=f"order {order.code}", effect=effect)
            if other is not None:
                _take_away(connection, other, plan, at=at, by=by)
            _give(connection, attempt, payment_status, at=at, by=by)
            _close(connection, current, plan, stored, at=at, by=by)
        return order_queries.lock(connection, order.id)


def _lock_orders(connection: Connection, order: Order, transaction_id: str) -> None:
    """Lock both orders by id, so that two assignments at once do not wait for each other."""
    holder = attempt_queries.find(connection, transaction_id)
    for order_id in sorted({order.id, holder.order_id if holder else order.id}):
        order_queries.lock(connection, order_id)


def _take_away(
    connection: Connection, other: PaymentAttempt, plan: AssignmentPlan, *, at: datetime, by: str
) -> None:
    """Undo the payment of the other attempt: its order is cancelled, or its instalment is due."""
    state = AttemptState.REVERSED if other.state.has_taken_money else other.state
    after = replace(other, state=state, transaction_id="")
    before = order_queries.lock(connection, other.order_id)
    attempt_queries.update_attempt(connection, after, at=at, by=by)
    if plan.ends_order:
        reason = f"its payment belongs to order {plan.order_code}"
        reverse_order(connection, before, reason=reason, at=at, by=by)
    if other.instalment_sequence is not None:
        current = order_queries.lock(connection, other.order_id)
        was_paid = before.state is OrderState.PAID
        revert_instalment_payment(connection, current, after, was_paid=was_paid, at=at)


def _give(
    connection: Connection,
    attempt: PaymentAttempt,
    payment_status: PaymentStatus,
    *,
    at: datetime,
    by: str,
) -> None:
    """Record the transaction as that of the attempt; from now on the gateway is asked by its id."""
    statement = replace(payment_status, attempt_key=attempt.key)
    record_payment(connection, attempt, statement, at=at, by=by)
    inbox.process_again(connection, [attempt.key, payment_status.transaction_id])


def _close(
    connection: Connection,
    order: Order,
    plan: AssignmentPlan,
    stored: Mapping[str, Any],
    *,
    at: datetime,
    by: str,
) -> None:
    for flag in (ReviewFlag.STUCK, ReviewFlag.TRANSACTION_REUSED):
        review_flag_queries.resolve_flag(connection, order.id, flag, at=at)
    audit.record(
        connection,
        order,
        by,
        "orders.assign_transaction",
        items=1,
        details={
            "payment": plan.attempt_key,
            "transaction": plan.transaction_id,
            "amount": plan.amount.amount,
            "taken_from": plan.taken_from,
            "reason": stored["reason"],
        },
    )
