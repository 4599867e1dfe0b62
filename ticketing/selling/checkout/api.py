"""HTTP API of orders: ticket types on sale, placing an order, and operations with its token."""

import hashlib
from collections.abc import Callable
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Query, Request, Response

from ticketing.access.authenticated_route import REPLAYED_HEADER
from ticketing.access.public_json import public_json_router
from ticketing.catalogue.payment_plans import list_offered_plans
from ticketing.catalogue.ticket_types import list_types_on_sale
from ticketing.crypto.keyring import KeyRing
from ticketing.events.cache import EventCache
from ticketing.events.queries import get_event
from ticketing.orders.holds import HoldLimits
from ticketing.orders.order import Selection
from ticketing.orders.place_guest import Place
from ticketing.platform.http.client_language import client_language
from ticketing.platform.http.client_network import client_network
from ticketing.platform.http.envelope import (
    NO_STORE_HEADERS,
    AsciiJSONResponse,
    EventInPath,
    RequestModel,
    SuccessResponse,
)
from ticketing.platform.http.errors import GoneElsewhere, error_responses
from ticketing.platform.http.fields import OrderIdInPath
from ticketing.platform.http.services import Services, ServicesDependency, now, run_gateway_call
from ticketing.selling.checkout.api_auth import (
    BUYER_ACTOR,
    ORDER_TOKEN_HEADER,
    OrderMatchingPath,
    OrdersFromHeader,
    order_token_security,
    refuse_other_buyer,
)
from ticketing.selling.checkout.buyer_input import parse_buyer, parse_guest
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.order_view_queries import get_order_view
from ticketing.selling.checkout.place_order import OrderIdempotency
from ticketing.selling.checkout.place_order_once import (
    OrderRequest,
    idempotency_from_key,
    place_order_once,
)
from ticketing.selling.checkout.request_schemas import (
    BuyerDetails,
    IdempotencyKeyHeader,
    PlaceOrderRequest,
    SetGuestsRequest,
    parse_guests,
)
from ticketing.selling.checkout.schemas import (
    OrderResponse,
    PaymentPlanResponse,
    PlacedOrderResponse,
    TicketTypeResponse,
    to_order_response,
)
from ticketing.selling.checkout.set_buyer import set_order_buyer
from ticketing.selling.checkout.set_guests import GuestChange, set_order_guests
from ticketing.selling.payments.expire_checkout_sessions import expire_order_sessions
from ticketing.selling.payments.midtrans.client import Midtrans

public_router = public_json_router("/api", "orders", 404)
order_router = APIRouter(
    prefix="/api/orders/{order_id:int}",
    tags=["orders"],
    default_response_class=AsciiJSONResponse,
    dependencies=order_token_security(),
    responses=error_responses(401, 404, 422, 429, 503),
)

# Orders wait here and do not occupy the threads of other requests. More threads sell no faster:
# places of one type are sold one after another, and waiting in PostgreSQL costs it work.
_PLACE_ORDER_LIMITER = CapacityLimiter(4)

OrderResponder = Callable[[int], SuccessResponse[OrderResponse]]


async def order_responder(
    request: Request, response: Response, services: ServicesDependency
) -> OrderResponder:
    """Return a function that builds the response for an order and forbids caching."""

    def show_order(order_id: int) -> SuccessResponse[OrderResponse]:
        response.headers.update(NO_STORE_HEADERS)
        return SuccessResponse(
            data=to_order_response(get_order_view(services.database, order_id), services, request)
        )

    return show_order


InjectedOrderResponder = Annotated[OrderResponder, Depends(order_responder)]


@public_router.get("/events/{event}/ticket-types")
def ticket_types(
    event: EventInPath, services: ServicesDependency
) -> SuccessResponse[list[TicketTypeResponse]]:
    """List the ticket types on sale for an event, with the places left."""
    offers = list_types_on_sale(
        services.database, get_event(services.database, event), services.get(HoldLimits)
    )
    return SuccessResponse(data=[TicketTypeResponse.model_validate(offer) for offer in offers])


@public_router.get("/events/{event}/payment-plans")
def payment_plans(
    event: EventInPath, services: ServicesDependency
) -> SuccessResponse[list[PaymentPlanResponse]]:
    """List the payment plans that an event offers."""
    plans = list_offered_plans(services.database, get_event(services.database, event))
    return SuccessResponse(data=[PaymentPlanResponse.model_validate(plan) for plan in plans])


@public_router.post(
    "/orders",
    status_code=201,
    response_model=SuccessResponse[PlacedOrderResponse],
    responses=error_responses(400, 409, 413),
)
async def place(
    body: PlaceOrderRequest,
    request: Request,
    services: ServicesDependency,
    request_key: IdempotencyKeyHeader = None,
) -> AsciiJSONResponse:
    """Reserve places for the event's period; for ten minutes as long as the order has no buyer.

    409 `sold_out` reports how many are left; 409 `limit_exceeded` the limit, and how many unpaid
    places the address or contact holds and until when.
    """

    def place_and_respond() -> AsciiJSONResponse:
        return _place_order(body, request, services, request_key)

    return await to_thread.run_sync(place_and_respond, limiter=_PLACE_ORDER_LIMITER)


def _place_order(
    body: PlaceOrderRequest, request: Request, services: Services, request_key: str | None
) -> AsciiJSONResponse:
    event = services.get(EventCache).get(str(body.event_id))
    buyer = parse_buyer(event, **dict(body.buyer)) if body.buyer else None
    selections = [Selection(each.ticket_type_id, each.quantity) for each in body.ticket_selections]
    placed, was_known = place_order_once(
        services.database,
        event,
        OrderRequest(
            selections, buyer, body.promo_code, body.payment_plan,
            parse_guests(event, body.ticket_selections),
            client_network=client_network(request),
            locale=body.locale or client_language(request),
        ),
        idempotency=order_idempotency(services, request_key, body),
        holds=services.get(HoldLimits),
        at=now(),
        by=BUYER_ACTOR,
    )  # fmt: skip
    view = placed.view or get_order_view(services.database, placed.order.id)
    order = to_order_response(view, services, request)
    page_url = services.absolute_url(request, f"/orders/{placed.token}")
    data = PlacedOrderResponse(**dict(order), token=placed.token, page_url=page_url)
    # serialised here, in this thread: FastAPI would use another one to validate it again
    return AsciiJSONResponse(
        SuccessResponse[PlacedOrderResponse](data=data).model_dump(mode="json", by_alias=True),
        status_code=201,
        headers=NO_STORE_HEADERS | ({REPLAYED_HEADER: "true"} if was_known else {}),
    )


def order_idempotency(
    services: Services,
    request_key: str | None,
    body: RequestModel,
    *,
    prefix: bytes = b"",
) -> OrderIdempotency | None:
    """Return the idempotency of a request with this body; None without a key.

    Fields that the request leaves out do not count, so that new ones change no digest.
    """
    if request_key is None:
        return None
    content = prefix + body.model_dump_json(exclude_unset=True).encode()
    return idempotency_from_key(
        services.get(KeyRing), request_key, hashlib.sha256(content).digest()
    )


@public_router.get("/orders", dependencies=order_token_security(), responses=error_responses(401))
def list_my_orders(
    orders: OrdersFromHeader,
    show_order: InjectedOrderResponder,
    _: Annotated[str, Query(alias="mine", description="Ignored: there is no other list.")] = "",
) -> SuccessResponse[list[OrderResponse]]:
    """List the orders of the tokens in the header, separated by commas."""
    return SuccessResponse(data=[show_order(order.id).data for order in orders])


@order_router.get("")
def show(
    order: OrderMatchingPath, show_order: InjectedOrderResponder
) -> SuccessResponse[OrderResponse]:
    """Return the order."""
    return show_order(order.id)


@order_router.put("", responses=error_responses(400, 409, 413))
def set_buyer(
    body: BuyerDetails,
    request: Request,
    services: ServicesDependency,
    order: OrderMatchingPath,
    show_order: InjectedOrderResponder,
) -> SuccessResponse[OrderResponse]:
    """Set the buyer, any number of times before payment. A free order is paid by it."""
    refuse_other_buyer(order, request.headers.get(ORDER_TOKEN_HEADER, ""))
    buyer = parse_buyer(get_event(services.database, str(order.event_id)), **body.model_dump())
    set_order_buyer(
        services.database, order.id, buyer=buyer, at=now(), by=BUYER_ACTOR,
        holds=services.get(HoldLimits),
    )  # fmt: skip
    return show_order(order.id)


@order_router.put("/guests", responses=error_responses(400, 409, 413))
def set_guests(
    body: SetGuestsRequest,
    services: ServicesDependency,
    order: OrderMatchingPath,
    show_order: InjectedOrderResponder,
) -> SuccessResponse[OrderResponse]:
    """Set the guests of some places, until the event's deadline.

    After payment the tickets are rendered again with the new names. A free order that only waits
    for required names is paid by it.
    """
    event = get_event(services.database, str(order.event_id))
    given = [
        parse_guest(
            event,
            Place(guest.ticket_type_id, guest.number),
            name=guest.name,
            email=guest.email,
            answers=guest.answers,
        )
        for guest in body.guests
    ]
    set_order_guests(
        services.database, services.get(KeyRing), order.id, given, GuestChange(BUYER_ACTOR, now())
    )
    return show_order(order.id)


@order_router.post("/cancel", responses=error_responses(409))
async def cancel(
    services: ServicesDependency, order: OrderMatchingPath, show_order: InjectedOrderResponder
) -> SuccessResponse[OrderResponse]:
    """Cancel the order and release its places. Safe to repeat; a paid order is refunded instead."""

    def cancel_and_respond() -> SuccessResponse[OrderResponse]:
        cancel_order_and_sessions(services, order.id)
        return show_order(order.id)

    return await run_gateway_call(cancel_and_respond)


def cancel_order_and_sessions(services: Services, order_id: int, *, by: str = BUYER_ACTOR) -> None:
    """Cancel an order, then close its checkout sessions if the gateway allows it now."""
    at = now()
    cancel_order(services.database, order_id, at=at, by=by)
    expire_order_sessions(services.database, services.get(Midtrans), order_id, at=at, by=by)


@public_router.put("/orders/{order_id:int}/pay", responses=error_responses(410))
def pay(order_id: OrderIdInPath) -> None:
    """Removed: use `POST /api/payment/create`."""
    instead = "POST /api/payment/create"
    raise GoneElsewhere(f"orders are paid through {instead}", order_id=order_id, instead=instead)
