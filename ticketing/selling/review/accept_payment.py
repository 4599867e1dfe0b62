"""Accept a payment of another amount than requested: the order is completed by it.

The payment itself is in the ledger already. Accepting adds the difference, as a surplus or a
shortfall of the sale, so that the value of the order is what was received.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.orders import audit, cancellation_queries, instalment_queries, review_flag_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderState, ReviewFlag
from ticketing.platform.db import change_plans
from ticketing.platform.db.change_plans import PlanKind, PlanSubject
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.change_plan import digest, require_unchanged
from ticketing.platform.kernel.errors import ImpossibleTransition, NotOnSale
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.complete_order import complete_order
from ticketing.selling.payments.instalment_payment import apply_instalment_payment
from ticketing.selling.refunds.resolve_flag import complete_late, list_undecided_payments


@dataclass(frozen=True, slots=True)
class AcceptancePlan:
    """The effect of accepting a payment, identified by `plan_hash`.

    `difference` is in signed rupiah: what came minus what was requested.
    """

    order_code: str
    order_state: OrderState
    attempt_key: str
    instalment: int | None
    requested: Rupiah
    received: Rupiah
    difference: int
    plan_hash: str


def plan_acceptance(
    database: Database, code: str, *, reason: str, at: datetime, by: str
) -> AcceptancePlan:
    """Plan to accept the payment of another amount of an order; nothing changes."""
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        attempt = _find_acceptable(connection, order)
        plan = _build_plan(order, attempt, reason)
        change_plans.store_plan(
            connection, PlanSubject(order.event_id, order.id), PlanKind.ACCEPTED_PAYMENT,
            {"reason": reason}, plan_hash=plan.plan_hash, at=at, by=by,
        )  # fmt: skip
        return plan


def _build_plan(order: Order, attempt: PaymentAttempt, reason: str) -> AcceptancePlan:
    requested, received = attempt.requested, attempt.amount
    facts = [order.code, order.state, attempt.key, requested.amount, received.amount]
    return AcceptancePlan(
        order_code=order.code,
        order_state=order.state,
        attempt_key=attempt.key,
        instalment=attempt.instalment_sequence,
        requested=requested,
        received=received,
        difference=received.amount - requested.amount,
        plan_hash=digest(["accept payment", *facts, reason]),
    )


def _find_acceptable(connection: Connection, order: Order) -> PaymentAttempt:
    """Return the first payment of another amount that can pay the order."""
    if order.state not in {OrderState.PENDING, OrderState.EXPIRED}:
        raise ImpossibleTransition(
            f"order {order.code} is {order.state}; a payment of another amount can only be refunded"
        )
    if cancellation_queries.find(connection, order.event_id) is not None:
        raise NotOnSale(f"order {order.code}: its event was cancelled; refund the payment")
    instalments = instalment_queries.list_for_order(connection, order.id)
    paid = {each.number for each in instalments if each.paid_by is not None}
    for payment in list_undecided_payments(connection, order):
        attempt = attempt_queries.get(connection, payment.attempt_id)
        if payment.is_untouched and attempt.instalment_sequence not in paid:
            return attempt
    raise ImpossibleTransition(
        f"order {order.code} has no payment of another amount to accept; see `orders show`"
    )


def apply_acceptance(
    database: Database, code: str, *, plan_hash: str, at: datetime, by: str
) -> Order:
    """Apply a plan: complete the order, or pay its instalment. Safe to repeat.

    Refuses if the order changed since the plan, and an expired order without places left.
    """
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        subject = PlanSubject(order.event_id, order.id)
        stored = change_plans.get_plan(
            connection, subject, PlanKind.ACCEPTED_PAYMENT, plan_hash
        ).parameters
        if order_queries.claim_effect(connection, order.id, f"accept:{plan_hash}", at=at):
            attempt = _find_acceptable(connection, order)
            plan = _build_plan(order, attempt, stored["reason"])
            effect = f"{plan.received} would be accepted for {plan.requested}"
            require_unchanged(plan, plan_hash, subject=f"order {order.code}", effect=effect)
            _accept(connection, order, attempt, at=at, by=by)
            details = {"payment": plan.attempt_key, "requested": plan.requested.amount,
                       "difference": plan.difference, "reason": stored["reason"]}  # fmt: skip
            audit.record(connection, order, by, "orders.accept_payment", items=1, details=details)
        return order_queries.lock(connection, order.id)


def _accept(
    connection: Connection, order: Order, attempt: PaymentAttempt, *, at: datetime, by: str
) -> None:
    if order.state is OrderState.EXPIRED:
        complete_late(connection, order, accepted=attempt.id, at=at, by=by)
    elif attempt.instalment_sequence is not None:
        apply_instalment_payment(connection, order, attempt, at=at, by=by)
    else:
        complete_order(connection, order, attempt_id=attempt.id, at=at, by=by)
    attempt_queries.update_accepted_difference(connection, order.id)
    if not list_undecided_payments(connection, order_queries.lock(connection, order.id)):
        review_flag_queries.resolve_flag(connection, order.id, ReviewFlag.AMOUNT_DIFFERS, at=at)
