"""Voucher purchases for operators: lists, failures, dashboard, and resending of codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from http import HTTPStatus

from ticketing.monitoring import dashboard_queries, failure_queries, purchase_queries, trend_queries
from ticketing.monitoring.dashboard_queries import (
    PackageSales,
    PurchaseStateTotals,
    RouterVoucherCount,
    WaitingSummary,
)
from ticketing.monitoring.failure_queries import VoucherDeliveryAttempt, WaitingVoucher
from ticketing.monitoring.purchase_queries import PurchaseFilter, PurchaseView
from ticketing.monitoring.rates import VOUCHER_LOST_AFTER, FulfilmentStats, InterventionStats
from ticketing.monitoring.trend_queries import TrendPoint
from ticketing.notifications import admin
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.delivery_queries import Delivery
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Refused
from ticketing.platform.kernel.time_span import TimeSpan, TimeStep, iter_steps
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers.model import PurchaseState

MAX_POINTS = 1000


class UnknownPurchase(Refused):
    """No order with a voucher package has this id."""

    status = HTTPStatus.NOT_FOUND


class SpanTooLong(Refused):
    """The requested trend has too many points."""


@dataclass(frozen=True, slots=True)
class PurchaseDelivery:
    """Deliveries of a purchase's codes, and every attempt."""

    purchase: PurchaseView
    deliveries: Sequence[Delivery]
    attempts: Sequence[VoucherDeliveryAttempt]


@dataclass(frozen=True, slots=True)
class FailedPurchases:
    """Purchases that need attention: their total number, and a page with its missing vouchers."""

    total: int
    purchases: Sequence[PurchaseView]
    waiting: Sequence[WaitingVoucher]


@dataclass(frozen=True, slots=True)
class DashboardFilter:
    """Filter of a dashboard. Steps are in `zone`; without an event all are included."""

    span: TimeSpan
    step: TimeStep
    zone: tzinfo
    event_id: int | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Figures of purchases placed or paid in a span, and the current queues."""

    purchases_by_state: Sequence[PurchaseStateTotals]
    package_sales: Sequence[PackageSales]
    fulfilment: FulfilmentStats
    interventions: InterventionStats
    trend: Sequence[TrendPoint]
    waiting_for_routers: WaitingSummary
    waiting_for_channels: WaitingSummary
    messages_by_state: dict[DeliveryState, int]
    routers: Sequence[StoredRouter]
    vouchers_by_router: Sequence[RouterVoucherCount]


def list_purchases(
    database: Database, purchase_filter: PurchaseFilter, *, limit: int, offset: int
) -> tuple[int, list[PurchaseView]]:
    """Return the number of matching purchases and a page of them."""
    with database.transaction() as connection:
        found = purchase_queries.list_purchases(
            connection, purchase_filter, limit=limit, offset=offset
        )
        return purchase_queries.count_purchases(connection, purchase_filter), found


def get_purchase_delivery(database: Database, order_id: int) -> PurchaseDelivery:
    """Return the deliveries of a purchase's codes; raise UnknownPurchase."""
    with database.transaction() as connection:
        purchase = purchase_queries.find_by_order(connection, order_id)
        if purchase is None:
            raise unknown_purchase(order_id)
        return PurchaseDelivery(
            purchase,
            failure_queries.list_purchase_deliveries(connection, purchase.code),
            failure_queries.list_attempts(connection, purchase.id),
        )


def unknown_purchase(order_id: int) -> UnknownPurchase:
    """Return the error for an id without a purchase."""
    return UnknownPurchase(
        f"there is no voucher purchase {order_id}; GET /voucher/api/payments lists them"
    )


def list_failed_purchases(
    database: Database, event_id: int | None, *, limit: int, offset: int
) -> FailedPurchases:
    """Return the purchases that need attention."""
    with database.transaction() as connection:
        total, found = failure_queries.list_failed_purchases(
            connection, event_id, limit=limit, offset=offset
        )
        waiting = failure_queries.list_waiting_vouchers(
            connection, [purchase.id for purchase in found]
        )
        return FailedPurchases(total, found, waiting)


def build_dashboard(
    database: Database, dashboard_filter: DashboardFilter, *, at: datetime
) -> Dashboard:
    """Return all figures at one instant; raise SpanTooLong."""
    step_starts = _step_starts(dashboard_filter)
    event_id, span = dashboard_filter.event_id, dashboard_filter.span
    with database.transaction() as connection:
        known = trend_queries.list_trend_points(
            connection, event_id, span, dashboard_filter.step, dashboard_filter.zone
        )
        return Dashboard(
            purchases_by_state=dashboard_queries.list_purchase_totals(connection, event_id, span),
            package_sales=dashboard_queries.list_package_sales(connection, event_id, span),
            fulfilment=dashboard_queries.get_fulfilment_stats(
                connection, event_id, span, due_before=at - VOUCHER_LOST_AFTER
            ),
            interventions=trend_queries.count_interventions(connection, span),
            trend=[known.get(begins, TrendPoint(begins)) for begins in step_starts],
            waiting_for_routers=dashboard_queries.count_waiting_for_routers(connection, event_id),
            waiting_for_channels=dashboard_queries.count_waiting_for_channels(connection, event_id),
            messages_by_state=dashboard_queries.count_messages_by_state(connection, event_id),
            routers=router_queries.list_all(connection),
            vouchers_by_router=dashboard_queries.count_vouchers_by_router(connection, event_id),
        )


_STEP_LENGTH = {TimeStep.HOUR: timedelta(hours=1), TimeStep.DAY: timedelta(days=1)}


def _step_starts(dashboard_filter: DashboardFilter) -> list[datetime]:
    span = dashboard_filter.span
    if (span.ends_at - span.begins_at) / _STEP_LENGTH[dashboard_filter.step] > MAX_POINTS:
        raise SpanTooLong(
            f"more than {MAX_POINTS} {dashboard_filter.step}s; use step=day or a shorter span"
        )
    return list(
        iter_steps(span.begins_at, span.ends_at, dashboard_filter.step, dashboard_filter.zone)
    )


class NothingToSend(Refused):
    """A purchase's codes cannot be sent, or are being sent; the message names the remedy."""

    status = HTTPStatus.CONFLICT


def resend_codes(database: Database, order_id: int, *, at: datetime, by: str) -> PurchaseDelivery:
    """Send a purchase's codes now by the channel tried last; raise UnknownPurchase.

    A queued delivery is only made due now; a message already sent is sent again.
    """
    known = get_purchase_delivery(database, order_id)
    by_channel = [one for one in known.deliveries if one.channel is not Channel.LINK]
    if not by_channel:
        _check_sendable(known)
        return known
    try:
        admin.resend_delivery(database, by_channel[-1].id, at=at, by=by)
    except Refused as why:  # it is being sent now
        raise NothingToSend(f"{known.purchase.code}: {why}") from why
    return get_purchase_delivery(database, order_id)


def _check_sendable(known: PurchaseDelivery) -> None:
    """Raise NothingToSend unless the message is queued."""
    purchase = known.purchase
    if known.deliveries:
        raise NothingToSend(
            f"the buyer of {purchase.code} cannot be reached by any channel; pass on the order page"
        )
    if purchase.state is not PurchaseState.COMPLETED:
        raise NothingToSend(
            f"{purchase.code} is {purchase.state},"
            f" with {purchase.provisioned} of {purchase.ordered}"
            f" vouchers: POST /voucher/api/regenerate-voucher/{purchase.id} when it is paid"
        )
