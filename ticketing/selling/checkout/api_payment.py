"""HTTP API of payments: checkout sessions for buyers, and notifications of the gateway."""

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request

from ticketing.orders.order import Order
from ticketing.platform.http.envelope import (
    AsciiJSONResponse,
    Id,
    RequestModel,
    ResponseModel,
    SuccessResponse,
    with_example,
)
from ticketing.platform.http.errors import BodyTooLarge, error_responses
from ticketing.platform.http.services import (
    Services,
    ServicesDependency,
    get_services,
    now,
    run_gateway_call,
)
from ticketing.platform.kernel.errors import UnknownOrder
from ticketing.selling.checkout.api_auth import (
    BUYER_ACTOR,
    ORDER_TOKEN_HEADER,
    OrderFromHeader,
    order_token_security,
)
from ticketing.selling.checkout.pay_order import pay_order
from ticketing.selling.payments.midtrans.client import Midtrans, MidtransAccount
from ticketing.selling.payments.settle import store_notification

MAX_NOTIFICATION_BYTES = 64 * 1024  # the gateway sends two or three thousand bytes
# separate threads, so that notifications are stored at once under any load
NOTIFICATION_LIMITER = CapacityLimiter(4)

# responses and body of every endpoint that receives the gateway's notifications
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
    """The order to be paid."""

    model_config = with_example({"orderId": 4711})

    order_id: Id
    """The order's id; the token in the header must be that of this order."""


class CheckoutSessionResponse(ResponseModel):
    """A checkout session: a token for Snap's script with its client key, and an address."""

    token: str
    """Token for Snap's script."""
    redirect_url: str
    """Address of the gateway's page to pay on."""
    client_key: str
    """The gateway's public key for Snap's script."""


class NotificationResponse(ResponseModel):
    """A stored notification; `known` marks a duplicate."""

    known: bool
    """Whether the same notification was stored before."""


@router.post(
    "/create",
    dependencies=order_token_security(),
    responses=error_responses(400, 401, 404, 409, 413, 422, 429, 502, 503),
)
async def create(
    body: PaymentRequest, request: Request, services: ServicesDependency, order: OrderFromHeader
) -> SuccessResponse[CheckoutSessionResponse]:
    """Return the checkout session: the open one, or a new one after a failed payment."""
    if body.order_id != order.id:
        raise UnknownOrder("the token belongs to another order")
    finish = services.absolute_url(
        request, f"/orders/{request.headers[ORDER_TOKEN_HEADER].strip()}"
    )
    session = await run_gateway_call(lambda: begin_payment(services, order, finish_url=finish))
    return SuccessResponse(data=session)


def begin_payment(services: Services, order: Order, *, finish_url: str) -> CheckoutSessionResponse:
    """Return the checkout session of an order; the gateway redirects to `finish_url` afterwards."""
    session = pay_order(
        services.database, services.get(Midtrans), order.id, finish_url=finish_url,
        at=now(), by=BUYER_ACTOR,
    )  # fmt: skip
    client_key = services.get(MidtransAccount).client_key
    return CheckoutSessionResponse(
        token=session.token, redirect_url=session.url, client_key=client_key
    )


@router.post("/notification", responses=NOTIFICATION_FAILURES, openapi_extra=NOTIFICATION_BODY)
async def receive_notification(request: Request) -> SuccessResponse[NotificationResponse]:
    """Store a signed notification of the gateway; it is processed afterwards.

    200 ends the gateway's retries; 503 while the database is down causes four of them; 400 and 403
    answer invalid and unsigned notifications.
    """
    body = await request.body()
    if len(body) > MAX_NOTIFICATION_BYTES:
        raise BodyTooLarge(f"a notification has at most {MAX_NOTIFICATION_BYTES} bytes")
    services = get_services(request)

    def store() -> bool:
        key = services.get(MidtransAccount).server_key
        return store_notification(services.database, body, server_key=key, at=now())

    is_new = await to_thread.run_sync(store, limiter=NOTIFICATION_LIMITER)
    return SuccessResponse(data=NotificationResponse(known=not is_new))
