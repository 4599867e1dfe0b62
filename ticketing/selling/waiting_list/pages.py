"""Pages of waiting lists: the form of a ticket type in the shop, and the page of an entry."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from ticketing.access.public_pages import pages_router
from ticketing.events.model import Event
from ticketing.events.queries import get_event
from ticketing.orders.holds import HoldLimits
from ticketing.platform.http.client_network import client_network
from ticketing.platform.http.envelope import MAX_ID
from ticketing.platform.http.forms import FormFields
from ticketing.platform.http.pages import (
    is_rehearsal,
    page_response,
)
from ticketing.platform.http.services import Services, ServicesDependency, now, run_gateway_call
from ticketing.platform.kernel.errors import TicketingError, UnknownWaitingEntry
from ticketing.selling.checkout.api_auth import BUYER_ACTOR
from ticketing.selling.checkout.buyer_input import parse_buyer
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.shop.forms import (
    InvalidForm,
    buyer_from_form,
    problem_code,
    submitted_values,
)
from ticketing.selling.shop.html import render_event_template
from ticketing.selling.shop.order_pages import SEE_OTHER
from ticketing.selling.shop.shop_pages import UNPROCESSABLE, EventFromPath
from ticketing.selling.waiting_list import queries
from ticketing.selling.waiting_list.join_list import (
    confirm_entry,
    find_type_on_sale,
    join_waiting_list,
    leave_waiting_list,
)
from ticketing.selling.waiting_list.model import WaitingEntry

MAX_MENU_QUANTITY = 10
_MAX_DIGITS = len(str(MAX_ID))  # Python refuses to convert much longer numbers

shop_router = pages_router("/events/{slug}/waiting-list")
entry_router = pages_router("/waiting-list/{token}")


def parse_token(
    token: Annotated[str, Path(description="The secret part of the link of an entry.")],
) -> UUID:
    """Return the token of a link; refuses what cannot be one like an unknown one."""
    try:
        return UUID(token)
    except ValueError as error:
        raise UnknownWaitingEntry("no entry of a waiting list has this link") from error


def parse_type(
    ticket_type_id: Annotated[str, Query(alias="type", description="Id of the ticket type.")] = "",
) -> int:
    """Return the id of a ticket type; refuses what cannot be one like an unknown one."""
    is_number = ticket_type_id.isdecimal() and len(ticket_type_id) <= _MAX_DIGITS
    if not is_number or not 0 < int(ticket_type_id) <= MAX_ID:
        raise UnknownWaitingEntry("no ticket type of this event has this id")
    return int(ticket_type_id)


EntryTokenInPath = Annotated[UUID, Depends(parse_token)]
TypeInQuery = Annotated[int, Depends(parse_type)]


@shop_router.get("")
def ask(
    event: EventFromPath, services: ServicesDependency, ticket_type_id: TypeInQuery
) -> HTMLResponse:
    """Show the form that joins the waiting list of a ticket type."""
    return _render_form(services, event, ticket_type_id, {})


@shop_router.post("", include_in_schema=False)
def join(
    event: EventFromPath,
    services: ServicesDependency,
    ticket_type_id: TypeInQuery,
    request: Request,
    fields: FormFields,
) -> HTMLResponse:
    """Join the list, or show the form with the problem."""
    try:
        _join(services, event, ticket_type_id, fields, client_network(request))
    except InvalidForm as error:
        problem, status = error.problem, UNPROCESSABLE
    except TicketingError as error:
        problem, status = problem_code(error), error.status
    else:
        return _render_form(services, event, ticket_type_id, fields, has_joined=True)
    return _render_form(services, event, ticket_type_id, fields, problem=problem, status=status)


def _join(
    services: Services, event: Event, ticket_type_id: int, fields: dict[str, str], network: str
) -> None:
    quantity = fields.get("quantity", "")
    if quantity not in {str(number) for number in range(1, MAX_MENU_QUANTITY + 1)}:
        raise InvalidForm("other")
    join_waiting_list(
        services.database,
        event,
        ticket_type_id,
        quantity=int(quantity),
        buyer=parse_buyer(event, **buyer_from_form(fields).model_dump()),
        client_network=network,
        holds=services.get(HoldLimits),
        at=now(),
        by=BUYER_ACTOR,
    )


def _render_form(
    services: Services,
    event: Event,
    ticket_type_id: int,
    fields: dict[str, str],
    *,
    has_joined: bool = False,
    problem: str = "",
    status: int = 200,
) -> HTMLResponse:
    offer = services.database.run(find_type_on_sale, event, ticket_type_id)
    limits = (offer.stock.capacity, offer.limits.per_order, offer.limits.per_buyer)
    text = render_event_template(
        "waiting_list.html.j2",
        event,
        offer=offer,
        most=min([MAX_MENU_QUANTITY, *(limit for limit in limits if limit is not None)]),
        quantity=fields.get("quantity", "1"),
        values=submitted_values(fields),
        has_joined=has_joined,
        hours=event.waiting_list_hours,
        problem=problem,
        wrong=problem.removeprefix("unusable_"),
        simulated=is_rehearsal(services),
    )
    return page_response(services, text, status=status)


@entry_router.get("")
def show(token: EntryTokenInPath, services: ServicesDependency) -> HTMLResponse:
    """Show the state of an entry, and how to confirm it and to leave the list."""
    return _render_entry(services, services.database.run(queries.get_by_token, token))


@entry_router.post("/confirm", include_in_schema=False)
def confirm(token: EntryTokenInPath, services: ServicesDependency) -> RedirectResponse:
    """Confirm the entry, then show it. Programs that open the links of mails press no button."""
    confirm_entry(services.database, token, at=now(), by=BUYER_ACTOR)
    return RedirectResponse(f"../{token}", SEE_OTHER)


@entry_router.post("", include_in_schema=False)
async def leave(token: EntryTokenInPath, services: ServicesDependency) -> HTMLResponse:
    """Leave the list, and show that it is done or why it is not."""
    return await run_gateway_call(partial(_leave, services, token))


def _leave(services: Services, token: UUID) -> HTMLResponse:
    gateway = services.get(Midtrans)
    try:
        entry = leave_waiting_list(services.database, gateway, token, at=now(), by=BUYER_ACTOR)
    except TicketingError as error:
        entry = services.database.run(queries.get_by_token, token)
        return _render_entry(services, entry, problem=problem_code(error), status=error.status)
    return _render_entry(services, entry)


def _render_entry(
    services: Services, entry: WaitingEntry, *, problem: str = "", status: int = 200
) -> HTMLResponse:
    text = render_event_template(
        "waiting_entry.html.j2",
        get_event(services.database, str(entry.event_id)),
        entry=entry,
        earlier=services.database.run(queries.count_earlier, entry),
        problem=problem,
        simulated=is_rehearsal(services, entry.environment),
    )
    return page_response(services, text, status=status)
