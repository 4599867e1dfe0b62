"""Offer, list and withdraw the payment plans of an event. A plan never changes once offered."""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.orders import instalment_queries
from ticketing.orders.instalments import Instalment, PaymentPlan, schedule_instalments
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import PartsRefused
from ticketing.platform.kernel.money import Rupiah


def offer_plan(database: Database, event: Event, plan: PaymentPlan, *, by: str) -> None:
    """Offer a payment plan for orders of the event; refuses a name that was used before."""
    with database.transaction() as connection:
        instalment_queries.insert_plan(connection, event.id, plan)
        audit_log.record(
            connection,
            actor=by,
            action="payment_plans.create",
            event_id=event.id,
            subject=plan.name,
            items=1,
            details={"percentages": list(plan.percentages), "overdue": plan.overdue},
        )


def withdraw_plan(database: Database, event: Event, name: str, *, at: datetime, by: str) -> None:
    """Withdraw a payment plan; orders that follow it continue. Refuses one that is not offered."""
    with database.transaction() as connection:
        if not instalment_queries.mark_plan_withdrawn(connection, event.id, name, at=at):
            _get_plan_by_name(connection, event.id, name)
        audit_log.record(
            connection, by, "payment_plans.disable", event_id=event.id, subject=name, items=1
        )


def list_offered_plans(database: Database, event: Event) -> list[PaymentPlan]:
    """Return the payment plans available to new orders, oldest first."""
    with database.transaction() as connection:
        return list(instalment_queries.list_offered_plans(connection, event.id).values())


def schedule_order(
    connection: Connection, event: Event, name: str, order_total: Rupiah, *, at: datetime
) -> tuple[int, tuple[Instalment, ...]]:
    """Return the plan's id and the instalments of an order placed now; refuses an unfit plan."""
    number, plan = _get_plan_by_name(connection, event.id, name)
    return number, schedule_instalments(
        plan, order_total, at=at, hold=event.hold_period, starts_at=event.starts_at
    )


def _get_plan_by_name(connection: Connection, event_id: int, name: str) -> tuple[int, PaymentPlan]:
    offered = instalment_queries.list_offered_plans(connection, event_id)
    for number, plan in offered.items():
        if plan.name == name:
            return number, plan
    names = ", ".join(repr(plan.name) for plan in offered.values()) or "none"
    raise PartsRefused(f"unknown payment plan {name!r} (offered: {names})")
