"""What the buyer's forms say, made into requests; what cannot be used is a problem by name."""

import hashlib
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from pydantic import ValidationError

from ticketing.events.model import Event
from ticketing.platform.http.errors import BodyTooLarge
from ticketing.platform.kernel.errors import TicketingError, Unavailable, UnusableBuyer
from ticketing.selling.checkout.schemas import BuyerDetails, OrderRequest

FORM_AT_MOST, FIELDS_AT_MOST = 16 * 1024, 100
PLACES, BUYER = "places-", ("name", "email", "phone")
_DIGITS_AT_MOST = 18
_PROBLEMS = {
    "ticketSelections": "not_on_sale",
    "promoCode": "promo_refused",
    "paymentPlan": "parts_refused",
}


class UnusableForm(Exception):
    """A field cannot be used; its problem has a sentence on the page."""

    def __init__(self, problem: str) -> None:
        """Name the problem."""
        super().__init__(problem)
        self.problem = problem


async def fields(request: Request) -> dict[str, str]:
    """The form's fields, each once; nothing for what is no form."""
    body = await request.body()
    if len(body) > FORM_AT_MOST:
        raise BodyTooLarge(f"a form has at most {FORM_AT_MOST} bytes")
    text = body.decode("utf-8", "replace")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_AT_MOST))
    except ValueError:
        return {}


Fields = Annotated[dict[str, str], Depends(fields)]


def buyer_in(fields: dict[str, str]) -> BuyerDetails:
    """Who buys. Raises UnusableForm."""
    try:
        return BuyerDetails.model_validate({name: fields.get(name, "") for name in BUYER})
    except ValidationError as error:
        raise UnusableForm(f"unusable_{error.errors()[0]['loc'][0]}") from error


def order_in(fields: dict[str, str], event: Event) -> OrderRequest:
    """What is ordered. Raises UnusableForm."""
    asked = {
        "eventId": event.id,
        "ticketSelections": places_in(fields),
        "promoCode": fields.get("promo", "").strip() or None,
        "paymentPlan": fields.get("plan", "") or None,
    }
    try:
        return OrderRequest.model_validate(asked)
    except ValidationError as error:
        place = error.errors()[0]["loc"][0]
        raise UnusableForm(_PROBLEMS.get(str(place), "other")) from error


def places_in(fields: dict[str, str]) -> list[dict[str, int]]:
    """Ticket types and how many places of each, those of none left out."""
    numbers = {
        name.removeprefix(PLACES): number
        for name, number in fields.items()
        if name.startswith(PLACES)
    }
    return [
        {"ticketTypeId": int(ticket_type), "quantity": int(number)}
        for ticket_type, number in numbers.items()
        if _is_number(ticket_type) and _is_number(number) and int(number)
    ]


def digest_of(fields: dict[str, str]) -> bytes:
    """All that the form says."""
    said = "\0".join(f"{name}={text}" for name, text in sorted(fields.items()))
    return hashlib.sha256(said.encode()).digest()


def problem_of(error: TicketingError) -> str:
    """The problem whose sentence the page shows."""
    if isinstance(error, UnusableBuyer):
        return f"unusable_{error.details['field']}"
    return "unavailable" if isinstance(error, Unavailable) else error.code


def typed(fields: dict[str, str]) -> dict[str, str]:
    """What was typed, to be shown again."""
    return {name: fields.get(name, "") for name in (*BUYER, "promo")}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS_AT_MOST
