"""Giving up a pending order: its places and its promo code are free again, once.

An order that ended before all of its parts were paid: what becomes of them, by its plan.

Telling buyers that the next part of their order is due: one message a part.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.catalogue import promo_queries, stock_queries
from ticketing.orders import instalment_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.instalments import OverduePolicy
from ticketing.orders.order import Order, OrderState, ReviewFlag
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import ImpossibleTransition
from ticketing.platform.kernel.money import ZERO, Rupiah, total
from ticketing.selling.payments import entitlement_queries, refund_queries
from ticketing.selling.payments.complete_order import enqueue_message, flag_for_review
from ticketing.selling.refunds.decide_refund import decide_refund
from ticketing.selling.refunds.refund_plan import RefundRequest, RefundScope
from ticketing.selling.refunds.service import build_refund_plan
from ticketing.tickets import ticket_write_queries

INCOMPLETE_PAYMENT_REASON = "not all parts were paid"


def apply_overdue_policy(connection: Connection, order: Order, *, at: datetime, by: str) -> None:
    """Carry the rule out for a locked order that gave its places back; nothing paid, no deed."""
    if order.payment_plan_id is None:
        return
    revoke_early_entitlements(connection, order, at=at)
    left = total(
        payment.refundable for payment in refund_queries.list_payment_balances(connection, order.id)
    )
    if left == ZERO:
        return
    plan = instalment_queries.get_plan(connection, order.payment_plan_id)
    match plan.overdue:
        case OverduePolicy.KEEP:
            _keep_instalments(connection, order, left, by=by)
        case OverduePolicy.REFUND:
            instalment_queries.detach_payments(connection, order.id)
            asked = RefundRequest(
                money=RefundScope.SURPLUS,
                reason=INCOMPLETE_PAYMENT_REASON,
                flag=ReviewFlag.PAID_TWICE,
            )
            planned = build_refund_plan(connection, order, asked, at=at)
            decide_refund(connection, order, planned, at=at, by=by)
        case OverduePolicy.ASK:
            instalment_queries.detach_payments(connection, order.id)
            said = f"{left} was paid in parts, and the order has ended"
            flag_for_review(connection, order, ReviewFlag.INSTALMENTS_UNFINISHED, said, at=at)


def revoke_early_entitlements(connection: Connection, order: Order, *, at: datetime) -> None:
    """Places that were had before all was paid are had no more, and tickets on them end."""
    live = entitlement_queries.return_order_places(connection, order.id, at=at)
    ticket_write_queries.mark_revoked(connection, live, reason=INCOMPLETE_PAYMENT_REASON, at=at)


def _keep_instalments(connection: Connection, order: Order, left: Rupiah, *, by: str) -> None:
    """What is kept stays what its parts were paid with, and stands in the log."""
    audit_log.record(
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
        enqueue_message(connection, order, "order.parts_kept", recipient, kept=left.amount)


def cancel_order(database: Database, order_id: int, *, at: datetime, by: str) -> Order:
    """Give the places back; safe to repeat. Refuses an order that is paid or has expired.

    `close_pages` ends what it could still be paid on. What a gateway has taken all the same is
    found by settling: money for a cancelled order is flagged for a person.
    """
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        if order.state is OrderState.PAID:
            raise ImpossibleTransition(f"order {order.code} is paid; refund it instead")
        if order.state is not OrderState.CANCELLED:
            order = close_pending_order(connection, order, OrderState.CANCELLED, at=at)
            apply_overdue_policy(connection, order, at=at, by=by)
            audit_log.record(
                connection,
                actor=by,
                action="orders.cancel",
                event_id=order.event_id,
                subject=order.code,
            )
    return order


def close_pending_order(
    connection: Connection, order: Order, to: OrderState, *, at: datetime
) -> Order:
    """End a locked pending order; the table of moves sees to it that nothing is freed twice."""
    order_queries.update_state(connection, order, to, at=at)
    stock_queries.release(connection, order_queries.list_lines(connection, order.id))
    promo_queries.release(connection, order.id, at=at)
    return replace(order, state=to)
