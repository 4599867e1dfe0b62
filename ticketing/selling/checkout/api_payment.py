"""Paying over HTTP: a page of the gateway for the buyer, and the door the gateway tells us at."""

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request

from ticketing.orders.order import Order
from ticketing.platform.http.envelope import (
    AsciiJSONResponse,
    Id,
    RequestModel,
    ResponseModel,
    SuccessResponse,
)
from ticketing.platform.http.errors import BodyTooLarge, error_responses
from ticketing.platform.http.limits import run_gateway_call
from ticketing.platform.http.services import Services, ServicesDependency, get_services, now
from ticketing.platform.kernel.errors import UnknownOrder
from ticketing.selling.checkout.api_auth import (
    BUYER_ACTOR,
    ORDER_TOKEN_HEADER,
    OrderFromHeader,
    order_token_security,
)
from ticketing.selling.checkout.pay_order import pay_order
from ticketing.selling.payments.midtrans.client import CheckoutSession, Midtrans, MidtransAccount
from ticketing.selling.payments.settle import store_notification

MAX_NOTIFICATION_BYTES = 64 * 1024  # a gateway's has two or three thousand bytes
# of their own, so that a notice is kept at once whatever else is going on
NOTIFICATION_LIMITER = CapacityLimiter(4)

# what any door that the gateway may be told of answers, and is sent
NOTIFICATION_FAILURES = error_responses(400, 403, 413, 503)
NOTIFICATION_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}

router = APIRouter(
    prefix="/api/payment", tags=["payment"], default_response_class=AsciiJSONResponse
)


class PaymentRequest(RequestModel):
    """Which order is to be paid."""

    order_id: Id


class CheckoutSessionResponse(ResponseModel):
    """Where to pay: a token for Snap's script with its client key, or an address to go to."""

    token: str
    redirect_url: str
    client_key: str


class NotificationResponse(ResponseModel):
    """A notice was kept; `known` says that it had been before."""

    known: bool


@router.post(
    "/create",
    dependencies=order_token_security(),
    responses=error_responses(400, 401, 404, 409, 413, 422, 429, 502, 503),
)
async def create(
    asked: PaymentRequest, request: Request, services: ServicesDependency, order: OrderFromHeader
) -> SuccessResponse[CheckoutSessionResponse]:
    """A page to pay on: the same while it lives, a new one after a payment that failed."""
    if asked.order_id != order.id:
        raise UnknownOrder("the token does not open this order")
    finish = services.absolute_url(
        request, f"/orders/{request.headers[ORDER_TOKEN_HEADER].strip()}"
    )
    page = await run_gateway_call(lambda: begin_payment(services, order, finish_url=finish))
    client_key = services.get(MidtransAccount).client_key
    return SuccessResponse(
        data=CheckoutSessionResponse(token=page.token, redirect_url=page.url, client_key=client_key)
    )


def begin_payment(services: Services, order: Order, *, finish_url: str) -> CheckoutSession:
    """A page to pay on; afterwards the gateway sends the buyer to `finish_url`."""
    return pay_order(
        services.database, services.get(Midtrans), order.id, finish_url=finish_url,
        at=now(), by=BUYER_ACTOR,
    )  # fmt: skip


@router.post("/notification", responses=NOTIFICATION_FAILURES, openapi_extra=NOTIFICATION_BODY)
async def receive_notification(request: Request) -> SuccessResponse[NotificationResponse]:
    """The gateway's own door: what it signed is kept, and acted on afterwards.

    200 ends its retries; 503 while the database is away brings four; 400 and 403 what is not its.
    """
    body = await request.body()
    if len(body) > MAX_NOTIFICATION_BYTES:
        raise BodyTooLarge(f"a notification has at most {MAX_NOTIFICATION_BYTES} bytes")
    serving = get_services(request)

    def keep() -> bool:
        key = serving.get(MidtransAccount).server_key
        return store_notification(serving.database, body, server_key=key, at=now())

    is_new = await to_thread.run_sync(keep, limiter=NOTIFICATION_LIMITER)
    return SuccessResponse(data=NotificationResponse(known=not is_new))
