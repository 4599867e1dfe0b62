"""Validate and normalise the details of buyers and of the guests of their places."""

from collections.abc import Mapping

from ticketing.events.model import Event
from ticketing.orders.order import Buyer
from ticketing.orders.place_guest import Place, PlaceGuest, unusable_guest
from ticketing.platform.kernel.email_address import normalise_email
from ticketing.platform.kernel.errors import UnusableBuyer
from ticketing.platform.kernel.phone import phone_normaliser
from ticketing.platform.kernel.text import strip_fillers, to_printable
from ticketing.roster.model import make_natural_key


def parse_buyer(event: Event, *, name: str, email: str, phone: str) -> Buyer:
    """Return a buyer with a name and an e-mail address or phone; refuses and names the field."""
    printable_name = to_printable(strip_fillers(name))
    if not printable_name:
        raise UnusableBuyer("name is empty", field="name")
    email, phone = email.strip(), phone.strip()
    if not email and not phone:
        raise UnusableBuyer("an e-mail address or a phone number is needed", field="email")
    if email:
        try:
            email = normalise_email(email)
        except ValueError as error:
            raise UnusableBuyer("the e-mail address is invalid", field="email") from error
    if phone:
        try:
            phone = phone_normaliser(event.region)(phone)
        except ValueError as error:
            raise UnusableBuyer(f"phone: {error}", field="phone") from error
    return Buyer(make_natural_key("", email, phone), printable_name, email, phone)


def parse_contact(event: Event, contact: str) -> str:
    """Return an e-mail address or a phone number, normalised; refuses an unusable one."""
    text = contact.strip()
    try:
        return normalise_email(text) if "@" in text else phone_normaliser(event.region)(text)
    except ValueError as error:
        raise UnusableBuyer(
            "contact is neither an e-mail address nor a phone number", field="contact"
        ) from error


def parse_guest(
    event: Event, place: Place, *, name: str, email: str, answers: Mapping[str, str]
) -> PlaceGuest:
    """Return the guest of a place; refuses and names the place, the field and the value."""
    printable_name = to_printable(strip_fillers(name))
    if not printable_name:
        raise unusable_guest(place, "name", "the name is empty")
    unknown = sorted(set(answers) - set(event.guest_question_list))
    if unknown:
        asked = ", ".join(event.guest_question_list) or "no questions"
        raise unusable_guest(place, "answers", f"{unknown[0]!r} is not asked; {asked} are")
    try:
        email = normalise_email(email.strip()) if email.strip() else ""
    except ValueError as error:
        raise unusable_guest(place, "email", "the e-mail address is invalid") from error
    given = {question: to_printable(answer) for question, answer in answers.items()}
    return PlaceGuest(place, printable_name, email, {q: a for q, a in given.items() if a})
