"""Planning a refund: what would go back, by which way, which tickets would die. Moves nothing."""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.domain.errors import RefundRefused
from ticketing.domain.events import Event
from ticketing.domain.money import Rupiah
from ticketing.domain.orders import Order, OrderState
from ticketing.domain.refund_plans import Asked, Fee, Money, RefundPlan, plan
from ticketing.domain.refunds import Refund
from ticketing.store import audit, orders, refund_plans, refunds
from ticketing.store.database import Database
from ticketing.store.refund_plans import Subject


def plan_refund(
    database: Database, code: str, asked: Asked, *, at: datetime, by: str
) -> RefundPlan:
    """What refunding would do. What was asked is kept under the plan's hash, for applying it."""
    with database.transaction() as connection:
        order = orders.lock_by_code(connection, code)
        _refuse_if_being_paid(order, asked)
        planned = planned_for(connection, order, asked, at=at)
        subject = Subject(order.event_id, order.id)
        refund_plans.keep(connection, subject, asked, plan_hash=planned.plan_hash, at=at, by=by)
    return planned


def _refuse_if_being_paid(order: Order, asked: Asked) -> None:
    """A part that went back would leave an order that nobody can finish paying."""
    is_pending = order.state is OrderState.PENDING and order.payment_plan_id is not None
    if is_pending and asked.money is not Money.SURPLUS:
        raise RefundRefused(
            f"order {order.code} is still being paid in parts; cancel it, and its plan's rule"
            " says what goes back"
        )


def planned_for(connection: Connection, order: Order, asked: Asked, *, at: datetime) -> RefundPlan:
    """The plan for a locked order as it stands."""
    return plan(refund_plans.books(connection, order), asked, at=at)


def rule_of(database: Database, code: str) -> Fee:
    """What the order's event keeps of a refund."""
    with database.transaction() as connection:
        return refund_plans.fee(connection, orders.by_code(connection, code).event_id)


def set_rule(
    database: Database, event: Event, *, percent: int | None, each: int | None, by: str
) -> Fee:
    """Change what the event keeps of refunds planned from now on; None leaves what is."""
    with database.transaction() as connection:
        known = refund_plans.fee(connection, event.id)
        kept = Fee(
            known.percent if percent is None else percent,
            known.each if each is None else Rupiah(each),
        )
        if kept != known:
            refund_plans.set_fee(connection, event.id, kept)
            audit.record(
                connection,
                actor=by,
                action="refunds.rule",
                event_id=event.id,
                subject=event.slug,
                details={"percent": kept.percent, "each": kept.each.amount},
            )
    return kept


def known_refunds(database: Database, order_id: int) -> tuple[str, list[Refund]]:
    """The code of the order of that number, and its refunds; refuses an unknown one."""
    with database.transaction() as connection:
        order = orders.by_id(connection, order_id)
        return order.code, refunds.of_order(connection, order.id)
