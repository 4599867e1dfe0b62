"""What a refund does to an order at once: places are free, tickets end, money is promised.

The money itself moves in `send_refunds`. The caller has locked the order.
"""

from collections import Counter
from datetime import datetime

from sqlalchemy import Connection

from ticketing.catalogue import promo_queries, stock_queries
from ticketing.orders import flag_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Line, Order, OrderState
from ticketing.orders.refund import Refund, RefundState
from ticketing.platform.db import audit_log, outbox
from ticketing.platform.kernel.money import NOTHING
from ticketing.selling.payments import attempt_queries, entitlement_queries, refund_queries
from ticketing.selling.refunds.refund_plan import RefundPlan
from ticketing.tickets import ticket_write_queries
from ticketing.vouchers import transition_queries


def decide_refund(
    connection: Connection,
    order: Order,
    planned: RefundPlan,
    *,
    at: datetime,
    by: str,
    purpose: str = "order.refund",
) -> list[Refund]:
    """Do all of a plan but moving the money; gives the refunds that are now owed.

    `purpose` is what the buyer is told.
    """
    owed = _promise(connection, order, planned, at=at, by=by)
    ended = _end_places(connection, order, planned, at=at) if planned.places else 0
    if planned.asked.flag is not None:
        flag_queries.resolve(connection, order.id, planned.asked.flag, at=at)
    _tell(connection, order, planned, purpose)
    _ask_for_transfers(connection, order, owed)
    audit_log.record(
        connection,
        actor=by,
        action="orders.refund",
        event_id=order.event_id,
        subject=order.code,
        items=len(planned.places),
        details={
            "amount": planned.amount.amount,
            "kept": planned.kept.amount,
            "tickets_revoked": ended,
            "ends_order": planned.ends_order,
            "reason": planned.asked.reason,
            "plan_hash": planned.plan_hash,
        },
    )
    return owed


def _promise(
    connection: Connection, order: Order, planned: RefundPlan, *, at: datetime, by: str
) -> list[Refund]:
    attempts = {one.id: one for one in attempt_queries.of_order(connection, order.id)}
    reason = planned.asked.reason
    return [
        refund_queries.request(
            connection, attempts[part.attempt_id], part, reason=reason, by=by, at=at
        )
        for part in planned.parts
    ]


def _end_places(connection: Connection, order: Order, planned: RefundPlan, *, at: datetime) -> int:
    """Free the places once: they are marked, and a plan never names a marked one."""
    counts = Counter(place.ticket_type_id for place in planned.places)
    lines = [Line(type_id, count, NOTHING) for type_id, count in sorted(counts.items())]
    order_queries.return_places(connection, order.id, lines)
    stock_queries.take_back(connection, lines)
    ids = [place.attendee_id for place in planned.places if place.attendee_id is not None]
    live = entitlement_queries.give_back(connection, ids, at=at)
    sold = [place.voucher_id for place in planned.places if place.voucher_id is not None]
    transition_queries.end(connection, sold, why=transition_queries.REFUNDED, at=at)
    reason = f"refunded: {planned.asked.reason}" if planned.asked.reason else "refunded"
    ended = ticket_write_queries.revoke(connection, live, reason=reason, at=at)
    if planned.ends_order:
        order_queries.move(connection, order, OrderState.CANCELLED, at=at)
        promo_queries.release(
            connection, order.id, at=at
        )  # a part refunded has still used its code
    return len(ended)


def _tell(connection: Connection, order: Order, planned: RefundPlan, purpose: str) -> None:
    """One message a plan to the buyer."""
    if order.buyer is None:
        return
    outbox.add(
        connection,
        event_id=order.event_id,
        purpose=purpose,
        subject=f"{order.code}/{planned.plan_hash[:12]}",
        recipient=order.buyer.email or order.buyer.phone,
        payload={
            "order": order.code,
            "amount": planned.amount.amount,
            "kept": planned.kept.amount,
            "places": len(planned.places),
            "reason": planned.asked.reason,
        },
    )


def _ask_for_transfers(connection: Connection, order: Order, owed: list[Refund]) -> None:
    """One message a transfer to whoever has to make it."""
    for refund in owed:
        if refund.state is RefundState.MANUAL:
            outbox.add(
                connection,
                event_id=order.event_id,
                purpose="refund.to_transfer",
                subject=refund.key,
                recipient=outbox.ORGANISER,
                payload={"order": order.code, "refund": refund.key, "amount": refund.amount.amount},
            )
