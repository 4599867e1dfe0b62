"""Parse the buyer's HTML forms into requests; invalid values become named problems."""

import hashlib
import re
from collections import defaultdict

from pydantic import ValidationError

from ticketing.events.model import Event
from ticketing.orders.place_guest import Place, PlaceGuest
from ticketing.platform.kernel.errors import TicketingError, Unavailable, UnusableBuyer
from ticketing.selling.checkout.buyer_input import parse_guest
from ticketing.selling.checkout.request_schemas import BuyerDetails, GuestDetails, PlaceOrderRequest

PLACES_PREFIX, BUYER_FIELDS = "places-", ("name", "email", "phone")
_GUEST_FIELD = re.compile(r"guest-(\d{1,18})-(\d{1,4})-(name|email|q\d{1,2})")
_MAX_DIGITS = 18
_PROBLEMS = {
    "ticketSelections": "not_on_sale",
    "promoCode": "promo_refused",
    "paymentPlan": "parts_refused",
}


class InvalidForm(Exception):
    """A form field is invalid; the page shows the sentence of its problem."""

    def __init__(self, problem: str) -> None:
        """Store the name of the problem."""
        super().__init__(problem)
        self.problem = problem


def buyer_from_form(fields: dict[str, str]) -> BuyerDetails:
    """Return the buyer details. Raises InvalidForm."""
    try:
        return BuyerDetails.model_validate({name: fields.get(name, "") for name in BUYER_FIELDS})
    except ValidationError as error:
        raise InvalidForm(f"unusable_{error.errors()[0]['loc'][0]}") from error


def order_from_form(fields: dict[str, str], event: Event) -> PlaceOrderRequest:
    """Return the order request. Raises InvalidForm."""
    values = {
        "eventId": event.id,
        "ticketSelections": selections_from_form(fields),
        "promoCode": fields.get("promo", "").strip() or None,
        "paymentPlan": fields.get("plan", "") or None,
    }
    try:
        return PlaceOrderRequest.model_validate(values)
    except ValidationError as error:
        field = error.errors()[0]["loc"][0]
        raise InvalidForm(_PROBLEMS.get(str(field), "other")) from error


def selections_from_form(fields: dict[str, str]) -> list[dict[str, int]]:
    """Return ticket types and quantities, without those of quantity 0."""
    numbers = {
        name.removeprefix(PLACES_PREFIX): number
        for name, number in fields.items()
        if name.startswith(PLACES_PREFIX)
    }
    return [
        {"ticketTypeId": int(ticket_type), "quantity": int(number)}
        for ticket_type, number in numbers.items()
        if _is_number(ticket_type) and _is_number(number) and int(number)
    ]


def guests_from_form(fields: dict[str, str], event: Event) -> list[PlaceGuest]:
    """Return the guests of places whose fields are not all empty. Raises InvalidForm.

    Fields are named `guest-<ticket type>-<number>-` and `name`, `email`, or `q` with the number of
    a question.
    """
    by_place = defaultdict[Place, dict[str, str]](dict)
    for name, value in fields.items():
        if value.strip() and (found := _GUEST_FIELD.fullmatch(name)):
            by_place[Place(int(found[1]), int(found[2]))][found[3]] = value
    return [_guest_from_form(place, given, event) for place, given in by_place.items()]


def _guest_from_form(place: Place, given: dict[str, str], event: Event) -> PlaceGuest:
    answers = {
        question: given[field]
        for number, question in enumerate(event.guest_question_list)
        if (field := f"q{number}") in given
    }
    values = {"name": given.get("name", ""), "email": given.get("email", ""), "answers": answers}
    try:
        details = GuestDetails.model_validate(values)
    except ValidationError as error:
        raise InvalidForm("unusable_guest") from error
    return parse_guest(event, place, **details.model_dump())


def form_digest(fields: dict[str, str]) -> bytes:
    """Return the SHA-256 of all fields."""
    canonical = "\0".join(f"{name}={text}" for name, text in sorted(fields.items()))
    return hashlib.sha256(canonical.encode()).digest()


def problem_code(error: TicketingError) -> str:
    """Return the name of the problem that the page explains."""
    if isinstance(error, UnusableBuyer):
        return f"unusable_{error.details['field']}"
    return "unavailable" if isinstance(error, Unavailable) else error.code


def submitted_values(fields: dict[str, str]) -> dict[str, str]:
    """Return the submitted values, to be shown in the form again."""
    return {name: fields.get(name, "") for name in (*BUYER_FIELDS, "promo")}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS
