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
    """Number of purchases."""
    vouchers: int = 0
    """Number of ordered vouchers."""
    total: int = 0
    """Sum of the amounts to be paid, in rupiah."""
    refunded: int = 0
    """Sum of the refunded amounts, in rupiah."""


class PackageSalesResponse(ResponseModel):
    """Paid sales of a package; `gross` is before discounts and refunds."""

    package_id: str
    """The package's code, as in `5k`."""
    name: str
    """Name of the package."""
    profile: str
    """The user profile on the router."""
    purchases: int
    """Number of paid purchases."""
    vouchers: int
    """Number of vouchers sold."""
    gross: int
    """Revenue in rupiah, before discounts and refunds."""


class TrendPointResponse(ResponseModel):
    """One step of the trend: paid purchases, created vouchers, failed attempts."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    at: datetime
    """Start of the step, ISO 8601 with the offset of the event's time zone."""
    purchases: int = 0
    """Number of purchases paid in the step."""
    revenue: int = 0
    """Amount of the purchases paid in the step, in rupiah."""
    vouchers_made: int = 0
    """Number of vouchers created on routers in the step."""
    failed_tries: int = 0
    """Number of failed attempts to create a voucher in the step."""


class WaitingSummaryResponse(ResponseModel):
    """Number of waiting items and the time since which the oldest waits."""

    count: int
    """Number of waiting items."""
    oldest_at: datetime | None
    """Since when the oldest waits, ISO 8601 in UTC; null if none waits."""


class WaitingResponse(ResponseModel):
    """Vouchers that wait for a router, and ready messages that wait for a channel."""

    vouchers: WaitingSummaryResponse
    """Paid vouchers that are not on their router."""
    messages: WaitingSummaryResponse
    """Messages with codes that no provider has accepted yet."""


class QueueDepthResponse(ResponseModel):
    """Number of waiting and of active items."""

    waiting: int
    """Number of items that nobody works on."""
    active: int
    """Number of items in work."""
    oldest_seconds: float | None = None
    """Seconds since the longest waiting item was added; null if none waits."""


class BreakerState(StrEnum):
    """State of a router's circuit breaker; half open allows one trial call."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class RouterStatusResponse(ResponseModel):
    """A router with its circuit breaker and the number of its vouchers by state."""

    name: str
    """Name of the router."""
    breaker: BreakerState
    """Circuit breaker: `closed` allows calls, `open` none, `half_open` one trial call."""
    failures: int
    """Number of failed calls since the last successful one."""
    failing_since: datetime | None
    """When the first of them failed, ISO 8601 in UTC; null without failures."""
    rests_until: datetime | None
    """When the next call is allowed, ISO 8601 in UTC; null without failures."""
    answered_at: datetime | None
    """When the router answered last, ISO 8601 in UTC; null if it never did."""
    compared_at: datetime | None
    """When its users were last compared with the database, ISO 8601 in UTC; null if never."""
    error_message: str
    """The last failure; empty for none."""
    vouchers: dict[VoucherState, int]
    """Number of its vouchers by state; every state is present."""


class InterventionStatsResponse(ResponseModel):
    """Manual and automatic resolutions; `level` is the manual share, null if there were none."""

    by_person: int
    """Number of failures that staff resolved."""
    by_itself: int
    """Number of failures that automatic retries resolved."""
    level: float | None
    """Share of staff from 0 to 1; null if nothing failed."""


class FulfilmentStatsResponse(ResponseModel):
    """Fulfilment of paid purchases. A rate is null if its denominator is 0.

    Vouchers of purchases paid more than 15 minutes ago are due; of these, lost ones were never
    delivered. Of the ready purchases, received are those whose message was accepted.
    """

    due_vouchers: int
    """Vouchers paid more than 15 minutes ago and not refunded."""
    lost_vouchers: int
    """Due vouchers of which the buyer got no message."""
    voucher_loss_rate: float | None
    """Lost by due vouchers from 0 to 1; null without due ones."""
    ready_purchases: int
    """Purchases with a message that all vouchers are ready."""
    received_purchases: int
    """Ready purchases whose message a provider accepted."""
    delivery_rate: float | None
    """Received by ready purchases from 0 to 1; null without ready ones."""


class DashboardResponse(ResponseModel):
    """The dashboard. `purchases` counts those placed in the span, `revenue` those paid in it.

    `waiting`, `vouchers`, `deliveries` and `routers` are current.
    """

    at: datetime
    """When the figures were computed, ISO 8601 in UTC."""
    begins_at: Annotated[datetime, Field(alias="from")]
    """Start of the span, ISO 8601; included."""
    to: datetime
    """End of the span, ISO 8601; excluded."""
    step: TimeStep
    """Length of a step of the trend: `hour` or `day`."""
    revenue: int
    """Amount of the purchases paid in the span, in rupiah."""
    purchases: dict[PurchaseState, PurchaseStateResponse]
    """Purchases placed in the span by state; every state is present."""
    packages: list[PackageSalesResponse]
    """Packages paid in the span, highest revenue first."""
    rates: FulfilmentStatsResponse
    """Rates of paid vouchers that reached their buyers."""
    manual_intervention: InterventionStatsResponse
    """Numbers of failures in the span that needed staff."""
    waiting: WaitingResponse
    """What waits now."""
    vouchers: dict[VoucherState, int]
    """Number of vouchers on all routers by state, now."""
    deliveries: dict[DeliveryState, int]
    """Number of messages with codes by state, now."""
    routers: list[RouterStatusResponse]
    """Every router with its state now."""
    trend: list[TrendPointResponse]
    """The steps of the span, oldest first; those without activity have zeros."""
