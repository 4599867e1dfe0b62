"""An order that ended before all of its parts were paid: what becomes of them, by its plan."""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.actions.complete_order import ask_a_person, tell
from ticketing.actions.decide_refund import decide_refund
from ticketing.actions.plan_refund import planned_for
from ticketing.domain.instalments import Overdue
from ticketing.domain.money import NOTHING, Rupiah, total
from ticketing.domain.orders import Flag, Order
from ticketing.domain.refund_plans import Asked, Money
from ticketing.store import audit, entitlements, order_parts, refunds, tickets

REASON = "not all parts were paid"


def end_parts(connection: Connection, order: Order, *, at: datetime, by: str) -> None:
    """Carry the rule out for a locked order that gave its places back; nothing paid, no deed."""
    if order.payment_plan_id is None:
        return
    end_early_places(connection, order, at=at)
    left = total(payment.left for payment in refunds.payments_of(connection, order.id))
    if left == NOTHING:
        return
    plan = order_parts.plan_of(connection, order.payment_plan_id)
    match plan.overdue:
        case Overdue.KEEP:
            _keep(connection, order, left, by=by)
        case Overdue.REFUND:
            order_parts.release(connection, order.id)
            asked = Asked(money=Money.SURPLUS, reason=REASON, flag=Flag.PAID_TWICE)
            planned = planned_for(connection, order, asked, at=at)
            decide_refund(connection, order, planned, at=at, by=by)
        case Overdue.ASK:
            order_parts.release(connection, order.id)
            said = f"{left} was paid in parts, and the order has ended"
            ask_a_person(connection, order, Flag.PARTS_LEFT, said, at=at)


def end_early_places(connection: Connection, order: Order, *, at: datetime) -> None:
    """Places that were had before all was paid are had no more, and tickets on them end."""
    live = entitlements.end(connection, order.id, at=at)
    tickets.revoke(connection, live, reason=REASON, at=at)


def _keep(connection: Connection, order: Order, left: Rupiah, *, by: str) -> None:
    """What is kept stays what its parts were paid with, and stands in the log."""
    audit.record(
        connection,
        actor=by,
        action="orders.keep_parts",
        event_id=order.event_id,
        subject=order.code,
        items=1,
        details={"kept": left.amount},
    )
    if order.buyer is not None:
        recipient = order.buyer.email or order.buyer.phone
        tell(connection, order, "order.parts_kept", recipient, kept=left.amount)
