"""JSON schemas of the voucher dashboard. Amounts are whole rupiah, rates 0 to 1."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from ticketing.monitoring.dashboard_queries import RouterVoucherCount, WaitingSummary
from ticketing.monitoring.service import Dashboard, DashboardFilter
from ticketing.notifications.delivery import DeliveryState
from ticketing.platform.http.envelope import ResponseModel
from ticketing.platform.kernel.time_span import TimeStep
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers.model import PurchaseState, VoucherState
from ticketing.vouchers.provisioning.retry_policy import is_request_allowed


class PurchaseStateResponse(ResponseModel):
    """Number and amounts of purchases placed in the span."""

    purchases: int = 0
    vouchers: int = 0
    total: int = 0
    refunded: int = 0


class PackageSalesResponse(ResponseModel):
    """Paid sales of a package; `gross` is before discounts and refunds."""

    package_id: str
    name: str
    profile: str
    purchases: int
    vouchers: int
    gross: int


class TrendPointResponse(ResponseModel):
    """One step of the trend: paid purchases, created vouchers, failed attempts."""

    at: datetime
    purchases: int
    revenue: int
    vouchers_made: int
    failed_tries: int


class WaitingSummaryResponse(ResponseModel):
    """Number of waiting items and the time since which the oldest waits."""

    count: int
    oldest_at: datetime | None


class WaitingResponse(ResponseModel):
    """Vouchers that wait for a router, and ready messages that wait for a channel."""

    vouchers: WaitingSummaryResponse
    messages: WaitingSummaryResponse


class BreakerState(StrEnum):
    """State of a router's circuit breaker; half open allows one trial call."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class RouterStatusResponse(ResponseModel):
    """A router with its circuit breaker and the number of its vouchers by state."""

    name: str
    breaker: BreakerState
    failures: int
    failing_since: datetime | None
    rests_until: datetime | None
    answered_at: datetime | None
    compared_at: datetime | None
    error_message: str
    vouchers: dict[VoucherState, int]


class InterventionStatsResponse(ResponseModel):
    """Manual and automatic resolutions; `level` is the manual share, null if there were none."""

    by_person: int
    by_itself: int
    level: float | None


class FulfilmentStatsResponse(ResponseModel):
    """Fulfilment of paid purchases. A rate is null if its denominator is 0.

    Vouchers of purchases paid more than 15 minutes ago are due; of these, lost ones were never
    delivered. Of the ready purchases, received are those whose message was accepted.
    """

    due_vouchers: int
    lost_vouchers: int
    voucher_loss_rate: float | None
    ready_purchases: int
    received_purchases: int
    delivery_rate: float | None


class DashboardResponse(ResponseModel):
    """The dashboard. `purchases` counts those placed in the span, `revenue` those paid in it.

    `waiting`, `vouchers`, `deliveries` and `routers` are current.
    """

    at: datetime
    begins_at: Annotated[datetime, Field(alias="from")]
    to: datetime
    step: TimeStep
    revenue: int
    purchases: dict[PurchaseState, PurchaseStateResponse]
    packages: list[PackageSalesResponse]
    rates: FulfilmentStatsResponse
    manual_intervention: InterventionStatsResponse
    waiting: WaitingResponse
    vouchers: dict[VoucherState, int]
    deliveries: dict[DeliveryState, int]
    routers: list[RouterStatusResponse]
    trend: list[TrendPointResponse]


def to_dashboard_response(
    dashboard: Dashboard, dashboard_filter: DashboardFilter, *, at: datetime
) -> DashboardResponse:
    """Return the dashboard as JSON; every state is present, also with 0."""
    rates, repairs = dashboard.fulfilment, dashboard.interventions
    return DashboardResponse(
        at=at,
        begins_at=dashboard_filter.span.begins_at,
        to=dashboard_filter.span.ends_at,
        step=dashboard_filter.step,
        revenue=sum(point.revenue for point in dashboard.trend),
        purchases={state: PurchaseStateResponse() for state in PurchaseState}
        | {
            one.state: PurchaseStateResponse(
                purchases=one.purchases,
                vouchers=one.vouchers,
                total=one.total,
                refunded=one.refunded,
            )
            for one in dashboard.purchases_by_state
        },
        packages=[
            PackageSalesResponse(
                package_id=one.code,
                name=one.name,
                profile=one.profile,
                purchases=one.purchases,
                vouchers=one.vouchers,
                gross=one.gross,
            )
            for one in dashboard.package_sales
        ],
        rates=FulfilmentStatsResponse(
            due_vouchers=rates.due,
            lost_vouchers=rates.lost,
            voucher_loss_rate=rates.loss_rate,
            ready_purchases=rates.ready,
            received_purchases=rates.received,
            delivery_rate=rates.delivery_rate,
        ),
        manual_intervention=InterventionStatsResponse(
            by_person=repairs.manual,
            by_itself=repairs.automatic,
            level=repairs.manual_intervention_rate,
        ),
        waiting=WaitingResponse(
            vouchers=_to_waiting_response(dashboard.waiting_for_routers),
            messages=_to_waiting_response(dashboard.waiting_for_channels),
        ),
        vouchers={
            state: sum(one.vouchers for one in dashboard.vouchers_by_router if one.state is state)
            for state in VoucherState
        },
        deliveries={state: dashboard.messages_by_state.get(state, 0) for state in DeliveryState},
        routers=[
            _to_router_response(one, dashboard.vouchers_by_router, at=at)
            for one in dashboard.routers
        ],
        trend=[
            TrendPointResponse(
                at=point.at,
                purchases=point.purchases,
                revenue=point.revenue,
                vouchers_made=point.made,
                failed_tries=point.failed_tries,
            )
            for point in dashboard.trend
        ],
    )


def _to_waiting_response(waiting: WaitingSummary) -> WaitingSummaryResponse:
    return WaitingSummaryResponse(count=waiting.waiting, oldest_at=waiting.oldest)


def _to_router_response(
    one: StoredRouter, on_routers: Sequence[RouterVoucherCount], *, at: datetime
) -> RouterStatusResponse:
    has = {each.state: each.vouchers for each in on_routers if each.router_id == one.id}
    return RouterStatusResponse(
        name=one.name,
        breaker=_breaker_state(one, at=at),
        failures=one.failure_count,
        failing_since=one.failing_since,
        rests_until=one.circuit_open_until,
        answered_at=one.last_response_at,
        compared_at=one.reconciled_at,
        error_message=one.last_error,
        vouchers={state: has.get(state, 0) for state in VoucherState},
    )


def _breaker_state(one: StoredRouter, *, at: datetime) -> BreakerState:
    if not one.failure_count:
        return BreakerState.CLOSED
    return (
        BreakerState.HALF_OPEN
        if is_request_allowed(one.circuit_open_until, at=at)
        else BreakerState.OPEN
    )
