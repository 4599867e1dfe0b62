"""Purchases as their buyers see them, and the ready message of completed orders.

The ready message is enqueued once, when all vouchers of an order exist.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert

from ticketing.orders.order import OrderState
from ticketing.platform.db import notify
from ticketing.platform.db.outbox import VOUCHERS_READY
from ticketing.platform.db.tables.orders import order_idempotency_keys, order_lines, orders
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.vouchers import packages, vouchers
from ticketing.vouchers.model import (
    UNPLACED_STATES,
    PurchaseState,
    VoucherState,
    purchase_state,
)


@dataclass(frozen=True, slots=True)
class PurchaseProgress:
    """Progress of an order's vouchers."""

    order_id: int
    state: PurchaseState
    ordered: int
    vouchers: tuple[VoucherState, ...]  # allocated so far


def find_purchases(
    connection: Connection, order_ids: Collection[int]
) -> dict[int, PurchaseProgress]:
    """Return the progress of those orders that contain vouchers, by order id."""
    bought = (
        select(order_lines.c.order_id, func.sum(order_lines.c.quantity).label("ordered"))
        .join(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
        .where(order_lines.c.order_id.in_(order_ids))
        .group_by(order_lines.c.order_id)
        .subquery()
    )
    query = (
        select(
            orders.c.id,
            orders.c.state,
            bought.c.ordered,
            func.array_remove(func.array_agg(vouchers.c.state), None),
            func.count(vouchers.c.failed_at) > 0,
        )
        .select_from(orders)
        .join(bought, bought.c.order_id == orders.c.id)
        .join(order_lines, order_lines.c.order_id == orders.c.id)
        .outerjoin(vouchers, vouchers.c.order_line_id == order_lines.c.id)
        .group_by(orders.c.id, bought.c.ordered)
    )
    purchases = {}
    for order_id, order, ordered, states, has_failed in connection.execute(query):
        known = tuple(VoucherState(state) for state in states)
        state = purchase_state(OrderState(order), known, int(ordered), has_failed=has_failed)
        purchases[order_id] = PurchaseProgress(order_id, state, int(ordered), known)
    return purchases


REISSUE_EFFECT_PREFIX = "reissue voucher "  # each such effect permits one more ready message
_reissue_count = (
    select(func.count())
    .where(
        order_idempotency_keys.c.order_id == orders.c.id,
        order_idempotency_keys.c.key.startswith(REISSUE_EFFECT_PREFIX, autoescape=True),
    )
    .correlate(orders)
    .scalar_subquery()
)


def enqueue_ready_notices(connection: Connection, order_ids: Collection[int]) -> int:
    """Enqueue the ready message of complete orders that have none yet; return their number.

    The caller has locked the orders: when two transactions place an order's last vouchers on two
    routers, only the second one sees the order complete, and it sees the first one's vouchers.
    """
    ordered = (
        select(order_lines.c.order_id, func.sum(order_lines.c.quantity).label("vouchers"))
        .join(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
        .where(order_lines.c.order_id.in_(order_ids))
        .group_by(order_lines.c.order_id)
        .cte("ordered")
    )
    allocated = (
        select(
            order_lines.c.order_id,
            func.count().filter(vouchers.c.state.not_in(UNPLACED_STATES)).label("vouchers"),
            func.count().filter(vouchers.c.state == VoucherState.ACTIVE).label("present"),
        )
        .join(vouchers, vouchers.c.order_line_id == order_lines.c.id)
        .where(order_lines.c.order_id.in_(order_ids))
        .group_by(order_lines.c.order_id)
        .cte("made")
    )
    complete = (
        select(
            orders.c.event_id,
            literal(VOUCHERS_READY),
            orders.c.code,
            case((orders.c.buyer_phone != "", orders.c.buyer_phone), else_=orders.c.buyer_email),
            func.jsonb_build_object("order", orders.c.code, "total", orders.c.total),
            _reissue_count + 1,
        )
        .join(ordered, ordered.c.order_id == orders.c.id)
        .join(
            allocated,
            and_(allocated.c.order_id == orders.c.id, allocated.c.vouchers == ordered.c.vouchers),
        )
        .where(
            orders.c.state == OrderState.PAID,
            allocated.c.present > 0,
            or_(orders.c.buyer_phone != "", orders.c.buyer_email != ""),
        )
        .order_by(orders.c.id)
    )
    columns = ["event_id", "purpose", "subject", "recipient", "payload", "revision"]
    statement = insert(outbox).from_select(columns, complete).on_conflict_do_nothing()
    number = len(connection.execute(statement.returning(outbox.c.id)).all())
    if number:
        notify.notify_workers(connection)
    return number
