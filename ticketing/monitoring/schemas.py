"""JSON schemas of voucher purchases, as the queries return them. Amounts are whole rupiah."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.orders.order import OrderState
from ticketing.platform.http.envelope import ResponseModel
from ticketing.vouchers.model import PurchaseState, VoucherState


class PurchasedPackageResponse(ResponseModel):
    """A package and its quantity."""

    code: str
    name: str
    profile: str
    quantity: int


class PurchaseSummaryResponse(ResponseModel):
    """A purchase; `provisioned` of its `quantity` vouchers were created on a router."""

    purchase_id: int
    code: str
    event_id: int
    status: PurchaseState
    order_status: OrderState
    customer_name: str
    customer_phone: Annotated[str, Field(repr=False)]
    packages: list[PurchasedPackageResponse]
    quantity: int
    provisioned: int
    amount: int
    refunded: int
    delivery: DeliveryState | None
    created_at: datetime
    paid_at: datetime | None


class _PageResponse(ResponseModel):
    total_count: int
    limit: int
    offset: int


class PurchasePageResponse(_PageResponse):
    """A page of purchases, newest first, and their total number."""

    payments: list[PurchaseSummaryResponse]


class PurchaseDeliveryResponse(ResponseModel):
    """A delivery of the codes by one channel."""

    delivery_id: int
    channel: Channel
    phone: Annotated[str, Field(repr=False)]
    status: DeliveryState
    tries: int
    queued_at: datetime
    next_try: datetime | None
    error_message: str


class DeliveryAttemptResponse(ResponseModel):
    """An attempt to deliver the codes; `phone` holds the e-mail address if the channel is mail."""

    id: int
    purchase_id: int
    channel: Channel
    phone: Annotated[str, Field(repr=False)]
    status: DeliveryState
    error_message: str
    created_at: datetime


class DeliveryStatusResponse(ResponseModel):
    """Deliveries of a purchase's codes, and all attempts, newest first."""

    purchase_id: int
    code: str
    status: PurchaseState
    delivery: DeliveryState | None
    deliveries: list[PurchaseDeliveryResponse]
    logs: list[DeliveryAttemptResponse]


class WaitingVoucherResponse(ResponseModel):
    """A paid voucher that is not on its router."""

    key: str
    status: VoucherState
    router: str
    tries: int
    next_try: datetime | None
    gave_up_at: datetime | None
    error_message: str


class FailedPurchaseResponse(PurchaseSummaryResponse):
    """A purchase that needs attention, with its missing vouchers."""

    vouchers: list[WaitingVoucherResponse]


class FailedPurchasePageResponse(_PageResponse):
    """A page of purchases that need attention, newest first, and their total number."""

    purchases: list[FailedPurchaseResponse]
