"""Queries for single voucher purchases; totals are in `dashboard_queries.py`.

A purchase is an order with at least one package; its id is the order's.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    case,
    exists,
    func,
    literal,
    select,
    true,
)

from ticketing.monitoring.schemas import PurchasedPackageResponse, PurchaseSummaryResponse
from ticketing.notifications.delivery import DeliveryState
from ticketing.orders.order import OrderState
from ticketing.platform.db.outbox import VOUCHERS_READY
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.orders import order_lines, orders
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.vouchers import packages, vouchers
from ticketing.vouchers.model import UNPLACED_STATES, PurchaseState

SENT_STATES = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ)


@dataclass(frozen=True, slots=True)
class PurchaseFilter:
    """Filter of purchases; None matches all."""

    status: PurchaseState | None = None
    order_state: OrderState | None = None
    event_id: int | None = None
    placed_from: datetime | None = None
    placed_before: datetime | None = None


class PurchaseCounts(NamedTuple):
    """Ordered and allocated vouchers, one row per order."""

    ordered: FromClause  # order_id, ordered
    vouchers: FromClause  # order_id, served, gave_up; none for an order without vouchers


def purchase_counts(*conditions: ColumnElement[bool], lateral: bool) -> PurchaseCounts:
    """Return the counts as lateral subqueries per order, or as subqueries over all matching orders.

    The conditions are on `orders` and only reduce the work.
    """
    ordered = (
        select(order_lines.c.order_id, func.sum(order_lines.c.quantity).label("ordered"))
        .join(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
        .group_by(order_lines.c.order_id)
    )
    made = (
        select(
            order_lines.c.order_id,
            func.count().filter(vouchers.c.state.not_in(UNPLACED_STATES)).label("served"),
            (func.count(vouchers.c.failed_at) > 0).label("gave_up"),
        )
        .join(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .group_by(order_lines.c.order_id)
    )
    if not lateral:
        if conditions:
            is_wanted = order_lines.c.order_id.in_(select(orders.c.id).where(*conditions))
            ordered, made = ordered.where(is_wanted), made.where(is_wanted)
        return PurchaseCounts(ordered.subquery("ordered"), made.subquery("made"))
    its_own = order_lines.c.order_id == orders.c.id
    return PurchaseCounts(
        ordered.where(its_own).lateral("ordered"), made.where(its_own).lateral("made")
    )


def purchase_state_case(counts: PurchaseCounts) -> ColumnElement[str]:
    """Return `vouchers.model.purchase_state` as SQL."""
    provisioned = func.coalesce(counts.vouchers.c.served, 0)
    return case(
        (orders.c.state == OrderState.PENDING, literal(PurchaseState.PENDING.value)),
        (orders.c.state != OrderState.PAID, literal(PurchaseState.FAILED.value)),
        (provisioned >= counts.ordered.c.ordered, literal(PurchaseState.COMPLETED.value)),
        (
            func.coalesce(counts.vouchers.c.gave_up, False),
            literal(PurchaseState.VOUCHER_GENERATION_FAILED.value),
        ),
        else_=literal(PurchaseState.PENDING.value),
    )


def select_purchases(counts: PurchaseCounts, *columns: ColumnElement[Any]) -> Select[Any]:
    """Return a query for these columns of every order with a package."""
    return (
        select(*columns)
        .select_from(orders)
        .join(counts.ordered, counts.ordered.c.order_id == orders.c.id)
        .outerjoin(counts.vouchers, counts.vouchers.c.order_id == orders.c.id)
    )


def list_purchases(
    connection: Connection, purchase_filter: PurchaseFilter, *, limit: int, offset: int
) -> list[PurchaseSummaryResponse]:
    """Return a page of the matching purchases, newest first."""
    if purchase_filter.status is None:  # without counting vouchers of earlier pages
        query = select(orders.c.id).where(_HAS_PACKAGE)
    else:
        query = select_purchases(_LATERAL_COUNTS, orders.c.id)
    matching = query.where(*_conditions(purchase_filter, _LATERAL_COUNTS)).order_by(
        orders.c.id.desc()
    )
    ids = connection.execute(matching.limit(limit).offset(offset)).scalars().all()
    return list_where(connection, orders.c.id.in_(ids))


def count_purchases(connection: Connection, purchase_filter: PurchaseFilter) -> int:
    """Count the matching purchases."""
    if purchase_filter.status is None:
        query = select(func.count()).select_from(orders).where(_HAS_PACKAGE)
        counted = _LATERAL_COUNTS  # unused: only orders are counted
    else:
        counted = purchase_counts(lateral=False)
        query = select_purchases(counted, func.count())
    return int(connection.execute(query.where(*_conditions(purchase_filter, counted))).scalar_one())


def list_where(
    connection: Connection,
    *conditions: ColumnElement[bool],
    limit: int | None = None,
    offset: int = 0,
) -> list[PurchaseSummaryResponse]:
    """Return the purchases whose orders match all conditions, newest first."""
    query = select_purchases(
        _LATERAL_COUNTS,
        orders.c.id.label("purchase_id"),
        orders.c.code,
        orders.c.event_id,
        purchase_state_case(_LATERAL_COUNTS).label("status"),
        orders.c.state.label("order_status"),
        orders.c.buyer_name.label("customer_name"),
        orders.c.buyer_phone.label("customer_phone"),
        _LATERAL_COUNTS.ordered.c.ordered.label("quantity"),
        func.coalesce(_LATERAL_COUNTS.vouchers.c.served, 0).label("provisioned"),
        orders.c.total.label("amount"),
        orders.c.refunded,
        _latest_delivery_state().label("delivery"),
        orders.c.created_at,
        orders.c.paid_at,
    )
    page = query.where(*conditions).order_by(orders.c.id.desc()).limit(limit).offset(offset)
    rows = connection.execute(page).mappings().all()
    packages_by_order = _list_packages(connection, [row["purchase_id"] for row in rows])
    return [
        PurchaseSummaryResponse.model_validate(
            {**row, "packages": packages_by_order[row["purchase_id"]]}
        )
        for row in rows
    ]


def find_by_order(connection: Connection, order_id: int) -> PurchaseSummaryResponse | None:
    """Return the purchase with this id; None if there is none or the order has no package."""
    return next(iter(list_where(connection, orders.c.id == order_id)), None)


_LATERAL_COUNTS = purchase_counts(lateral=True)
_HAS_PACKAGE = exists().where(
    order_lines.c.order_id == orders.c.id,
    packages.c.ticket_type_id == order_lines.c.ticket_type_id,
)


def _conditions(
    purchase_filter: PurchaseFilter, counts: PurchaseCounts
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [true()]
    if purchase_filter.status is not None:
        conditions.append(purchase_state_case(counts) == purchase_filter.status)
    if purchase_filter.order_state is not None:
        conditions.append(orders.c.state == purchase_filter.order_state)
    if purchase_filter.event_id is not None:
        conditions.append(orders.c.event_id == purchase_filter.event_id)
    if purchase_filter.placed_from is not None:
        conditions.append(orders.c.created_at >= purchase_filter.placed_from)
    if purchase_filter.placed_before is not None:
        conditions.append(orders.c.created_at < purchase_filter.placed_before)
    return conditions


def _latest_delivery_state() -> ColumnElement[Any]:
    """Return the state of the latest delivery of a purchase's codes."""
    return (
        select(deliveries.c.state)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(outbox.c.purpose == VOUCHERS_READY, outbox.c.subject == orders.c.code)
        .order_by(deliveries.c.id.desc())
        .limit(1)
        .correlate(orders)
        .scalar_subquery()
    )


def _list_packages(
    connection: Connection, order_ids: Sequence[int]
) -> dict[int, list[PurchasedPackageResponse]]:
    query = (
        select(
            order_lines.c.order_id,
            packages.c.code,
            ticket_types.c.name,
            packages.c.profile,
            order_lines.c.quantity,
        )
        .join(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
        .join(ticket_types, ticket_types.c.id == order_lines.c.ticket_type_id)
        .where(order_lines.c.order_id.in_(order_ids))
        .order_by(order_lines.c.id)
    )
    found: dict[int, list[PurchasedPackageResponse]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        found[row["order_id"]].append(PurchasedPackageResponse.model_validate(row))
    return found
