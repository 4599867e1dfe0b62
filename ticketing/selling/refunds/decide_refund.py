"""Apply a refund plan to an order: release places, revoke tickets, store the refunds.

The money moves in `send_refunds.py`. The caller has locked the order.
"""

from collections import Counter
from datetime import datetime

from sqlalchemy import Connection

from ticketing.catalogue import promo_queries, stock_queries
from ticketing.orders import audit, review_flag_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderLine, OrderState
from ticketing.orders.refund import Refund, RefundState
from ticketing.platform.db import outbox
from ticketing.platform.kernel.money import ZERO
from ticketing.selling.payments import attempt_queries, entitlement_queries, refund_queries
from ticketing.selling.payments.complete_order import notify_buyer
from ticketing.selling.refunds.refund_plan import RefundPlan
from ticketing.tickets.issuing import ticket_write_queries
from ticketing.vouchers import transition_queries


def decide_refund(
    connection: Connection,
    order: Order,
    plan: RefundPlan,
    *,
    at: datetime,
    by: str,
    purpose: str = outbox.ORDER_REFUND,
) -> list[Refund]:
    """Apply a plan except for moving the money; return the outstanding refunds.

    `purpose` selects the message to the buyer.
    """
    outstanding = _insert_refunds(connection, order, plan, at=at, by=by)
    revoked_count = _return_places(connection, order, plan, at=at) if plan.places else 0
    if plan.request.flag is not None:
        review_flag_queries.resolve_flag(connection, order.id, plan.request.flag, at=at)
    _enqueue_refund_message(connection, order, plan, purpose)
    _enqueue_transfer_requests(connection, order, outstanding)
    audit.record(
        connection,
        order,
        actor=by,
        action="orders.refund",
        items=len(plan.places),
        details={
            "amount": plan.amount.amount,
            "kept": plan.kept.amount,
            "tickets_revoked": revoked_count,
            "ends_order": plan.ends_order,
            "reason": plan.request.reason,
            "plan_hash": plan.plan_hash,
        },
    )
    return outstanding


def _insert_refunds(
    connection: Connection, order: Order, plan: RefundPlan, *, at: datetime, by: str
) -> list[Refund]:
    attempts = {one.id: one for one in attempt_queries.list_for_order(connection, order.id)}
    reason = plan.request.reason
    return [
        refund_queries.insert_refund(
            connection, attempts[part.attempt_id], part, reason=reason, by=by, at=at
        )
        for part in plan.parts
    ]


def _return_places(connection: Connection, order: Order, plan: RefundPlan, *, at: datetime) -> int:
    """Release the places once: they are marked as returned, and plans exclude marked ones."""
    counts = Counter(place.ticket_type_id for place in plan.places)
    lines = [OrderLine(type_id, count, ZERO) for type_id, count in sorted(counts.items())]
    order_queries.record_returned_places(connection, order.id, lines)
    stock_queries.return_sold(connection, lines)
    ids = [place.entitlement_id for place in plan.places if place.entitlement_id is not None]
    live_ticket_ids = entitlement_queries.return_places(connection, ids, at=at)
    voucher_ids = [place.voucher_id for place in plan.places if place.voucher_id is not None]
    transition_queries.revoke(connection, voucher_ids, reason=transition_queries.REFUNDED, at=at)
    reason = f"refunded: {plan.request.reason}" if plan.request.reason else "refunded"
    revoked = ticket_write_queries.mark_revoked(connection, live_ticket_ids, reason=reason, at=at)
    if plan.ends_order:
        order_queries.update_state(connection, order, OrderState.CANCELLED, at=at)
        # a partial refund does not release the promo code
        promo_queries.release(connection, order.id, at=at)
    return len(revoked)


def _enqueue_refund_message(
    connection: Connection, order: Order, plan: RefundPlan, purpose: str
) -> None:
    """Enqueue one message per plan for the buyer."""
    notify_buyer(
        connection,
        order,
        purpose,
        subject=f"{order.code}/{plan.plan_hash[:12]}",
        is_required=True,
        amount=plan.amount.amount,
        kept=plan.kept.amount,
        places=len(plan.places),
        reason=plan.request.reason,
    )


def _enqueue_transfer_requests(
    connection: Connection, order: Order, outstanding: list[Refund]
) -> None:
    """Enqueue one message per manual refund for the organiser."""
    for refund in outstanding:
        if refund.state is RefundState.MANUAL:
            outbox.enqueue(
                connection,
                event_id=order.event_id,
                purpose=outbox.REFUND_TO_TRANSFER,
                subject=refund.key,
                recipient=outbox.ORGANISER,
                payload={"order": order.code, "refund": refund.key, "amount": refund.amount.amount},
            )
