"""Buying hotspot vouchers over HTTP: one request orders them and says where to pay."""

import hashlib
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from ticketing.actions.buy_vouchers import VouchersWanted, order_vouchers, purchase
from ticketing.actions.place_order import Once, PlacedOrder
from ticketing.actions.take_order import once_under
from ticketing.actions.voucher_packages import MOST_A_PURCHASE
from ticketing.domain.errors import TicketingError, UnknownPackage, UnusableBuyer
from ticketing.domain.orders import OrderState
from ticketing.domain.vouchers import PurchaseState
from ticketing.gateways.midtrans import Account
from ticketing.signing.keys import KeyRing
from ticketing.web import payments
from ticketing.web.answers import PRIVATE, Answer, Asked, Said, Success
from ticketing.web.auth import rationed
from ticketing.web.guarded import REPLAYED
from ticketing.web.order_doors import BY, at_the_gateway
from ticketing.web.order_shapes import Line
from ticketing.web.orders import RequestKey, give_up_order
from ticketing.web.payments import PaymentPage, begin_payment
from ticketing.web.problems import QUOTED_AT_MOST, failures
from ticketing.web.service import Service, Serving, now

router = APIRouter(prefix="/voucher", tags=["vouchers"], default_response_class=Answer)


class PurchaseRequest(Asked):
    """So many vouchers of a package; they are sent to the phone, and stand on the order's page."""

    package_id: Annotated[
        str, Field(pattern="^[a-z0-9-]{1,32}$", description="A package's code, as in 5k.")
    ]
    customer_name: Annotated[str, Field(min_length=1, max_length=100, pattern=Line)]
    customer_phone: Annotated[str, Field(min_length=1, max_length=40, pattern=Line)]
    customer_email: Annotated[str, Field(max_length=254, pattern=Line)] = ""
    quantity: Annotated[int, Field(ge=1, le=MOST_A_PURCHASE, strict=True)] = 1


class PurchasePlaced(Said):
    """A purchase: its vouchers are made once it is paid.

    `payment` is where to pay, null when there is nothing to pay. `token` opens the order as
    X-Order-Token; `pageUrl` is the buyer's own page, where the codes will be.
    """

    id: int
    code: str
    status: PurchaseState
    package_id: str
    quantity: int
    total: int
    expires_at: datetime
    payment: PaymentPage | None
    token: str
    page_url: str


@router.post(
    "/purchase",
    status_code=201,
    dependencies=[Depends(rationed)],
    responses=failures(400, 409, 413, 422, 429, 502, 503),
)
async def buy(
    asked: PurchaseRequest,
    request: Request,
    response: Response,
    serving: Serving,
    request_key: RequestKey = None,
) -> Success[PurchasePlaced]:
    """Order vouchers and begin to pay for them. No voucher exists before the money is there."""
    placed, was_known = await run_in_threadpool(_ordered, serving, asked, request_key)
    page_url = serving.address(request, f"/orders/{placed.token}")
    page = await _page(serving, placed, finish_url=page_url, keeps_order=request_key is not None)
    state = await run_in_threadpool(purchase, serving.database, placed.order.id)
    response.headers.update(PRIVATE)
    if was_known:
        response.headers[REPLAYED] = "true"
    return Success(
        data=PurchasePlaced(
            id=placed.order.id,
            code=placed.order.code,
            status=state.state,
            package_id=asked.package_id,
            quantity=asked.quantity,
            total=placed.order.total.amount,
            expires_at=placed.order.expires_at,
            payment=page,
            token=placed.token,
            page_url=page_url,
        )
    )


# the same inbox: a gateway that was told this address needs no other
router.add_api_route(
    "/payment-webhook",
    payments.notification,
    methods=["POST"],
    responses=payments.NOTIFICATION_FAILURES,
    openapi_extra=payments.NOTIFICATION_BODY,
)


def _ordered(
    serving: Service, asked: PurchaseRequest, request_key: str | None
) -> tuple[PlacedOrder, bool]:
    wanted = VouchersWanted(
        asked.package_id, asked.quantity, asked.customer_name, asked.customer_phone,
        asked.customer_email,
    )  # fmt: skip
    once = _once(serving, asked, request_key)
    try:
        return order_vouchers(serving.database, wanted, once=once, at=now(), by=BY)
    except UnknownPackage as error:
        raise UnknownPackage(f"packageId: {error}", **_at("package_id", asked)) from error
    except UnusableBuyer as error:
        named = _at(f"customer_{error.details['field']}", asked)
        raise UnusableBuyer(f"{named['field']}: {error}", **named) from error


def _at(field: str, asked: PurchaseRequest) -> dict[str, object]:
    """A field as it is called here, and what was in it."""
    value = ascii(getattr(asked, field))[:QUOTED_AT_MOST]
    return {"field": PurchaseRequest.model_fields[field].alias, "value": value}


def _once(serving: Service, asked: PurchaseRequest, request_key: str | None) -> Once | None:
    if request_key is None:
        return None
    digest = hashlib.sha256(b"purchase" + asked.model_dump_json().encode()).digest()
    return once_under(serving.get(KeyRing), request_key, digest)


async def _page(
    serving: Service, placed: PlacedOrder, *, finish_url: str, keeps_order: bool
) -> PaymentPage | None:
    """Where to pay; without one, an order that nobody could ask for again is given up."""
    if placed.order.state is not OrderState.PENDING:
        return None
    try:
        page = await at_the_gateway(
            lambda: begin_payment(serving, placed.order, finish_url=finish_url)
        )
    except TicketingError:
        if not keeps_order:
            await at_the_gateway(lambda: give_up_order(serving, placed.order.id))
        raise
    return PaymentPage(
        token=page.token, redirect_url=page.url, client_key=serving.get(Account).client_key
    )
