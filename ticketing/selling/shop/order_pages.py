"""Pages of an order, addressed by its token: state, buyer details, payment, cancellation."""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from ticketing.access.public_pages import pages_router
from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.order_link import order_id_from_link
from ticketing.events.model import Event
from ticketing.events.queries import get_event
from ticketing.orders.buyer_contact import mask_contacts
from ticketing.orders.holds import HoldLimits
from ticketing.orders.order import Order, OrderState
from ticketing.orders.place_guest import Place, list_places
from ticketing.platform.http.envelope import NO_STORE_HEADERS, AsciiJSONResponse
from ticketing.platform.http.forms import FormFields
from ticketing.platform.http.pages import (
    is_rehearsal,
    page_response,
)
from ticketing.platform.http.services import Services, ServicesDependency, now, run_gateway_call
from ticketing.platform.kernel.errors import TicketingError
from ticketing.platform.kernel.money import ZERO
from ticketing.selling.checkout.accept_free_order import accept_free_order
from ticketing.selling.checkout.api import cancel_order_and_sessions
from ticketing.selling.checkout.api_auth import BUYER_ACTOR, order_from_token, refuse_other_buyer
from ticketing.selling.checkout.api_payment import begin_payment
from ticketing.selling.checkout.buyer_input import parse_buyer
from ticketing.selling.checkout.order_view_queries import OrderView, get_order_view
from ticketing.selling.checkout.set_buyer import set_order_buyer
from ticketing.selling.checkout.set_guests import GuestChange, set_order_guests
from ticketing.selling.payments.midtrans.client import MidtransAccount
from ticketing.selling.shop.forms import (
    InvalidForm,
    buyer_from_form,
    guests_from_form,
    problem_code,
)
from ticketing.selling.shop.html import render_event_template
from ticketing.tickets.api_holder import ticket_path

POLL_SECONDS = 3
SEE_OTHER = 303
MAX_PAGE_PLACES = 50

router = pages_router("/orders/{token}", limits_addresses=False)
OrderTokenInPath = Annotated[
    str, Path(description="The order's token, or the secret part of a link in a message.")
]
Problem = Annotated[
    str, Query(description="Name of the problem that the page explains; empty for none.")
]
News = Annotated[str, Query(description="Name of what the page confirms; empty for nothing.")]


async def order_from_path(token: OrderTokenInPath, request: Request) -> Order:
    """Return the order of the path's token. Raises UnknownOrder."""
    return await order_from_token(request, token)


OrderFromPath = Annotated[Order, Depends(order_from_path)]


@router.get("")
def show(
    token: OrderTokenInPath,
    order: OrderFromPath,
    services: ServicesDependency,
    problem: Problem = "",
    news: News = "",
) -> HTMLResponse:
    """Show the order; the page reloads itself while a change is expected."""
    view = get_order_view(services.database, order.id)
    event = get_event(services.database, str(order.event_id))
    is_late = now() >= view.expires_at
    account = services.get(MidtransAccount)
    is_payable = (
        view.state is OrderState.PENDING and view.total > ZERO and not (is_late or view.flags)
    )
    is_paid_here = is_payable and bool(account.client_key)
    text = render_event_template(
        "order.html.j2",
        event,
        language=order.locale,
        order=view,
        places=list_page_places(view, event),
        guests={guest.place: guest for line in view.lines for guest in line.guests},
        may_change_guests=now() < event.guest_changes_end,
        token=token,
        links=[ticket_path(services, ticket.token_id).lstrip("/") for ticket in view.tickets],
        is_late=is_late,
        has_failed=view.attempt is not None and view.attempt.state.has_failed,
        poll_seconds=POLL_SECONDS if view.is_in_progress else 0,
        state=_page_state(view, is_late=is_late),
        contacts=mask_contacts(order),
        may_correct_contact=_may_correct_contact(view, token),
        news=news,
        problem=problem,
        wrong=problem.removeprefix("unusable_"),
        simulated=is_rehearsal(services, order.other_environment),
        gateway=account if is_paid_here else None,
    )
    return page_response(services, text, shows_gateway=is_paid_here)


@router.post("/buyer", include_in_schema=False)
async def set_buyer(
    token: str, order: OrderFromPath, services: ServicesDependency, fields: FormFields
) -> Response:
    """Set the buyer, then show the order."""

    def save() -> str:
        refuse_other_buyer(order, token)
        buyer = parse_buyer(
            get_event(services.database, str(order.event_id)),
            **buyer_from_form(fields).model_dump(),
        )
        set_order_buyer(
            services.database, order.id, buyer=buyer, at=now(), by=BUYER_ACTOR,
            holds=services.get(HoldLimits),
        )  # fmt: skip
        return order_page_url(token)

    return await _run_and_redirect(token, save)


@router.post("/guests", include_in_schema=False)
async def set_guests(
    token: str, order: OrderFromPath, services: ServicesDependency, fields: FormFields
) -> Response:
    """Save the names of the places, then show the order."""

    def save_and_show() -> str:
        _save_guests(services, order, fields)
        return order_page_url(token)

    return await _run_and_redirect(token, save_and_show)


@router.post("/pay", include_in_schema=False)
async def pay(
    token: str,
    request: Request,
    order: OrderFromPath,
    services: ServicesDependency,
    fields: FormFields,
) -> Response:
    """Save the names of the places, then redirect to the checkout session.

    A page that shows the session itself asks for JSON and gets its token.
    """
    is_paid_here = "application/json" in request.headers.get("Accept", "")
    finish = services.absolute_url(request, f"/orders/{token}")

    def save_and_pay() -> str | Response:
        _save_guests(services, order, fields)
        session = begin_payment(services, order, finish_url=finish)
        if is_paid_here:
            return AsciiJSONResponse({"token": session.token}, headers=NO_STORE_HEADERS)
        return session.redirect_url

    return await _run_and_redirect(token, save_and_pay)


@router.post("/accept", include_in_schema=False)
async def accept(
    token: str, order: OrderFromPath, services: ServicesDependency, fields: FormFields
) -> Response:
    """Save the names of the places and accept the free order, then show it."""

    def accept_and_show() -> str:
        _save_guests(services, order, fields)
        accept_free_order(services.database, order.id, at=now(), by=BUYER_ACTOR)
        return order_page_url(token)

    return await _run_and_redirect(token, accept_and_show)


def _save_guests(services: Services, order: Order, fields: dict[str, str]) -> None:
    """Store the names given in a form; without any, change nothing."""
    given = guests_from_form(fields, get_event(services.database, str(order.event_id)))
    if given:
        change = GuestChange(BUYER_ACTOR, now())
        set_order_guests(services.database, services.get(KeyRing), order.id, given, change)


@router.post("/cancel", include_in_schema=False)
async def cancel(token: str, order: OrderFromPath, services: ServicesDependency) -> Response:
    """Cancel the order, then show it."""

    def cancel_and_show() -> str:
        cancel_order_and_sessions(services, order.id)
        return order_page_url(token)

    return await _run_and_redirect(token, cancel_and_show)


async def _run_and_redirect(token: str, action: Callable[[], str | Response]) -> Response:
    """Redirect to the address that the action returns, or to the order with the problem."""
    try:
        location = await run_gateway_call(action)
        if isinstance(location, Response):
            return location
    except InvalidForm as error:
        location = order_page_url(token, problem=error.problem)
    except TicketingError as error:
        location = order_page_url(token, problem=problem_code(error))
    return RedirectResponse(location, SEE_OTHER)


def order_page_url(token: str, *, problem: str = "", news: str = "") -> str:
    """Return the order page's address relative to an address below it."""
    query = urlencode({k: v for k, v in (("news", news), ("problem", problem)) if v})
    return f"../{token}?{query}" if query else f"../{token}"


def list_page_places(view: OrderView, event: Event) -> list[tuple[Place, str]]:
    """Return the places to ask names for, with the ticket type; none if there is nothing to ask.

    One place in the buyer's own name needs no question, and a page of hundreds of fields helps
    nobody: large orders are named by the API.
    """
    places = [
        (place, line.name)
        for line in view.lines
        if not line.is_package
        for place in list_places(line.ticket_type_id, line.quantity)
    ]
    is_needed = len(places) > 1 or event.guest_names_required or event.guest_questions
    return places if is_needed and len(places) <= MAX_PAGE_PLACES else []


def _may_correct_contact(view: OrderView, token: str) -> bool:
    """Return whether the page offers to correct the contact; a link from a message does not."""
    is_open = view.state in {OrderState.PENDING, OrderState.PAID} and view.buyer is not None
    is_opened = any(ticket.is_opened for ticket in view.tickets)
    return is_open and not is_opened and order_id_from_link(token) is None


def _page_state(view: OrderView, *, is_late: bool) -> str:
    """Return a text that changes whenever the page would show something else."""
    attempt = view.attempt.state if view.attempt else ""
    printed = sum(ticket.is_printed for ticket in view.tickets)
    counts = (len(view.tickets), printed, view.refunded.amount, len(view.flags))
    vouchers = "".join(f"{one.state[0]}{one.is_late:d}" for one in view.vouchers)
    return f"{view.state} {is_late} {attempt} {counts} {vouchers}".rstrip()
