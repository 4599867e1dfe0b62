"""Plan refunds, which moves nothing, and apply plans, once however often applied or killed."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderState
from ticketing.orders.refund import Refund, RefundFee
from ticketing.platform.db import audit_log
from ticketing.platform.db.change_plans import PlanSubject
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.change_plan import require_unchanged
from ticketing.platform.kernel.errors import PlanOutdated, RefundRefused
from ticketing.selling.payments import refund_queries
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.refunds import plan_queries
from ticketing.selling.refunds.decide_refund import decide_refund
from ticketing.selling.refunds.refund_plan import (
    RefundPlan,
    RefundRequest,
    RefundScope,
    compute_plan,
)
from ticketing.selling.refunds.send_refunds import send_refunds


def plan_refund(
    database: Database, code: str, request: RefundRequest, *, at: datetime, by: str
) -> RefundPlan:
    """Plan a refund, and store the request under the plan's hash for applying it."""
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        _refuse_unfinished_instalments(order, request)
        planned = build_refund_plan(connection, order, request, at=at)
        subject = PlanSubject(order.event_id, order.id)
        plan_queries.store_request(
            connection, subject, request, plan_hash=planned.plan_hash, at=at, by=by
        )
    return planned


def _refuse_unfinished_instalments(order: Order, request: RefundRequest) -> None:
    """Refuse to refund an instalment of a pending order, which could then never be paid."""
    is_pending = order.state is OrderState.PENDING and order.payment_plan_id is not None
    if is_pending and request.money is not RefundScope.SURPLUS:
        raise RefundRefused(
            f"order {order.code} is still being paid in instalments; cancel it, and its payment"
            " plan decides about the refund"
        )


def build_refund_plan(
    connection: Connection,
    order: Order,
    request: RefundRequest,
    *,
    only: Collection[int] | None = None,
    at: datetime,
) -> RefundPlan:
    """Return the plan for the current state of a locked order; `only` limits the payments."""
    snapshot = plan_queries.get_snapshot(connection, order)
    if only is not None:
        payments = [one for one in snapshot.payments if one.attempt_id in only]
        snapshot = replace(snapshot, payments=payments)
    return compute_plan(snapshot, request, at=at)


def get_refund_fee(database: Database, code: str) -> RefundFee:
    """Return the refund fee of the order's event."""
    with database.transaction() as connection:
        return plan_queries.get_fee(
            connection, order_queries.get_by_code(connection, code).event_id
        )


def set_refund_fee(
    database: Database, event: Event, *, percent: int | None, each: int | None, by: str
) -> RefundFee:
    """Set the fee for refunds planned from now on; None keeps a value."""
    with database.transaction() as connection:
        known = plan_queries.get_fee(connection, event.id)
        kept = known.changed(percent, each)
        if kept != known:
            plan_queries.set_fee(connection, event.id, kept)
            audit_log.record(
                connection,
                actor=by,
                action="refunds.set_rule",
                event_id=event.id,
                subject=event.slug,
                details={"percent": kept.percent, "each": kept.each.amount},
            )
    return kept


def list_order_refunds(database: Database, order_id: int) -> tuple[str, list[Refund]]:
    """Return the code and the refunds of an order; refuses an unknown id."""
    with database.transaction() as connection:
        order = order_queries.get(connection, order_id)
        return order.code, refund_queries.list_for_order(connection, order.id)


@dataclass(frozen=True, slots=True)
class AppliedRefund:
    """All refunds of the order; the flag is False when the plan was applied before."""

    order_code: str
    is_new: bool
    refunds: tuple[Refund, ...]


def apply_refund(
    database: Database,
    gateway: Midtrans,
    code: str,
    *,
    plan_hash: str,
    at: datetime,
    by: str,
) -> AppliedRefund:
    """Apply a plan, then send the waiting refunds of the order to the gateway.

    Refuses if the order changed since the plan.
    """
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        request = plan_queries.get_request(
            connection, PlanSubject(order.event_id, order.id), plan_hash
        )
        is_new = order_queries.claim_effect(connection, order.id, f"refund:{plan_hash}", at=at)
        if is_new:
            planned = _recompute_unchanged_plan(connection, order, request, plan_hash, at=at)
            decide_refund(connection, order, planned, at=at, by=by)
    send_refunds(database, gateway, order_id=order.id, at=at, by=by)
    with database.transaction() as connection:
        return AppliedRefund(
            order.code, is_new, tuple(refund_queries.list_for_order(connection, order.id))
        )


def _recompute_unchanged_plan(
    connection: Connection, order: Order, request: RefundRequest, plan_hash: str, *, at: datetime
) -> RefundPlan:
    try:
        planned = build_refund_plan(connection, order, request, at=at)
    except RefundRefused as refusal:
        raise PlanOutdated(f"the plan is outdated: {refusal}; plan again") from refusal
    effect = f"{planned.amount} would be refunded and {len(planned.places)} places returned"
    require_unchanged(planned, plan_hash, subject=f"order {order.code}", effect=effect)
    return planned
