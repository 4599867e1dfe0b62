"""Validate and normalise buyer details, so that the same buyer is recognised again."""

from ticketing.events.model import Event
from ticketing.orders.order import Buyer
from ticketing.platform.kernel.email_address import normalise_email
from ticketing.platform.kernel.errors import UnusableBuyer
from ticketing.platform.kernel.phone import phone_normaliser
from ticketing.platform.kernel.text import to_printable
from ticketing.roster.model import make_natural_key


def parse_buyer(event: Event, *, name: str, email: str, phone: str) -> Buyer:
    """Return a buyer with a name and an e-mail address or phone; refuses and names the field."""
    printable_name = to_printable(name)
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
