"""JSON schemas of voucher purchases. Amounts are whole rupiah, rates 0 to 1."""

from collections import defaultdict
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ticketing.monitoring.purchase_queries import PurchaseView
from ticketing.monitoring.service import FailedPurchases, PurchaseDelivery
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
    customer_phone: str
    packages: list[PurchasedPackageResponse]
    quantity: int
    provisioned: int
    amount: int
    refunded: int
    delivery: DeliveryState | None
    created_at: datetime
    paid_at: datetime | None


class PurchasePageResponse(ResponseModel):
    """A page of purchases, newest first, and their total number."""

    total_count: int
    limit: int
    offset: int
    payments: list[PurchaseSummaryResponse]


class PurchaseDeliveryResponse(ResponseModel):
    """A delivery of the codes by one channel."""

    delivery_id: int
    channel: Channel
    phone: str
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
    phone: str
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


class FailedPurchasePageResponse(ResponseModel):
    """A page of purchases that need attention, newest first, and their total number."""

    total_count: int
    limit: int
    offset: int
    purchases: list[FailedPurchaseResponse]


def to_purchase_response(one: PurchaseView) -> PurchaseSummaryResponse:
    """Return a purchase as JSON."""
    return PurchaseSummaryResponse(**_purchase_fields(one))


def _purchase_fields(one: PurchaseView) -> dict[str, Any]:
    return {
        "purchase_id": one.id,
        "code": one.code,
        "event_id": one.event_id,
        "status": one.state,
        "order_status": one.order_state,
        "customer_name": one.buyer_name,
        "customer_phone": one.buyer_phone,
        "packages": [PurchasedPackageResponse(**bought._asdict()) for bought in one.packages],
        "quantity": one.ordered,
        "provisioned": one.provisioned,
        "amount": one.total.amount,
        "refunded": one.refunded.amount,
        "delivery": one.delivery,
        "created_at": one.created_at,
        "paid_at": one.paid_at,
    }


def to_delivery_status_response(delivery: PurchaseDelivery) -> DeliveryStatusResponse:
    """Return the deliveries of a purchase's codes as JSON."""
    purchase = delivery.purchase
    return DeliveryStatusResponse(
        purchase_id=purchase.id,
        code=purchase.code,
        status=purchase.state,
        delivery=purchase.delivery,
        deliveries=[
            PurchaseDeliveryResponse(
                delivery_id=one.id,
                channel=one.channel,
                phone=one.address,
                status=one.state,
                tries=one.attempt_count,
                queued_at=one.queued_at,
                next_try=one.next_attempt_at,
                error_message=one.last_error,
            )
            for one in delivery.deliveries
        ],
        logs=[DeliveryAttemptResponse(**asdict(attempt)) for attempt in delivery.attempts],
    )


def to_failed_purchases_response(
    found: FailedPurchases, *, limit: int, offset: int
) -> FailedPurchasePageResponse:
    """Return the purchases that need attention as JSON."""
    waiting: dict[int, list[WaitingVoucherResponse]] = defaultdict(list)
    for one in found.waiting:
        waiting[one.purchase_id].append(
            WaitingVoucherResponse(
                key=one.key,
                status=one.state,
                router=one.router,
                tries=one.attempt_count,
                next_try=one.next_attempt_at,
                gave_up_at=one.failed_at,
                error_message=one.last_error,
            )
        )
    return FailedPurchasePageResponse(
        total_count=found.total,
        limit=limit,
        offset=offset,
        purchases=[
            FailedPurchaseResponse(**_purchase_fields(one), vouchers=waiting[one.id])
            for one in found.purchases
        ],
    )
