"""Applying a refund that was planned: once, however often it is called, wherever it was killed.

Planning a refund: what would go back, by which way, which tickets would die. Moves nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.fee import RefundFee
from ticketing.orders.order import Order, OrderState
from ticketing.orders.refund import Refund
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import PlanOutdated, RefundRefused
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.payments import refund_queries
from ticketing.selling.refunds import plan_queries
from ticketing.selling.refunds.decide_refund import decide_refund
from ticketing.selling.refunds.plan_queries import PlanSubject
from ticketing.selling.refunds.refund_plan import (
    RefundPlan,
    RefundRequest,
    RefundScope,
    compute_plan,
)
from ticketing.selling.refunds.send_refunds import RefundGateway, send_refunds


def plan_refund(
    database: Database, code: str, request: RefundRequest, *, at: datetime, by: str
) -> RefundPlan:
    """What refunding would do. What was asked is kept under the plan's hash, for applying it."""
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        _refuse_unfinished_instalments(order, request)
        planned = build_refund_plan(connection, order, request, at=at)
        subject = PlanSubject(order.event_id, order.id)
        plan_queries.store_plan(
            connection, subject, request, plan_hash=planned.plan_hash, at=at, by=by
        )
    return planned


def _refuse_unfinished_instalments(order: Order, request: RefundRequest) -> None:
    """A part that went back would leave an order that nobody can finish paying."""
    is_pending = order.state is OrderState.PENDING and order.payment_plan_id is not None
    if is_pending and request.money is not RefundScope.SURPLUS:
        raise RefundRefused(
            f"order {order.code} is still being paid in parts; cancel it, and its plan's rule"
            " says what goes back"
        )


def build_refund_plan(
    connection: Connection, order: Order, request: RefundRequest, *, at: datetime
) -> RefundPlan:
    """The plan for a locked order as it stands."""
    return compute_plan(plan_queries.get_snapshot(connection, order), request, at=at)


def get_refund_fee(database: Database, code: str) -> RefundFee:
    """What the order's event keeps of a refund."""
    with database.transaction() as connection:
        return plan_queries.get_fee(
            connection, order_queries.get_by_code(connection, code).event_id
        )


def set_refund_fee(
    database: Database, event: Event, *, percent: int | None, each: int | None, by: str
) -> RefundFee:
    """Change what the event keeps of refunds planned from now on; None leaves what is."""
    with database.transaction() as connection:
        known = plan_queries.get_fee(connection, event.id)
        kept = RefundFee(
            known.percent if percent is None else percent,
            known.each if each is None else Rupiah(each),
        )
        if kept != known:
            plan_queries.set_fee(connection, event.id, kept)
            audit_log.record(
                connection,
                actor=by,
                action="refunds.rule",
                event_id=event.id,
                subject=event.slug,
                details={"percent": kept.percent, "each": kept.each.amount},
            )
    return kept


def list_order_refunds(database: Database, order_id: int) -> tuple[str, list[Refund]]:
    """The code of the order of that number, and its refunds; refuses an unknown one."""
    with database.transaction() as connection:
        order = order_queries.get(connection, order_id)
        return order.code, refund_queries.list_for_order(connection, order.id)


@dataclass(frozen=True, slots=True)
class AppliedRefund:
    """All refunds of the order as they stand; `now` is False when the plan was applied before."""

    order_code: str
    is_new: bool
    refunds: tuple[Refund, ...]


def apply_refund(
    database: Database,
    gateway: RefundGateway,
    code: str,
    *,
    plan_hash: str,
    at: datetime,
    by: str,
) -> AppliedRefund:
    """Do what was planned, then ask the gateway for whatever of the order waits for it.

    Refuses when the order is not as it was planned any more.
    """
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        asked = plan_queries.get_request(
            connection, PlanSubject(order.event_id, order.id), plan_hash
        )
        is_new = order_queries.claim_effect(connection, order.id, f"refund:{plan_hash}", at=at)
        if is_new:
            planned = _recompute_unchanged_plan(connection, order, asked, plan_hash, at=at)
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
        raise PlanOutdated(f"the plan holds no more: {refusal}") from refusal
    if planned.plan_hash != plan_hash:
        raise PlanOutdated(
            f"order {order.code} has changed since the plan: now {planned.amount} would go back"
            f" and {len(planned.places)} places would end; plan again"
        )
    return planned
