"""JSON schemas of the voucher dashboard. Amounts are whole rupiah, rates 0 to 1."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from ticketing.notifications.delivery import DeliveryState
from ticketing.platform.http.envelope import ResponseModel
from ticketing.platform.kernel.time_span import TimeStep
from ticketing.vouchers.model import PurchaseState, VoucherState


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

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    at: datetime
    purchases: int = 0
    revenue: int = 0
    vouchers_made: int = 0
    failed_tries: int = 0


class WaitingSummaryResponse(ResponseModel):
    """Number of waiting items and the time since which the oldest waits."""

    count: int
    oldest_at: datetime | None


class WaitingResponse(ResponseModel):
    """Vouchers that wait for a router, and ready messages that wait for a channel."""

    vouchers: WaitingSummaryResponse
    messages: WaitingSummaryResponse


class QueueDepthResponse(ResponseModel):
    """Number of waiting and of active items."""

    waiting: int
    active: int


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
