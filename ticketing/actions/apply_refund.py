"""Applying a refund that was planned: once, however often it is called, wherever it was killed."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.actions.decide_refund import decide_refund
from ticketing.actions.plan_refund import planned_for
from ticketing.actions.send_refunds import RefundGateway, send_refunds
from ticketing.domain.errors import PlanOutdated, RefundRefused
from ticketing.domain.orders import Order
from ticketing.domain.refund_plans import Asked, RefundPlan
from ticketing.domain.refunds import Refund
from ticketing.store import orders, refund_plans, refunds
from ticketing.store.database import Database
from ticketing.store.refund_plans import Subject


@dataclass(frozen=True, slots=True)
class Applied:
    """All refunds of the order as they stand; `now` is False when the plan was applied before."""

    order_code: str
    now: bool
    refunds: tuple[Refund, ...]


def apply_refund(
    database: Database,
    gateway: RefundGateway,
    code: str,
    *,
    plan_hash: str,
    at: datetime,
    by: str,
) -> Applied:
    """Do what was planned, then ask the gateway for whatever of the order waits for it.

    Refuses when the order is not as it was planned any more.
    """
    with database.transaction() as connection:
        order = orders.lock_by_code(connection, code)
        asked = refund_plans.asked_under(connection, Subject(order.event_id, order.id), plan_hash)
        is_new = orders.first_time(connection, order.id, f"refund:{plan_hash}", at=at)
        if is_new:
            planned = _as_planned(connection, order, asked, plan_hash, at=at)
            decide_refund(connection, order, planned, at=at, by=by)
    send_refunds(database, gateway, order_id=order.id, at=at, by=by)
    with database.transaction() as connection:
        return Applied(order.code, is_new, tuple(refunds.of_order(connection, order.id)))


def _as_planned(
    connection: Connection, order: Order, asked: Asked, plan_hash: str, *, at: datetime
) -> RefundPlan:
    try:
        planned = planned_for(connection, order, asked, at=at)
    except RefundRefused as refusal:
        raise PlanOutdated(f"the plan holds no more: {refusal}") from refusal
    if planned.plan_hash != plan_hash:
        raise PlanOutdated(
            f"order {order.code} has changed since the plan: now {planned.amount} would go back"
            f" and {len(planned.places)} places would end; plan again"
        )
    return planned
