"""HTTP API for buying hotspot vouchers: one request places the order and starts the payment."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from ticketing.access.authenticated_route import REPLAYED_HEADER
from ticketing.access.authentication import rate_limit_by_address
from ticketing.events import queries as event_queries
from ticketing.orders.holds import HoldLimits
from ticketing.orders.order import OrderState, Selection
from ticketing.platform.http.client_language import client_language
from ticketing.platform.http.client_network import client_network
from ticketing.platform.http.envelope import (
    NO_STORE_HEADERS,
    AsciiJSONResponse,
    RequestModel,
    ResponseModel,
    SuccessResponse,
    with_example,
)
from ticketing.platform.http.errors import MAX_QUOTED_LENGTH, error_responses
from ticketing.platform.http.fields import OrderCode, OrderPageUrl, OrderToken, PurchaseId
from ticketing.platform.http.services import Services, ServicesDependency, now, run_gateway_call
from ticketing.platform.kernel.errors import (
    NotOnSale,
    TicketingError,
    UnknownPackage,
    UnusableBuyer,
)
from ticketing.selling.checkout import api_payment
from ticketing.selling.checkout.api import cancel_order_and_sessions, order_idempotency
from ticketing.selling.checkout.api_auth import BUYER_ACTOR
from ticketing.selling.checkout.api_payment import CheckoutSessionResponse, begin_payment
from ticketing.selling.checkout.buyer_input import parse_buyer
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.checkout.place_order_once import OrderRequest, place_order_once
from ticketing.selling.checkout.request_schemas import (
    EmailText,
    IdempotencyKeyHeader,
    NameText,
    PhoneText,
)
from ticketing.vouchers import order_queries, package_queries
from ticketing.vouchers.model import PurchaseState
from ticketing.vouchers.packages import MAX_PER_PURCHASE

router = APIRouter(prefix="/voucher", tags=["vouchers"], default_response_class=AsciiJSONResponse)


class VoucherPurchaseRequest(RequestModel):
    """A quantity of vouchers of a package, sent to the phone and shown on the order's page."""

    model_config = with_example(
        {
            "packageId": "5k",
            "customerName": "Budi Santoso",
            "customerPhone": "0812 3456 7890",
            "quantity": 2,
        }
    )

    package_id: Annotated[
        str, Field(pattern="^[a-z0-9-]{1,32}$", description="A package's code, as in 5k.")
    ]
    customer_name: NameText
    """The buyer's name."""
    customer_phone: Annotated[PhoneText, Field(min_length=1)]
    """The phone number that gets the codes by WhatsApp."""
    customer_email: EmailText = ""
    """The buyer's e-mail address; empty without one."""
    quantity: Annotated[int, Field(ge=1, le=MAX_PER_PURCHASE, strict=True)] = 1
    """Number of vouchers."""


class VoucherPurchaseResponse(ResponseModel):
    """A purchase; its vouchers are created once it is paid.

    `payment` is the checkout session, null if the order is free. `token` is the X-Order-Token of
    the order; `pageUrl` is the buyer's page, which shows the codes.
    """

    id: PurchaseId
    code: OrderCode
    status: PurchaseState
    """`pending` until it is paid and its vouchers exist, then `completed`; else `failed`, or
    `voucher_generation_failed` after the payment."""
    package_id: str
    """The package's code."""
    quantity: int
    """Number of vouchers."""
    total: int
    """Amount to be paid in rupiah."""
    expires_at: datetime
    """When an unpaid order ends, ISO 8601 in UTC."""
    payment: CheckoutSessionResponse | None
    """The checkout session; null if nothing has to be paid."""
    token: OrderToken
    page_url: OrderPageUrl


@router.post(
    "/purchase",
    status_code=201,
    dependencies=[Depends(rate_limit_by_address)],
    responses=error_responses(400, 409, 413, 422, 429, 502, 503),
)
async def buy(
    body: VoucherPurchaseRequest,
    request: Request,
    response: Response,
    services: ServicesDependency,
    request_key: IdempotencyKeyHeader = None,
) -> SuccessResponse[VoucherPurchaseResponse]:
    """Order vouchers and start the payment. Vouchers are created after the payment only."""
    placed, was_known = await run_in_threadpool(
        _order_vouchers, services, body, request, request_key
    )
    page_url = services.absolute_url(request, f"/orders/{placed.token}")
    session = await _begin_payment_or_cancel(
        services, placed, finish_url=page_url, keeps_order=request_key is not None
    )
    order_id = placed.order.id
    progress = await run_in_threadpool(
        services.database.run, order_queries.find_purchases, [order_id]
    )
    response.headers.update(NO_STORE_HEADERS)
    if was_known:
        response.headers[REPLAYED_HEADER] = "true"
    return SuccessResponse(
        data=VoucherPurchaseResponse(
            id=order_id,
            code=placed.order.code,
            status=progress[order_id].state,
            package_id=body.package_id,
            quantity=body.quantity,
            total=placed.order.total.amount,
            expires_at=placed.order.expires_at,
            payment=session,
            token=placed.token,
            page_url=page_url,
        )
    )


# a second address of the same endpoint: the gateway can be configured with either
router.add_api_route(
    "/payment-webhook",
    api_payment.receive_notification,
    methods=["POST"],
    responses=api_payment.NOTIFICATION_FAILURES,
    openapi_extra=api_payment.NOTIFICATION_BODY,
)


def _order_vouchers(
    services: Services, body: VoucherPurchaseRequest, request: Request, request_key: str | None
) -> tuple[PlacedOrder, bool]:
    """Return the order and whether it existed already; vouchers are created after payment."""
    with _api_field_names(body), services.database.transaction() as connection:
        package = package_queries.get_by_code(connection, body.package_id)
        event = event_queries.get(connection, str(package.event_id))
    if not package.on_sale:
        raise NotOnSale(f"package {body.package_id} is not on sale any more")
    with _api_field_names(body):
        buyer = parse_buyer(
            event, name=body.customer_name, email=body.customer_email, phone=body.customer_phone
        )
    selections = [Selection(package.ticket_type_id, body.quantity)]
    wanted = OrderRequest(
        selections, buyer, client_network=client_network(request), locale=client_language(request)
    )
    idempotency = order_idempotency(services, request_key, body, prefix=b"purchase")
    return place_order_once(
        services.database, event, wanted, idempotency=idempotency,
        holds=services.get(HoldLimits), at=now(), by=BUYER_ACTOR,
    )  # fmt: skip


@contextmanager
def _api_field_names(body: VoucherPurchaseRequest) -> Iterator[None]:
    """Name the invalid field in errors as the API does."""
    try:
        yield
    except UnknownPackage as error:
        raise UnknownPackage(f"packageId: {error}", **_field_details("package_id", body)) from error
    except UnusableBuyer as error:
        named = _field_details(f"customer_{error.details['field']}", body)
        raise UnusableBuyer(f"{named['field']}: {error}", **named) from error


def _field_details(field: str, body: VoucherPurchaseRequest) -> dict[str, object]:
    """Return the field's name in the API and its value, for the error."""
    value = ascii(getattr(body, field))[:MAX_QUOTED_LENGTH]
    return {"field": VoucherPurchaseRequest.model_fields[field].alias, "value": value}


async def _begin_payment_or_cancel(
    services: Services, placed: PlacedOrder, *, finish_url: str, keeps_order: bool
) -> CheckoutSessionResponse | None:
    """Return the checkout session; on failure cancel an order that cannot be requested again."""
    if placed.order.state is not OrderState.PENDING:
        return None
    try:
        return await run_gateway_call(
            lambda: begin_payment(services, placed.order, finish_url=finish_url)
        )
    except TicketingError:
        if not keeps_order:
            await run_gateway_call(lambda: cancel_order_and_sessions(services, placed.order.id))
        raise
