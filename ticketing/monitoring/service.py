"""Voucher purchases for operators: lists, failures, dashboard, and resending of codes."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from http import HTTPStatus

from sqlalchemy import Connection

from ticketing.monitoring import dashboard_queries, failure_queries, purchase_queries, trend_queries
from ticketing.monitoring.rates import VOUCHER_LOST_AFTER
from ticketing.monitoring.schemas import (
    DeliveryLogPageResponse,
    DeliveryStatusResponse,
    FailedPurchasePageResponse,
    FailedPurchaseResponse,
    PurchaseSummaryResponse,
)
from ticketing.monitoring.schemas_dashboard import (
    BreakerState,
    DashboardResponse,
    RouterStatusResponse,
    TrendPointResponse,
    WaitingResponse,
)
from ticketing.notifications import admin
from ticketing.notifications.delivery import Channel
from ticketing.orders.order import OrderState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Refused
from ticketing.platform.kernel.time_span import TimeSpan, TimeStep, iter_steps
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers.model import PurchaseState, VoucherState
from ticketing.vouchers.provisioning.retry_policy import is_request_allowed

MAX_POINTS = 1000


class UnknownPurchase(Refused):
    """No order with a voucher package has this id."""

    status = HTTPStatus.NOT_FOUND


class SpanTooLong(Refused):
    """The requested trend has too many points."""


@dataclass(frozen=True, slots=True)
class DashboardFilter:
    """Filter of a dashboard. Steps are in `zone`; without an event all are included."""

    span: TimeSpan
    step: TimeStep
    zone: tzinfo
    event_id: int | None = None


def get_purchase_delivery(database: Database, order_id: int) -> DeliveryStatusResponse:
    """Return the deliveries of a purchase's codes; raise UnknownPurchase."""
    with database.transaction() as connection:
        return _list_deliveries(connection, _get_purchase(connection, order_id))


def list_delivery_log(
    database: Database, event_id: int | None, *, limit: int, offset: int
) -> DeliveryLogPageResponse:
    """Return the attempts to deliver voucher codes, newest first."""
    with database.transaction() as connection:
        total, logs = failure_queries.list_delivery_log(
            connection, event_id, limit=limit, offset=offset
        )
    return DeliveryLogPageResponse(total_count=total, limit=limit, offset=offset, logs=logs)


def _get_purchase(connection: Connection, order_id: int) -> PurchaseSummaryResponse:
    purchase = purchase_queries.find_by_order(connection, order_id)
    if purchase is None:
        raise UnknownPurchase(
            f"there is no voucher purchase {order_id}; GET /voucher/api/payments lists them"
        )
    return purchase


def _list_deliveries(
    connection: Connection, purchase: PurchaseSummaryResponse
) -> DeliveryStatusResponse:
    return DeliveryStatusResponse(
        purchase_id=purchase.purchase_id,
        code=purchase.code,
        status=purchase.status,
        delivery=purchase.delivery,
        deliveries=failure_queries.list_purchase_deliveries(connection, purchase.code),
        logs=failure_queries.list_attempts(connection, purchase.purchase_id),
    )


def list_failed_purchases(
    database: Database, event_id: int | None, *, limit: int, offset: int
) -> FailedPurchasePageResponse:
    """Return the purchases that need attention, each with its missing vouchers."""
    with database.transaction() as connection:
        total, found = failure_queries.list_failed_purchases(
            connection, event_id, limit=limit, offset=offset
        )
        waiting = failure_queries.list_waiting_vouchers(
            connection, [purchase.purchase_id for purchase in found]
        )
    return FailedPurchasePageResponse(
        total_count=total,
        limit=limit,
        offset=offset,
        purchases=[
            FailedPurchaseResponse(**dict(one), vouchers=waiting.get(one.purchase_id, []))
            for one in found
        ],
    )


def build_dashboard(
    database: Database, dashboard_filter: DashboardFilter, *, at: datetime
) -> DashboardResponse:
    """Return all figures at one instant; raise SpanTooLong."""
    step_starts = _step_starts(dashboard_filter)
    event_id, span = dashboard_filter.event_id, dashboard_filter.span
    with database.transaction() as connection:
        known = trend_queries.list_trend_points(
            connection, event_id, span, dashboard_filter.step, dashboard_filter.zone
        )
        trend = [known.get(begins, TrendPointResponse(at=begins)) for begins in step_starts]
        on_routers = dashboard_queries.count_vouchers_by_router(connection, event_id)
        return DashboardResponse(
            at=at,
            begins_at=span.begins_at,
            to=span.ends_at,
            step=dashboard_filter.step,
            revenue=sum(point.revenue for point in trend),
            purchases=dashboard_queries.list_purchase_totals(connection, event_id, span),
            packages=dashboard_queries.list_package_sales(connection, event_id, span),
            rates=dashboard_queries.get_fulfilment_stats(
                connection, event_id, span, due_before=at - VOUCHER_LOST_AFTER
            ),
            manual_intervention=trend_queries.count_interventions(connection, span),
            waiting=WaitingResponse(
                vouchers=dashboard_queries.count_waiting_for_routers(connection, event_id),
                messages=dashboard_queries.count_waiting_for_channels(connection, event_id),
            ),
            vouchers={
                state: sum(number for (_, of), number in on_routers.items() if of is state)
                for state in VoucherState
            },
            deliveries=dashboard_queries.count_messages_by_state(connection, event_id),
            routers=[
                _to_router_response(
                    one, {state: on_routers[one.id, state] for state in VoucherState}, at=at
                )
                for one in router_queries.list_all(connection)
            ],
            trend=trend,
        )


def _to_router_response(
    one: StoredRouter, vouchers: dict[VoucherState, int], *, at: datetime
) -> RouterStatusResponse:
    breaker = BreakerState.CLOSED
    if one.failure_count:
        may_try = is_request_allowed(one.circuit_open_until, at=at)
        breaker = BreakerState.HALF_OPEN if may_try else BreakerState.OPEN
    return RouterStatusResponse(
        name=one.name,
        breaker=breaker,
        failures=one.failure_count,
        failing_since=one.failing_since,
        rests_until=one.circuit_open_until,
        answered_at=one.last_response_at,
        compared_at=one.reconciled_at,
        error_message=one.last_error,
        vouchers=vouchers,
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


def resend_codes(
    database: Database, order_id: int, *, at: datetime, by: str
) -> DeliveryStatusResponse:
    """Send a purchase's codes now by the channel tried last; raise UnknownPurchase.

    A queued delivery is only made due now; a message already sent is sent again.
    """
    with database.transaction() as connection:
        purchase = _get_purchase(connection, order_id)
        known = _list_deliveries(connection, purchase)
    by_channel = [one for one in known.deliveries if one.channel is not Channel.LINK]
    if not by_channel:
        _check_sendable(purchase, known)
        return known
    try:
        admin.resend_delivery(database, by_channel[-1].delivery_id, at=at, by=by)
    except Refused as why:  # it is being sent now
        raise NothingToSend(f"{purchase.code}: {why}") from why
    return get_purchase_delivery(database, order_id)


def _check_sendable(purchase: PurchaseSummaryResponse, known: DeliveryStatusResponse) -> None:
    """Raise NothingToSend unless the message is queued."""
    if known.deliveries:
        raise NothingToSend(
            f"the buyer of {purchase.code} cannot be reached by any channel; pass on the order page"
        )
    if purchase.status is not PurchaseState.COMPLETED:
        if purchase.order_status is not OrderState.PAID:
            state = purchase.order_status
            raise NothingToSend(f"{purchase.code} is not paid, the order is {state}")
        raise NothingToSend(
            f"{purchase.code} is paid, {purchase.provisioned} of {purchase.quantity} vouchers are"
            " on the router; the message follows the last one. To request the others now:"
            f" POST /voucher/api/regenerate-voucher/{purchase.purchase_id}"
        )
