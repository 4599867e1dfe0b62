"""The page of an order behind its token: how it stands, and what its buyer can do about it."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ticketing.actions.buyers import buyer_for
from ticketing.actions.order_access import order_view
from ticketing.actions.place_order import name_buyer
from ticketing.documents.shop_pages import order_page
from ticketing.domain.errors import TicketingError
from ticketing.domain.orders import Order
from ticketing.store.events import find_event
from ticketing.store.order_views import OrderView
from ticketing.web.order_doors import BY, at_the_gateway, behind
from ticketing.web.orders import give_up_order
from ticketing.web.pages import DOCUMENTED, PageRoute, is_rehearsal, page
from ticketing.web.payments import begin_payment
from ticketing.web.service import Serving, now
from ticketing.web.shop_forms import Fields, UnusableForm, buyer_in, problem_of
from ticketing.web.ticket_links import ticket_path

LOOK_SECONDS = 3
SEE_OTHER = 303

router = APIRouter(
    prefix="/orders/{token}",
    tags=["pages"],
    route_class=PageRoute,
    default_response_class=HTMLResponse,
    responses=DOCUMENTED,
)


async def order_behind_path(token: str, request: Request) -> Order:
    """The order of the path. Raises UnknownOrder."""
    return await behind(request, token)


OrderOfPath = Annotated[Order, Depends(order_behind_path)]


@router.get("")
def show(token: str, order: OrderOfPath, serving: Serving, problem: str = "") -> HTMLResponse:
    """The order as it stands; the page looks again by itself while something is to come."""
    view = order_view(serving.database, order.id)
    is_late = now() >= view.expires_at
    text = order_page(
        find_event(serving.database, str(order.event_id)),
        order=view,
        token=token,
        links=[ticket_path(serving, ticket.token_id).lstrip("/") for ticket in view.tickets],
        is_late=is_late,
        has_failed=view.attempt is not None and view.attempt.state.has_failed,
        look_seconds=LOOK_SECONDS if view.is_moving else 0,
        state=_seen(view, is_late=is_late),
        problem=problem,
        wrong=problem.removeprefix("unusable_"),
        rehearsal=is_rehearsal(serving),
    )
    return page(serving, text)


@router.post("/buyer", include_in_schema=False)
async def say_who_buys(
    token: str, order: OrderOfPath, serving: Serving, fields: Fields
) -> Response:
    """Say who buys, and see the order again."""

    def name() -> str:
        buyer = buyer_for(
            find_event(serving.database, str(order.event_id)), **buyer_in(fields).model_dump()
        )
        name_buyer(serving.database, order.id, buyer=buyer, at=now(), by=BY)
        return _back(token)

    return await _done(token, name)


@router.post("/pay", include_in_schema=False)
async def pay(token: str, request: Request, order: OrderOfPath, serving: Serving) -> Response:
    """Lead to the gateway's page."""
    finish = serving.address(request, f"/orders/{token}")
    return await _done(token, lambda: begin_payment(serving, order, finish_url=finish).url)


@router.post("/cancel", include_in_schema=False)
async def cancel(token: str, order: OrderOfPath, serving: Serving) -> Response:
    """Give the places back, and see the order again."""

    def give_up() -> str:
        give_up_order(serving, order.id)
        return _back(token)

    return await _done(token, give_up)


async def _done(token: str, act: Callable[[], str]) -> Response:
    """Where the deed leads; back to the order with its problem when it is refused."""
    try:
        leads_to = await at_the_gateway(act)
    except UnusableForm as error:
        leads_to = _back(token, error.problem)
    except TicketingError as error:
        leads_to = _back(token, problem_of(error))
    return RedirectResponse(leads_to, SEE_OTHER)


def _back(token: str, problem: str = "") -> str:
    """The order's page, from an address below it."""
    return f"../{token}?problem={problem}" if problem else f"../{token}"


def _seen(view: OrderView, *, is_late: bool) -> str:
    """Changes whenever the page would show something else."""
    attempt = view.attempt.state if view.attempt else ""
    printed = sum(ticket.is_printed for ticket in view.tickets)
    counted = (len(view.tickets), printed, view.refunded.amount, len(view.flags))
    vouchers = "".join(f"{one.state[0]}{one.is_late:d}" for one in view.vouchers)
    return f"{view.state} {is_late} {attempt} {counted} {vouchers}".rstrip()
