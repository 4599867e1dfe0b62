"""HTTP API of contacts: corrected by the buyer with a code or by the office, and orders again."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Operator
from ticketing.access.public_json import public_json_router
from ticketing.crypto.keyring import KeyRing
from ticketing.events.http_params import EventReference
from ticketing.events.queries import get_event
from ticketing.orders import queries as order_queries
from ticketing.orders.buyer_contact import CODE_LIFETIME, mask_contact, mask_contacts
from ticketing.orders.holds import HoldLimits
from ticketing.orders.order import Order
from ticketing.platform.http.envelope import (
    AsciiJSONResponse,
    RequestModel,
    ResponseModel,
    SuccessResponse,
    with_example,
)
from ticketing.platform.http.errors import authenticated_error_responses, error_responses
from ticketing.platform.http.fields import OrderCode, OrderIdInPath
from ticketing.platform.http.services import ServicesDependency, now
from ticketing.selling.checkout.api import InjectedOrderResponder
from ticketing.selling.checkout.api_auth import (
    BUYER_ACTOR,
    ORDER_TOKEN_HEADER,
    OrderMatchingPath,
    order_token_security,
    refuse_link,
)
from ticketing.selling.checkout.request_schemas import SINGLE_LINE_PATTERN
from ticketing.selling.checkout.schemas import OrderResponse
from ticketing.selling.contacts.confirm_contact import confirm_contact, request_contact_code
from ticketing.selling.contacts.correct_contact import correct_contact
from ticketing.selling.contacts.send_order_links import request_order_links

ContactText = Annotated[
    str,
    Field(
        min_length=1,
        max_length=254,
        pattern=SINGLE_LINE_PATTERN,
        description="An e-mail address, or a phone number with country code or as dialled locally.",
    ),
]
MaskedContact = Annotated[str, Field(description="The contact, masked as in `s•••@example.org`.")]

public_router = public_json_router("/api/orders", "orders", 404)
buyer_router = APIRouter(
    prefix="/api/orders/{order_id:int}/contact",
    tags=["orders"],
    default_response_class=AsciiJSONResponse,
    dependencies=order_token_security(),
    responses=error_responses(401, 404, 409, 422, 429, 503),
)
office_router = authenticated_router("/api/orders/{order_id:int}/contact", "orders", 404)


class OrderLinksRequest(RequestModel):
    """The contact whose orders are sent to it again."""

    model_config = with_example({"eventId": "wisuda-2026", "contact": "budi@example.com"})

    event_id: EventReference
    contact: ContactText


class NewContactRequest(RequestModel):
    """The right e-mail address or phone number of the buyer."""

    model_config = with_example({"contact": "budi@example.com"})

    contact: ContactText


class ContactCodeRequest(RequestModel):
    """The code that was sent to the new contact."""

    model_config = with_example({"code": "482913"})

    code: Annotated[str, Field(min_length=1, max_length=20, pattern=SINGLE_LINE_PATTERN)]
    """The six digits from the message to the new contact."""


class CorrectContactRequest(NewContactRequest):
    """The right contact, and the reason for the audit log."""

    model_config = with_example(
        {"contact": "budi@example.com", "reason": "mistyped at the box office"}
    )

    reason: Annotated[str, Field(max_length=255, pattern=SINGLE_LINE_PATTERN)] = ""
    """Why, in one line; it is kept in the audit log. Empty for none."""


class ContactCodeResponse(ResponseModel):
    """The masked contact to which the code goes, and how long the code is valid."""

    contact: MaskedContact
    expires_at: datetime
    """Until when the code is accepted, ISO 8601 in UTC."""


class RequestedLinksResponse(ResponseModel):
    """The same answer for every contact, known or not."""

    contact: MaskedContact


class CorrectedContactResponse(ResponseModel):
    """The order and the masked contacts of its buyer."""

    order_code: OrderCode
    contacts: list[str]
    """The buyer's contacts, masked."""


async def own_order(order: OrderMatchingPath, request: Request) -> Order:
    """Return the order of the token; refuses a link from a message."""
    refuse_link(request.headers.get(ORDER_TOKEN_HEADER, ""))
    return order


OwnOrder = Annotated[Order, Depends(own_order)]


@public_router.post("/links", status_code=202, responses=error_responses(400, 413))
def send_links(
    body: OrderLinksRequest, services: ServicesDependency
) -> SuccessResponse[RequestedLinksResponse]:
    """Send the links of a contact's orders to that contact, if it has any.

    The answer does not tell whether it has. A contact can be asked for three times an hour.
    """
    event = get_event(services.database, str(body.event_id))
    request_order_links(services.database, event, body.contact, at=now())
    return SuccessResponse(data=RequestedLinksResponse(contact=mask_contact(body.contact.strip())))


@buyer_router.post("/code", status_code=202, responses=error_responses(400, 413))
def send_code(
    body: NewContactRequest, services: ServicesDependency, order: OwnOrder
) -> SuccessResponse[ContactCodeResponse]:
    """Send a code to a new contact, as long as no ticket of the order was opened.

    It has to be sent with the token of the order: a link from a message may have gone astray.
    """
    at = now()
    contact = request_contact_code(services.database, order.id, body.contact, at=at)
    return SuccessResponse(
        data=ContactCodeResponse(contact=mask_contact(contact), expires_at=at + CODE_LIFETIME)
    )


@buyer_router.post("/confirm", responses=error_responses(400, 413))
def confirm(
    body: ContactCodeRequest,
    services: ServicesDependency,
    order: OwnOrder,
    show_order: InjectedOrderResponder,
) -> SuccessResponse[OrderResponse]:
    """Correct the contact by the code; everything is sent again, to the new contact only.

    Tickets get new codes, and links that were sent to the former contact open nothing. 409
    `limit_exceeded`: the contact holds too many unpaid places; pay or cancel one of its orders.
    """
    confirm_contact(
        services.database, services.get(KeyRing), order.id, body.code,
        holds=services.get(HoldLimits), at=now(), by=BUYER_ACTOR,
    )  # fmt: skip
    return show_order(order.id)


@office_router.put("", responses=authenticated_error_responses(404, 409))
def correct(
    order_id: OrderIdInPath,
    body: CorrectContactRequest,
    services: ServicesDependency,
    caller: Operator,
) -> SuccessResponse[CorrectedContactResponse]:
    """Correct the contact of an order for the buyer, at any time and without a code."""
    code = services.database.run(order_queries.get, order_id).code
    order = correct_contact(
        services.database, services.get(KeyRing), code, body.contact,
        reason=body.reason, at=now(), by=caller.actor,
    )  # fmt: skip
    contacts = mask_contacts(order)
    return SuccessResponse(data=CorrectedContactResponse(order_code=order.code, contacts=contacts))
