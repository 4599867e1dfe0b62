"""Refund late payments of the events that say so.

The review flag of the order is the queue: recording the payment raises it, deciding the refund
resolves it, in one transaction with the refund and its key. A payment that cannot be refunded
keeps its flag, and staff are notified. So does a payment beside other money of the order that
pays for nothing: staff may have returned that by hand, or still decide about it.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from ticketing.backup import restore_queries
from ticketing.orders import queries as order_queries
from ticketing.orders import review_flag_queries
from ticketing.orders.order import Order, ReviewFlag
from ticketing.platform.db.database import Database
from ticketing.platform.db.paging import iter_ids
from ticketing.platform.kernel.errors import RefundRefused
from ticketing.platform.kernel.work_pool import work_side_by_side
from ticketing.selling.payments import refund_queries
from ticketing.selling.payments.complete_order import LATE_PAYMENT_FLAGS, notify_of_flag
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.settle import STATUS_CONCURRENCY
from ticketing.selling.refunds.decide_refund import decide_refund
from ticketing.selling.refunds.refund_plan import RefundPlan
from ticketing.selling.refunds.resolve_flag import refund_request_for_flag
from ticketing.selling.refunds.send_refunds import send_refunds
from ticketing.selling.refunds.service import build_refund_plan

AUTOMATIC_ACTOR = "automatic"  # in the audit log and as the refund's requester
LATE_REASON = "paid after the order had ended"
CHUNK = 100


def refund_late_payments(
    database: Database,
    gateway: Midtrans,
    *,
    at: datetime,
    concurrency: int = STATUS_CONCURRENCY,
) -> int:
    """Decide and send the due refunds; return how many were decided.

    A hanging answer of the gateway holds up the refund of no other order.

    Safe to repeat, to run concurrently, and to kill: a refund that was decided and not sent is
    sent with the other waiting refunds. None after a restore until staff have decided: they may
    have accepted the payment after the backup.
    """
    if database.run(restore_queries.is_unfinished):
        return 0
    order_ids = iter_ids(
        database,
        lambda connection, last_id: review_flag_queries.list_late_payments_to_refund(
            connection, LATE_PAYMENT_FLAGS, after_id=last_id, limit=CHUNK
        ),
    )
    return sum(
        work_side_by_side(
            order_ids,
            lambda order_id: _refund_order(database, gateway, order_id, at=at),
            size=concurrency,
            name="refunding late",
        )
    )


def _refund_order(database: Database, gateway: Midtrans, order_id: int, *, at: datetime) -> bool:
    is_decided = database.run(_decide, order_id, at=at)
    if is_decided:
        send_refunds(database, gateway, order_id=order_id, at=at, by=AUTOMATIC_ACTOR)
    return is_decided


def _decide(connection: Connection, order_id: int, *, at: datetime) -> bool:
    """Decide the refund that the open flags of a late payment ask for."""
    order = order_queries.lock(connection, order_id)
    flags = review_flag_queries.find_open_attempts(connection, order.id, LATE_PAYMENT_FLAGS)
    if not flags:  # staff were faster
        return False
    plan = _build_plan(connection, order, flags, at=at)
    if plan is not None:
        decide_refund(connection, order, plan, at=at, by=AUTOMATIC_ACTOR)
    for flag in flags:
        if plan is not None:
            review_flag_queries.resolve_flag(connection, order.id, flag, at=at)
        else:
            notify_of_flag(connection, order, flag)
    return plan is not None


def _build_plan(
    connection: Connection, order: Order, flags: Mapping[ReviewFlag, int | None], *, at: datetime
) -> RefundPlan | None:
    """Return the refund of the flagged payments; None if staff have to decide."""
    request = refund_request_for_flag(next(iter(flags)), reason=LATE_REASON)
    try:
        plan = build_refund_plan(connection, order, request, at=at)
    except RefundRefused:
        return None
    handled = {one.attempt_id for one in refund_queries.list_for_order(connection, order.id)}
    untouched = {attempt_id for attempt_id in flags.values() if attempt_id not in handled}
    return plan if all(part.attempt_id in untouched for part in plan.parts) else None
