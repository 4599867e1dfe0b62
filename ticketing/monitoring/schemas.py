"""JSON schemas of voucher purchases, as the queries return them. Amounts are whole rupiah."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.orders.order import OrderState
from ticketing.platform.http.envelope import ResponseModel
from ticketing.platform.http.fields import (
    EventId,
    OrderCode,
    PageLimit,
    PageOffset,
    PurchaseId,
    TotalCount,
)
from ticketing.vouchers.model import PurchaseState, VoucherState

PurchaseStatus = Annotated[
    PurchaseState,
    Field(
        description="`pending`: unpaid, or its vouchers are not all created; `completed`; `failed`:"
        " never paid; `voucher_generation_failed`: paid, and retries have ended."
    ),
]
LatestDelivery = Annotated[
    DeliveryState | None,
    Field(description="State of the latest message with the codes; null before there is one."),
]
DeliveryStatus = Annotated[
    DeliveryState,
    Field(
        description="`queued`, `claimed` while it is sent, `error` to be retried, `unknown` if it"
        " may have been sent, `sent` to the provider, `failed`, `delivered` or `read`."
    ),
]
DeliveryChannel = Annotated[
    Channel, Field(description="`whatsapp`, `mail`, or `link`, which staff hand on.")
]
Address = Annotated[
    str, Field(repr=False, description="Phone number, or e-mail address if the channel is mail.")
]


class PurchasedPackageResponse(ResponseModel):
    """A package and its quantity."""

    code: str
    """The package's code, as in `5k`."""
    name: str
    """Name of the package."""
    profile: str
    """The user profile on the router, which limits bandwidth and devices."""
    quantity: int
    """Number of ordered vouchers."""


class PurchaseSummaryResponse(ResponseModel):
    """A purchase; `provisioned` of its `quantity` vouchers were created on a router."""

    purchase_id: PurchaseId
    code: OrderCode
    event_id: EventId
    status: PurchaseStatus
    order_status: OrderState
    """State of the order: `pending`, `paid`, `cancelled` or `expired`."""
    customer_name: str
    """The buyer's name; empty until it is set."""
    customer_phone: Annotated[
        str, Field(repr=False, description="The buyer's phone number; empty without one.")
    ]
    packages: list[PurchasedPackageResponse]
    """The ordered packages."""
    quantity: int
    """Number of ordered vouchers."""
    provisioned: int
    """Number of vouchers that were created on a router."""
    amount: int
    """Amount to be paid in rupiah."""
    refunded: int
    """Amount refunded so far in rupiah."""
    delivery: LatestDelivery
    created_at: datetime
    """When the order was placed, ISO 8601 in UTC."""
    paid_at: datetime | None
    """When the order was paid, ISO 8601 in UTC; null until then."""


class _PageResponse(ResponseModel):
    total_count: TotalCount
    limit: PageLimit
    offset: PageOffset


class PurchasePageResponse(_PageResponse):
    """A page of purchases, newest first, and their total number."""

    payments: list[PurchaseSummaryResponse]
    """The purchases of this page."""


class PurchaseDeliveryResponse(ResponseModel):
    """A delivery of the codes by one channel."""

    delivery_id: int
    """The delivery's id, as in the command line."""
    channel: DeliveryChannel
    phone: Address
    status: DeliveryStatus
    tries: int
    """Number of attempts so far."""
    queued_at: datetime
    """When the message was queued, ISO 8601 in UTC."""
    next_try: datetime | None
    """When it is sent next, ISO 8601 in UTC; null if no attempt is planned."""
    error_message: str
    """The last failure; empty for none."""


class DeliveryAttemptResponse(ResponseModel):
    """An attempt to deliver the codes; `phone` holds the e-mail address if the channel is mail."""

    id: int
    """The attempt's id."""
    purchase_id: PurchaseId
    channel: DeliveryChannel
    phone: Address
    status: DeliveryStatus
    error_message: str
    """Why the attempt failed; empty if it did not."""
    created_at: datetime
    """When the attempt was made, ISO 8601 in UTC."""


class DeliveryStatusResponse(ResponseModel):
    """Deliveries of a purchase's codes, and all attempts, newest first."""

    purchase_id: PurchaseId
    code: OrderCode
    status: PurchaseStatus
    delivery: LatestDelivery
    deliveries: list[PurchaseDeliveryResponse]
    """One for each channel that was tried, oldest first."""
    logs: list[DeliveryAttemptResponse]
    """Every attempt, newest first."""


class DeliveryLogPageResponse(_PageResponse):
    """A page of attempts to deliver voucher codes, newest first, and their total number."""

    logs: list[DeliveryAttemptResponse]
    """The attempts of this page."""


class WaitingVoucherResponse(ResponseModel):
    """A paid voucher that is not on its router."""

    key: str
    """Our key of the voucher."""
    status: VoucherState
    """`pending` is to be created on the router; of `provisioning` the router's answer is not known.
    """
    router: str
    """Name of the router."""
    tries: int
    """Number of attempts so far."""
    next_try: datetime | None
    """When it is tried next, ISO 8601 in UTC; null if no attempt is planned."""
    gave_up_at: datetime | None
    """When automatic retries ended, ISO 8601 in UTC; null while they go on."""
    error_message: str
    """The last failure; empty for none."""


class FailedPurchaseResponse(PurchaseSummaryResponse):
    """A purchase that needs attention, with its missing vouchers."""

    vouchers: list[WaitingVoucherResponse]
    """The vouchers that are not on their router; empty if only the message failed."""


class FailedPurchasePageResponse(_PageResponse):
    """A page of purchases that need attention, newest first, and their total number."""

    purchases: list[FailedPurchaseResponse]
    """The purchases of this page."""
