"""Request schemas of orders, for buyers and the box office."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import Header
from pydantic import Field

from ticketing.access.authenticated_route import IDEMPOTENCY_HEADER
from ticketing.events.http_params import EventReference
from ticketing.events.model import Event
from ticketing.orders.place_guest import Place, PlaceGuest
from ticketing.platform.http.envelope import Id, RequestModel, with_example
from ticketing.platform.kernel.languages import Language
from ticketing.selling.checkout.buyer_input import parse_guest

MAX_SELECTIONS, MAX_PLACES, MAX_QUESTIONS = 20, 1000, 20

# no control characters: these fields are single lines, and PostgreSQL cannot store NUL
SINGLE_LINE_PATTERN = "^[^\\x00-\\x1f\\x7f]*$"

NameText = Annotated[str, Field(min_length=1, max_length=100, pattern=SINGLE_LINE_PATTERN)]
EmailText = Annotated[str, Field(max_length=254, pattern=SINGLE_LINE_PATTERN)]
PhoneText = Annotated[str, Field(max_length=40, pattern=SINGLE_LINE_PATTERN)]
AnswerText = Annotated[str, Field(max_length=500, pattern=SINGLE_LINE_PATTERN)]
TicketTypeId = Annotated[
    Id, Field(description="As `id` of `GET /api/events/{event}/ticket-types`.")
]
Quantity = Annotated[
    int, Field(ge=1, le=MAX_PLACES, strict=True, description="Number of places of the type.")
]

# senders are anonymous here, so the key alone has to be unique and hard to guess
IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias=IDEMPOTENCY_HEADER,
        pattern="^[\\x21-\\x7e]{16,255}$",
        description="A fresh UUID: the same request sent again leads to the same order.",
        examples=["0b6f2f0e-6d0f-4a5e-9d3c-2f1f0c6f7a11"],
    ),
]


class GuestDetails(RequestModel):
    """The guest of one place: the name on the ticket. `answers` are by the event's questions."""

    name: NameText
    """The guest's name, as it is to be printed on the ticket."""
    email: EmailText = ""
    """The guest's e-mail address, which gets the ticket, too; empty for none."""
    answers: Annotated[dict[str, AnswerText], Field(max_length=MAX_QUESTIONS, default_factory=dict)]
    """Answers by question; the event says which questions it asks."""


class TicketSelection(RequestModel):
    """A quantity of places of one ticket type; `guests` in the order of the places, null: later."""

    ticket_type_id: TicketTypeId
    quantity: Quantity
    guests: Annotated[list[GuestDetails | None], Field(max_length=MAX_PLACES, default_factory=list)]
    """The guests in the order of the places; null, or fewer of them, are named later."""


def parse_guests(event: Event, selections: Iterable[TicketSelection]) -> list[PlaceGuest]:
    """Return the guests that are named with the selections; refuses an unusable one."""
    return [
        parse_guest(event, Place(each.ticket_type_id, number), **guest.model_dump())
        for each in selections
        for number, guest in enumerate(each.guests, start=1)
        if guest is not None
    ]


class PlaceGuestDetails(GuestDetails):
    """The guest of a place of an order; `number` counts from 1 within the ticket type."""

    ticket_type_id: TicketTypeId
    number: Annotated[int, Field(ge=1, le=MAX_PLACES, strict=True)]
    """The place within its ticket type, counted from 1."""


class SetGuestsRequest(RequestModel):
    """Guests of some or all places of an order."""

    model_config = with_example(
        {
            "guests": [
                {"ticketTypeId": 7, "number": 1, "name": "Siti Aminah", "email": "siti@example.com"}
            ]
        }
    )

    guests: Annotated[list[PlaceGuestDetails], Field(min_length=1, max_length=MAX_PLACES)]
    """The guests to set; places that are not named keep theirs."""


class BuyerDetails(RequestModel):
    """The buyer; an e-mail address or a phone number is needed, both are better."""

    model_config = with_example(
        {"name": "Budi Santoso", "email": "budi@example.com", "phone": "0812 3456 7890"}
    )

    name: NameText
    """The buyer's name."""
    email: EmailText = ""
    """The buyer's e-mail address; empty if there is a phone number."""
    phone: PhoneText = ""
    """The buyer's phone number, with country code or as dialled locally; empty if there is an
    e-mail address."""


class PlaceOrderRequest(RequestModel):
    """The places to reserve; the buyer can be set later, before payment."""

    model_config = with_example(
        {
            "eventId": "wisuda-2026",
            "ticketSelections": [{"ticketTypeId": 7, "quantity": 2}],
            "buyer": {
                "name": "Budi Santoso",
                "email": "budi@example.com",
                "phone": "0812 3456 7890",
            },
        }
    )

    event_id: EventReference
    ticket_selections: Annotated[
        list[TicketSelection], Field(min_length=1, max_length=MAX_SELECTIONS)
    ]
    """The ticket types and quantities to reserve."""
    promo_code: Annotated[str | None, Field(max_length=64, pattern=SINGLE_LINE_PATTERN)] = None
    """A promo code, upper or lower case; null for none."""
    buyer: BuyerDetails | None = None
    """The buyer; null sets them later, and the places are held for ten minutes until then."""
    locale: Language | None = None
    """Language of the order's page and messages; null takes it from `Accept-Language`, else the
    event's."""
    payment_plan: Annotated[
        str | None,
        Field(
            max_length=100,
            pattern=SINGLE_LINE_PATTERN,
            description="One of the event's plans, by name.",
        ),
    ] = None
