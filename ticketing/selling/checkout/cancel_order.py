"""Cancel a pending order: release places and promo code, and apply the payment plan's policy."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.catalogue import promo_queries, stock_queries
from ticketing.orders import audit, instalment_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.instalments import OverduePolicy
from ticketing.orders.order import Order, OrderState, ReviewFlag
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import ImpossibleTransition
from ticketing.platform.kernel.money import ZERO, Rupiah, total
from ticketing.selling.payments import attempt_queries, entitlement_queries, refund_queries
from ticketing.selling.payments.complete_order import flag_for_review, notify_buyer
from ticketing.selling.payments.unsettled_money import list_unsettled_money
from ticketing.selling.refunds.decide_refund import decide_refund
from ticketing.selling.refunds.refund_plan import RefundRequest, RefundScope
from ticketing.selling.refunds.resolve_flag import list_undecided_payments
from ticketing.selling.refunds.service import build_refund_plan
from ticketing.tickets.issuing import ticket_write_queries
from ticketing.tickets.model import INCOMPLETE_PAYMENT_REASON


def apply_overdue_policy(connection: Connection, order: Order, *, at: datetime, by: str) -> None:
    """Apply the payment plan's policy to the paid instalments of a locked order that has ended.

    About payments that pay no instalment staff decide, whatever the policy: they may have returned
    one by hand.
    """
    if order.payment_plan_id is None:
        return
    revoke_early_entitlements(connection, order, at=at)
    instalments = instalment_queries.list_for_order(connection, order.id)
    payers = {each.paid_by for each in instalments if each.paid_by is not None}
    left = total(
        payment.refundable
        for payment in refund_queries.list_payment_balances(connection, order.id)
        if payment.attempt_id in payers
    )
    if left == ZERO:
        return
    plan = instalment_queries.get_plan(connection, order.payment_plan_id)
    match plan.overdue:
        case OverduePolicy.KEEP:
            _keep_instalments(connection, order, left, by=by)
        case OverduePolicy.REFUND:
            instalment_queries.detach_payments(connection, order.id)
            request = RefundRequest(money=RefundScope.SURPLUS, reason=INCOMPLETE_PAYMENT_REASON)
            refund_plan = build_refund_plan(connection, order, request, only=payers, at=at)
            decide_refund(connection, order, refund_plan, at=at, by=by)
        case OverduePolicy.ASK:
            instalment_queries.detach_payments(connection, order.id)
            message = f"{left} was paid in instalments, and the order has ended"
            flag_for_review(connection, order, ReviewFlag.INSTALMENTS_UNFINISHED, message, at=at)


def revoke_early_entitlements(connection: Connection, order: Order, *, at: datetime) -> None:
    """Withdraw entitlements granted before full payment, and revoke their tickets."""
    live = entitlement_queries.return_order_places(connection, order.id, at=at)
    ticket_write_queries.mark_revoked(connection, live, reason=INCOMPLETE_PAYMENT_REASON, at=at)


def _keep_instalments(connection: Connection, order: Order, left: Rupiah, *, by: str) -> None:
    """Keep the paid instalments, record it in the audit log and notify the buyer."""
    audit.record(
        connection, order, by, "orders.keep_instalments", items=1, details={"kept": left.amount}
    )
    notify_buyer(connection, order, outbox.INSTALMENTS_KEPT, is_required=True, kept=left.amount)


def cancel_order(database: Database, order_id: int, *, at: datetime, by: str) -> Order:
    """Cancel a pending order; safe to repeat. Refuses a paid or expired order.

    Refuses also while a signed notification of money is unsettled, since the places would be sold
    again, and while staff decide about a payment of another amount, which could be kept.
    `expire_order_sessions` closes its checkout sessions. A payment that the gateway received
    nevertheless is found by settlement and flagged for staff.
    """
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        if order.state is OrderState.PAID:
            raise ImpossibleTransition(f"order {order.code} is paid; refund it instead")
        if order.state is not OrderState.CANCELLED:
            _refuse_unsettled_money(connection, order)
            order = close_pending_order(connection, order, OrderState.CANCELLED, at=at)
            apply_overdue_policy(connection, order, at=at, by=by)
            audit.record(connection, order, by, "orders.cancel")
    return order


def _refuse_unsettled_money(connection: Connection, order: Order) -> None:
    attempts = attempt_queries.list_for_order(connection, order.id)
    if list_unsettled_money(connection, attempts, answered=()):
        raise ImpossibleTransition(
            f"order {order.code}: a payment is being processed; look at the order again in a minute"
        )
    if list_undecided_payments(connection, order):
        raise ImpossibleTransition(
            f"order {order.code} cannot be cancelled before staff have accepted or refunded a"
            " payment of another amount; write to the organiser"
        )


def close_pending_order(
    connection: Connection, order: Order, to: OrderState, *, at: datetime
) -> Order:
    """Set a locked pending order to an end state and release its places and promo code, once."""
    outbox.withdraw(connection, purpose=outbox.ORDER_PLACED, subject=order.code)
    order_queries.update_state(connection, order, to, at=at)
    stock_queries.release(connection, order_queries.list_lines(connection, order.id))
    promo_queries.release(connection, order.id, at=at)
    return replace(order, state=to)
