"""A purchase's codes are sent once more, because a person says so.

Voucher purchases looked at by a person: lists, what needs somebody, and the dashboard.
"""

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
    """No order with a voucher package in it has that number."""

    status = HTTPStatus.NOT_FOUND


class SpanTooLong(Refused):
    """A curve would have more points than anybody can read."""


@dataclass(frozen=True, slots=True)
class PurchaseDelivery:
    """How a purchase's codes reach the buyer: what was tried, and every attempt."""

    purchase: PurchaseView
    deliveries: Sequence[Delivery]
    attempts: Sequence[VoucherDeliveryAttempt]


@dataclass(frozen=True, slots=True)
class FailedPurchases:
    """Purchases that need somebody: how many there are, and a page of them with what waits."""

    total: int
    purchases: Sequence[PurchaseView]
    waiting: Sequence[WaitingVoucher]


@dataclass(frozen=True, slots=True)
class DashboardFilter:
    """What a dashboard is to show. Steps are the zone's; without an event it shows them all."""

    span: TimeSpan
    step: TimeStep
    zone: tzinfo
    event_id: int | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """How selling vouchers goes: the purchases placed or paid in a span, and what waits now."""

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
    """How many purchases there are of those asked for, and a page of them."""
    with database.transaction() as connection:
        found = purchase_queries.list_purchases(
            connection, purchase_filter, limit=limit, offset=offset
        )
        return purchase_queries.count_purchases(connection, purchase_filter), found


def get_purchase_delivery(database: Database, order_id: int) -> PurchaseDelivery:
    """How a purchase's codes reach the buyer. Raises UnknownPurchase."""
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
    """What is said of a number that no purchase has."""
    return UnknownPurchase(
        f"no purchase of vouchers has the number {order_id}; GET /voucher/api/payments lists them"
    )


def list_failed_purchases(
    database: Database, event_id: int | None, *, limit: int, offset: int
) -> FailedPurchases:
    """What somebody has to look at."""
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
    """All figures, as of one moment. Raises SpanTooLong."""
    begun = _step_starts(dashboard_filter)
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
            trend=[known.get(begins, TrendPoint(begins)) for begins in begun],
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
            f"more than {MAX_POINTS} {dashboard_filter.step}s: ask for days, or for less"
        )
    return list(
        iter_steps(span.begins_at, span.ends_at, dashboard_filter.step, dashboard_filter.zone)
    )


class NothingToSend(Refused):
    """A purchase's codes cannot be sent, or are being sent; the message says what helps."""

    status = HTTPStatus.CONFLICT


def resend_codes(database: Database, order_id: int, *, at: datetime, by: str) -> PurchaseDelivery:
    """Send them at once by the channel that was tried last. Raises UnknownPurchase.

    What waits to be sent anyway is only brought forward; what a vendor has taken goes once more.
    """
    known = get_purchase_delivery(database, order_id)
    by_channel = [one for one in known.deliveries if one.channel is not Channel.LINK]
    if not by_channel:
        _check_sendable(known)
        return known
    try:
        admin.resend_delivery(database, by_channel[-1].id, at=at, by=by)
    except Refused as why:  # it is being sent at this moment
        raise NothingToSend(f"{known.purchase.code}: {why}") from why
    return get_purchase_delivery(database, order_id)


def _check_sendable(known: PurchaseDelivery) -> None:
    """Raises NothingToSend unless the message waits for somebody to take it."""
    purchase = known.purchase
    if known.deliveries:
        raise NothingToSend(
            f"the buyer of {purchase.code} can be reached by no channel; hand on the order's page"
        )
    if purchase.state is not PurchaseState.COMPLETED:
        raise NothingToSend(
            f"{purchase.code} is {purchase.state},"
            f" with {purchase.provisioned} of {purchase.ordered}"
            f" vouchers: POST /voucher/api/regenerate-voucher/{purchase.id} when it is paid"
        )
