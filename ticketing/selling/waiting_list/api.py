"""HTTP API of waiting lists: buyers join, operators list, offer and remove."""

from datetime import datetime
from functools import partial

from fastapi import Request

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Operator, Viewer
from ticketing.access.public_json import public_json_router
from ticketing.events.cache import EventCache
from ticketing.events.http_params import EventReference
from ticketing.events.queries import get_event
from ticketing.orders.holds import HoldLimits
from ticketing.platform.http.client_network import client_network
from ticketing.platform.http.envelope import (
    EventInPath,
    RequestModel,
    ResponseModel,
    SuccessResponse,
    with_example,
)
from ticketing.platform.http.errors import authenticated_error_responses
from ticketing.platform.http.fields import WaitingEntryIdInPath
from ticketing.platform.http.services import ServicesDependency, now, run_gateway_call
from ticketing.selling.checkout.api_auth import BUYER_ACTOR
from ticketing.selling.checkout.buyer_input import parse_buyer
from ticketing.selling.checkout.request_schemas import BuyerDetails, Quantity, TicketTypeId
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.waiting_list import queries
from ticketing.selling.waiting_list.join_list import join_waiting_list, remove_entry
from ticketing.selling.waiting_list.model import EntryState, describe
from ticketing.selling.waiting_list.offer_places import offer_to_entry

public_router = public_json_router("/api/waiting-list", "waiting lists", 400, 404, 409, 413)
router = authenticated_router("/api", "waiting lists", 404)


class JoinRequest(RequestModel):
    """A buyer and the number of places wanted of a ticket type that is sold out."""

    model_config = with_example(
        {
            "eventId": "wisuda-2026",
            "ticketTypeId": 7,
            "quantity": 2,
            "buyer": {"name": "Budi Santoso", "email": "budi@example.com"},
        }
    )

    event_id: EventReference
    ticket_type_id: TicketTypeId
    quantity: Quantity
    buyer: BuyerDetails
    """The waiting buyer; the message with the offer goes to this contact."""


class JoinResponse(ResponseModel):
    """The same whether the contact was on the list already; its link is sent to it."""

    ticket_type_id: int
    """The ticket type's id."""
    joined: bool = True
    """Always true."""


class WaitingEntryResponse(ResponseModel):
    """An entry of a waiting list; order and time limit of the newest offer."""

    id: int
    """The entry's id."""
    ticket_type_id: int
    """The ticket type's id."""
    ticket_type: str
    """The ticket type's name."""
    name: str
    """The name of who waits."""
    contact: str
    """The e-mail address, else the phone number."""
    quantity: int
    """Number of places wanted."""
    joined_at: datetime
    """When the entry joined; the earliest is offered places first."""
    confirmed_at: datetime | None
    """When the contact confirmed the entry by its link; nothing is offered before."""
    state: EntryState
    """Follows from the order of the newest offer."""
    offer_count: int
    """Number of offers made."""
    order_code: str | None
    """The order of the newest offer."""
    offered_until: datetime | None
    """Until when that order holds its places."""


@public_router.post("", status_code=202)
def join(
    body: JoinRequest, request: Request, services: ServicesDependency
) -> SuccessResponse[JoinResponse]:
    """Join the waiting list of a ticket type, once per contact.

    Places are offered after the contact has confirmed the entry by the link that is sent to it.
    """
    event = services.get(EventCache).get(str(body.event_id))
    join_waiting_list(
        services.database,
        event,
        body.ticket_type_id,
        quantity=body.quantity,
        buyer=parse_buyer(event, **body.buyer.model_dump()),
        client_network=client_network(request),
        holds=services.get(HoldLimits),
        at=now(),
        by=BUYER_ACTOR,
    )
    return SuccessResponse(data=JoinResponse(ticket_type_id=body.ticket_type_id))


@router.get("/events/{event}/waiting-list")
def list_entries(
    event: EventInPath, services: ServicesDependency, _caller: Viewer
) -> SuccessResponse[list[WaitingEntryResponse]]:
    """List the entries of an event, the earliest of each ticket type first."""
    known = get_event(services.database, event)
    entries = services.database.run(queries.list_entries, known.id)
    return SuccessResponse(
        data=[WaitingEntryResponse.model_validate(describe(entry)) for entry in entries]
    )


@router.post(
    "/waiting-list/{entry_id}/offer", responses=authenticated_error_responses(404, 409, 422)
)
def offer(
    entry_id: WaitingEntryIdInPath, services: ServicesDependency, caller: Operator
) -> SuccessResponse[WaitingEntryResponse]:
    """Offer places to an entry now, before all others, confirmed or not."""
    offer_to_entry(services.database, entry_id, at=now(), by=caller.actor)
    entry = services.database.run(queries.get, entry_id)
    return SuccessResponse(data=WaitingEntryResponse.model_validate(describe(entry)))


@router.post("/waiting-list/{entry_id}/remove", responses=authenticated_error_responses(404, 409))
async def remove(
    entry_id: WaitingEntryIdInPath, services: ServicesDependency, caller: Operator
) -> SuccessResponse[WaitingEntryResponse]:
    """Take an entry off the list; an offer that is still open is cancelled."""
    gateway, by = services.get(Midtrans), caller.actor
    entry = await run_gateway_call(
        partial(remove_entry, services.database, gateway, entry_id, at=now(), by=by)
    )
    return SuccessResponse(data=WaitingEntryResponse.model_validate(describe(entry)))
