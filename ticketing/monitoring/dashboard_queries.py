"""Queries for the figures of the voucher dashboard; the rates are computed in `rates.py`.

A span selects the purchases placed or paid in it; queues and routers are current.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    and_,
    cast,
    false,
    func,
    or_,
    select,
    true,
)

from ticketing.monitoring.purchase_queries import (
    SENT_STATES,
    purchase_counts,
    purchase_state_case,
    select_purchases,
)
from ticketing.monitoring.rates import fulfilment_stats
from ticketing.monitoring.schemas_dashboard import (
    FulfilmentStatsResponse,
    PackageSalesResponse,
    PurchaseStateResponse,
    WaitingSummaryResponse,
)
from ticketing.notifications.delivery import DeliveryState
from ticketing.orders.order import OrderState
from ticketing.platform.db.conditions import is_within
from ticketing.platform.db.outbox import VOUCHERS_READY
from ticketing.platform.db.payment_environment import is_of_this_environment
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.orders import order_lines, orders
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.vouchers import packages, vouchers
from ticketing.platform.kernel.time_span import TimeSpan
from ticketing.vouchers.model import UNPLACED_STATES, PurchaseState, VoucherState

_REFUND_REASONS = ("refunded", "reversed")


def list_purchase_totals(
    connection: Connection, event_id: int | None, span: TimeSpan
) -> dict[PurchaseState, PurchaseStateResponse]:
    """Return the totals of purchases placed in the span by state; every state is present."""
    conditions = (is_within(orders.c.created_at, span), *event_conditions(event_id))
    counted = purchase_counts(*conditions, lateral=False)
    state = purchase_state_case(counted).label("state")
    placed = (
        select_purchases(
            counted, state, counted.ordered.c.ordered, orders.c.total, orders.c.refunded
        )
        .where(*conditions)
        .subquery("placed")
    )  # fmt: skip
    query = select(
        placed.c.state,
        func.count().label("purchases"),
        sum_or_zero(placed.c.ordered).label("vouchers"),
        sum_or_zero(placed.c.total).label("total"),
        sum_or_zero(placed.c.refunded).label("refunded"),
    ).group_by(placed.c.state)
    totals = {state: PurchaseStateResponse() for state in PurchaseState}
    for row in connection.execute(query).mappings():
        totals[PurchaseState(row["state"])] = PurchaseStateResponse.model_validate(row)
    return totals


def list_package_sales(
    connection: Connection, event_id: int | None, span: TimeSpan
) -> list[PackageSalesResponse]:
    """Return sales paid in the span, highest revenue first."""
    gross = sum_or_zero(order_lines.c.quantity * order_lines.c.price)
    query = (
        select(
            packages.c.code.label("package_id"),
            ticket_types.c.name,
            packages.c.profile,
            func.count().label("purchases"),
            sum_or_zero(order_lines.c.quantity).label("vouchers"),
            gross.label("gross"),
        )
        .select_from(order_lines)
        .join(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
        .join(ticket_types, ticket_types.c.id == packages.c.ticket_type_id)
        .join(orders, orders.c.id == order_lines.c.order_id)
        .where(
            orders.c.state == OrderState.PAID,
            is_within(orders.c.paid_at, span),
            *event_conditions(event_id),
        )
        .group_by(packages.c.ticket_type_id, ticket_types.c.id)
        .order_by(gross.desc(), packages.c.code)
    )
    rows = connection.execute(query).mappings()
    return [PackageSalesResponse.model_validate(row) for row in rows]


def get_fulfilment_stats(
    connection: Connection, event_id: int | None, span: TimeSpan, *, due_before: datetime
) -> FulfilmentStatsResponse:
    """Count due and lost vouchers, and ready and received messages, of the span's payments."""
    conditions = (
        orders.c.state == OrderState.PAID,
        is_within(orders.c.paid_at, span),
        *event_conditions(event_id),
    )
    counted = purchase_counts(*conditions, lateral=False)
    notified, refunded = _notified_orders(conditions), _refunded_vouchers()
    due_count = counted.ordered.c.ordered - func.coalesce(refunded.c.vouchers, 0)
    is_notified = func.coalesce(notified.c.received, false())
    is_due = orders.c.paid_at < due_before
    query = (
        select_purchases(
            counted,
            sum_or_zero(due_count, is_due),
            sum_or_zero(due_count, and_(is_due, ~is_notified)),
            func.count().filter(notified.c.order_id.is_not(None)),
            func.count().filter(is_notified),
        )
        .outerjoin(notified, notified.c.order_id == orders.c.id)
        .outerjoin(refunded, refunded.c.order_id == orders.c.id)
        .where(*conditions)
    )
    return fulfilment_stats(*connection.execute(query).one())


def _notified_orders(conditions: Sequence[ColumnElement[bool]]) -> FromClause:
    """Return purchases with a ready message, and whether a provider accepted it."""
    received = func.bool_or(deliveries.c.state.in_(SENT_STATES)).label("received")
    return (
        select(orders.c.id.label("order_id"), received)
        .join(outbox, and_(outbox.c.purpose == VOUCHERS_READY, outbox.c.subject == orders.c.code))
        .outerjoin(deliveries, deliveries.c.outbox_id == outbox.c.id)
        .where(*conditions)
        .group_by(orders.c.id)
        .subquery("notified")
    )


def _refunded_vouchers() -> FromClause:
    """Return the number of refunded vouchers by order."""
    return (
        select(order_lines.c.order_id, func.count().label("vouchers"))
        .join(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .where(vouchers.c.revoked_reason.in_(_REFUND_REASONS))
        .group_by(order_lines.c.order_id)
        .subquery("refunded_vouchers")
    )


def count_waiting_for_routers(
    connection: Connection, event_id: int | None
) -> WaitingSummaryResponse:
    """Count paid vouchers that are not on their routers."""
    query = (
        select(func.count().label("count"), func.min(vouchers.c.sold_at).label("oldest_at"))
        .select_from(vouchers)
        .join(ticket_types, ticket_types.c.id == vouchers.c.ticket_type_id)
        .where(
            vouchers.c.state.in_(UNPLACED_STATES),
            vouchers.c.order_line_id.is_not(None),
            *([] if event_id is None else [ticket_types.c.event_id == event_id]),
        )
    )
    return WaitingSummaryResponse.model_validate(connection.execute(query).mappings().one())


def count_waiting_for_channels(
    connection: Connection, event_id: int | None
) -> WaitingSummaryResponse:
    """Count ready messages that no provider has accepted and that did not fail permanently."""
    is_moving = or_(
        outbox.c.processed_at.is_(None),
        deliveries.c.next_attempt_at.is_not(None),
        deliveries.c.claimed_until.is_not(None),
    )
    query = (
        select(func.count().label("count"), func.min(outbox.c.created_at).label("oldest_at"))
        .select_from(outbox)
        .outerjoin(deliveries, deliveries.c.outbox_id == outbox.c.id)
        .where(outbox.c.purpose == VOUCHERS_READY, is_moving)
    )
    if event_id is not None:
        query = query.where(outbox.c.event_id == event_id)
    return WaitingSummaryResponse.model_validate(connection.execute(query).mappings().one())


def count_messages_by_state(
    connection: Connection, event_id: int | None
) -> dict[DeliveryState, int]:
    """Count all ready messages by state; every state is present."""
    query = (
        select(deliveries.c.state, func.count())
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(outbox.c.purpose == VOUCHERS_READY)
        .group_by(deliveries.c.state)
    )
    if event_id is not None:
        query = query.where(outbox.c.event_id == event_id)
    found = {DeliveryState(state): number for state, number in connection.execute(query)}
    return dict.fromkeys(DeliveryState, 0) | found


def count_vouchers_by_router(
    connection: Connection, event_id: int | None
) -> Counter[tuple[int, VoucherState]]:
    """Count all vouchers by router id and state, pooled ones included."""
    query = select(vouchers.c.router_id, vouchers.c.state, func.count()).group_by(
        vouchers.c.router_id, vouchers.c.state
    )
    if event_id is not None:
        query = query.join(
            ticket_types, ticket_types.c.id == vouchers.c.ticket_type_id
        ).where(ticket_types.c.event_id == event_id)  # fmt: skip
    rows = connection.execute(query)
    return Counter({(router, VoucherState(state)): number for router, state, number in rows})


def event_conditions(event_id: int | None) -> Sequence[ColumnElement[bool]]:
    """Return the conditions for orders of one event, or of all, of this payment environment."""
    of_event = true() if event_id is None else orders.c.event_id == event_id
    return [of_event, is_of_this_environment()]


def sum_or_zero(
    column: ColumnElement[Any], where: ColumnElement[bool] | None = None
) -> ColumnElement[int]:
    """Return the sum as an integer, 0 if there are no rows."""
    summed = func.sum(column)
    return cast(func.coalesce(summed if where is None else summed.filter(where), 0), BigInteger)
