"""Paying over HTTP: a page of the gateway for the buyer, and the door the gateway tells us at."""

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request

from ticketing.actions.keep_notice import keep_notice
from ticketing.actions.pay_order import pay_order
from ticketing.domain.errors import UnknownOrder
from ticketing.domain.orders import Order
from ticketing.gateways.midtrans import Account, Midtrans, SnapPage
from ticketing.web.answers import Answer, Asked, Id, Said, Success
from ticketing.web.order_doors import BY, HEADER, Opened, at_the_gateway, order_token
from ticketing.web.problems import BodyTooLarge, failures
from ticketing.web.service import Service, Serving, now, service

NOTICE_AT_MOST = 64 * 1024  # a gateway's has two or three thousand bytes
# of their own, so that a notice is kept at once whatever else is going on
NOTICES_AT_ONCE = CapacityLimiter(4)

# what any door that the gateway may be told of answers, and is sent
NOTIFICATION_FAILURES = failures(400, 403, 413, 503)
NOTIFICATION_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}

router = APIRouter(prefix="/api/payment", tags=["payment"], default_response_class=Answer)


class PaymentRequest(Asked):
    """Which order is to be paid."""

    order_id: Id


class PaymentPage(Said):
    """Where to pay: a token for Snap's script with its client key, or an address to go to."""

    token: str
    redirect_url: str
    client_key: str


class Heard(Said):
    """A notice was kept; `known` says that it had been before."""

    known: bool


@router.post(
    "/create",
    dependencies=order_token(),
    responses=failures(400, 401, 404, 409, 413, 422, 429, 502, 503),
)
async def create(
    asked: PaymentRequest, request: Request, serving: Serving, order: Opened
) -> Success[PaymentPage]:
    """A page to pay on: the same while it lives, a new one after a payment that failed."""
    if asked.order_id != order.id:
        raise UnknownOrder("the token does not open this order")
    finish = serving.address(request, f"/orders/{request.headers[HEADER].strip()}")
    page = await at_the_gateway(lambda: begin_payment(serving, order, finish_url=finish))
    client_key = serving.get(Account).client_key
    return Success(data=PaymentPage(token=page.token, redirect_url=page.url, client_key=client_key))


def begin_payment(serving: Service, order: Order, *, finish_url: str) -> SnapPage:
    """A page to pay on; afterwards the gateway sends the buyer to `finish_url`."""
    return pay_order(
        serving.database, serving.get(Midtrans), order.id, finish_url=finish_url,
        at=now(), by=BY,
    )  # fmt: skip


@router.post("/notification", responses=NOTIFICATION_FAILURES, openapi_extra=NOTIFICATION_BODY)
async def notification(request: Request) -> Success[Heard]:
    """The gateway's own door: what it signed is kept, and acted on afterwards.

    200 ends its retries; 503 while the database is away brings four; 400 and 403 what is not its.
    """
    body = await request.body()
    if len(body) > NOTICE_AT_MOST:
        raise BodyTooLarge(f"a notification has at most {NOTICE_AT_MOST} bytes")
    serving = service(request)

    def keep() -> bool:
        key = serving.get(Account).server_key
        return keep_notice(serving.database, body, server_key=key, at=now())

    is_new = await to_thread.run_sync(keep, limiter=NOTICES_AT_ONCE)
    return Success(data=Heard(known=not is_new))
