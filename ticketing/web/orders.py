"""Orders over HTTP: what is on sale, placing an order, and what its token lets its buyer do."""

import hashlib
from collections.abc import Callable
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from ticketing.actions.buyers import buyer_for
from ticketing.actions.cancel_order import cancel_order
from ticketing.actions.close_pages import close_pages_of
from ticketing.actions.order_access import on_sale, order_view
from ticketing.actions.payment_plans import plans_offered
from ticketing.actions.place_order import Once, name_buyer
from ticketing.actions.take_order import Wanted, once_under, take_order
from ticketing.domain.orders import Selection
from ticketing.gateways.midtrans import Midtrans
from ticketing.signing.keys import KeyRing
from ticketing.store.events import find_event
from ticketing.web.answers import PRIVATE, Answer, EventInPath, IdInPath, Success
from ticketing.web.auth import rationed
from ticketing.web.guarded import HEADER as IDEMPOTENCY_KEY
from ticketing.web.guarded import REPLAYED
from ticketing.web.order_doors import (
    BY,
    OpenedByNumber,
    OpenedList,
    at_the_gateway,
    order_token,
)
from ticketing.web.order_shapes import (
    BuyerDetails,
    OrderPlaced,
    OrderRequest,
    OrderShown,
    PaymentPlanShown,
    TicketType,
    order_shown,
    ticket_type,
)
from ticketing.web.problems import GoneElsewhere, failures
from ticketing.web.recent_events import RecentEvents
from ticketing.web.service import Service, Serving, now

anybody = APIRouter(
    prefix="/api",
    tags=["orders"],
    default_response_class=Answer,
    dependencies=[Depends(rationed)],
    responses=failures(404, 422, 429, 503),
)
one = APIRouter(
    prefix="/api/orders/{order_id:int}",
    tags=["orders"],
    default_response_class=Answer,
    dependencies=order_token(),
    responses=failures(401, 404, 422, 429, 503),
)
# no API key tells one sender from another here: the key alone must be one that nobody else has
RequestKey = Annotated[
    str | None,
    Header(
        alias=IDEMPOTENCY_KEY,
        pattern="^[\\x21-\\x7e]{16,255}$",
        description="A fresh UUID: the same request sent again leads to the same order.",
    ),
]

# A crowd stands here and not in the way of everybody else. More counters sell no faster: places of
# one type go one after another, and who waits in PostgreSQL for their turn costs it work.
_COUNTERS = CapacityLimiter(4)

Show = Callable[[int], Success[OrderShown]]


async def showing(request: Request, response: Response, serving: Serving) -> Show:
    """Shows an order, to whoever asks and to nobody's cache."""

    def show_order(order_id: int) -> Success[OrderShown]:
        response.headers.update(PRIVATE)
        return Success(data=order_shown(order_view(serving.database, order_id), serving, request))

    return show_order


Showing = Annotated[Show, Depends(showing)]


@anybody.get("/events/{event}/ticket-types")
def ticket_types(event: EventInPath, serving: Serving) -> Success[list[TicketType]]:
    """What is on sale for an event, and how much of it is left."""
    offers = on_sale(serving.database, find_event(serving.database, event))
    return Success(data=[ticket_type(offer) for offer in offers])


@anybody.get("/events/{event}/payment-plans")
def payment_plans(event: EventInPath, serving: Serving) -> Success[list[PaymentPlanShown]]:
    """In which parts an order for the event can be paid."""
    plans = plans_offered(serving.database, find_event(serving.database, event))
    return Success(
        data=[
            PaymentPlanShown(
                name=plan.name,
                shares=list(plan.shares),
                every_days=plan.every.days,
                tickets=plan.tickets,
                overdue=plan.overdue,
            )
            for plan in plans
        ]
    )


@anybody.post(
    "/orders",
    status_code=201,
    response_model=Success[OrderPlaced],
    responses=failures(400, 409, 413),
)
async def place(
    asked: OrderRequest, request: Request, serving: Serving, request_key: RequestKey = None
) -> Answer:
    """Hold places for an hour. 409 `sold_out` says how many are left."""

    def placed() -> Answer:
        return _placed(asked, request, serving, request_key)

    return await to_thread.run_sync(placed, limiter=_COUNTERS)


def _placed(
    asked: OrderRequest, request: Request, serving: Service, request_key: str | None
) -> Answer:
    event = serving.get(RecentEvents).event(str(asked.event_id))
    buyer = buyer_for(event, **dict(asked.buyer)) if asked.buyer else None
    selections = [Selection(each.ticket_type_id, each.quantity) for each in asked.ticket_selections]
    placed, was_known = take_order(
        serving.database,
        event,
        Wanted(selections, buyer, asked.promo_code, asked.payment_plan),
        once=_once(serving, asked, request_key),
        at=now(),
        by=BY,
    )
    view = placed.view or order_view(serving.database, placed.order.id)
    shown = order_shown(view, serving, request)
    page_url = serving.address(request, f"/orders/{placed.token}")
    said = OrderPlaced(**dict(shown), token=placed.token, page_url=page_url)
    # made here, on the thread: FastAPI would take another one to look through it once more
    return Answer(
        Success[OrderPlaced](data=said).model_dump(mode="json", by_alias=True),
        status_code=201,
        headers=PRIVATE | ({REPLAYED: "true"} if was_known else {}),
    )


def _once(serving: Service, asked: OrderRequest, request_key: str | None) -> Once | None:
    if request_key is None:
        return None
    # a request that names no plan has the digest it always had, across an upgrade too
    unsaid = {"payment_plan"} if asked.payment_plan is None else None
    digest = hashlib.sha256(asked.model_dump_json(exclude=unsaid).encode()).digest()
    return once_under(serving.get(KeyRing), request_key, digest)


@anybody.get("/orders", dependencies=order_token(), responses=failures(401))
def mine(
    orders: OpenedList,
    show_order: Showing,
    _: Annotated[str, Query(alias="mine", description="Always: there is no other list.")] = "",
) -> Success[list[OrderShown]]:
    """The orders whose tokens are sent, with commas between: an address proves nothing."""
    return Success(data=[show_order(order.id).data for order in orders])


@one.get("")
def show(order: OpenedByNumber, show_order: Showing) -> Success[OrderShown]:
    """The order as it stands."""
    return show_order(order.id)


@one.put("", responses=failures(400, 409, 413))
def say_who_buys(
    asked: BuyerDetails, serving: Serving, order: OpenedByNumber, show_order: Showing
) -> Success[OrderShown]:
    """Say who buys, as often as you like before paying. What costs nothing is paid by it."""
    buyer = buyer_for(find_event(serving.database, str(order.event_id)), **asked.model_dump())
    name_buyer(serving.database, order.id, buyer=buyer, at=now(), by=BY)
    return show_order(order.id)


@one.post("/cancel", responses=failures(409))
async def cancel(
    serving: Serving, order: OpenedByNumber, show_order: Showing
) -> Success[OrderShown]:
    """Give the places back. Again changes nothing; what is paid is refunded instead."""

    def give_up() -> Success[OrderShown]:
        give_up_order(serving, order.id)
        return show_order(order.id)

    return await at_the_gateway(give_up)


def give_up_order(serving: Service, order_id: int) -> None:
    """Cancel an order, then close its payment page if the gateway lets us now."""
    at = now()
    cancel_order(serving.database, order_id, at=at, by=BY)
    close_pages_of(serving.database, serving.get(Midtrans), order_id, at=at, by=BY)


@anybody.put("/orders/{order_id:int}/pay", responses=failures(410))
def pay(order_id: IdInPath) -> None:
    """Gone: ask `POST /api/payment/create`."""
    instead = "POST /api/payment/create"
    raise GoneElsewhere(f"orders are paid through {instead}", order_id=order_id, instead=instead)
