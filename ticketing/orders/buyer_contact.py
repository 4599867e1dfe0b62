"""Rules of a buyer's contact: masked for display, replaced by another one, confirmed by a code."""

import re
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus

from ticketing.orders.order import Buyer, Order
from ticketing.platform.kernel.errors import Conflict, Refused

CODE_LIFETIME = timedelta(minutes=30)
MAX_WRONG_CODES = 5  # per code
CORRECTION_WINDOW = timedelta(hours=1)
MAX_CODES_PER_ORDER, MAX_CODES_PER_CONTACT = 5, 5  # within the window
LINK_REQUEST_WINDOW = timedelta(hours=1)
MAX_LINK_REQUESTS = 3  # per contact within the window
_DOTS = "•••"


class ContactClosed(Conflict):
    """The buyer cannot correct the contact of the order; the message says who can."""


class WrongCode(Refused):
    """The code does not confirm the new contact: mistyped, expired, or tried too often."""


class TooManyCodes(Refused):
    """Too many codes were requested for an order or a contact; wait."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    retry_after = int(CORRECTION_WINDOW.total_seconds())


def mask_contact(contact: str) -> str:
    """Return a contact that its owner recognises: `s•••@example.org`, `+62•••789`."""
    if "@" in contact:
        local, _, domain = contact.partition("@")
        return f"{local[:1]}{_DOTS}@{domain}"
    return f"{contact[:3]}{_DOTS}{contact[-3:]}" if contact else ""


def mask_contacts(order: Order) -> list[str]:
    """Return the contacts of the buyer of an order, each masked."""
    return [mask_contact(each) for each in order.buyer_contacts.split()]


def parse_code(text: str) -> str:
    """Return the digits of a code, however they are grouped."""
    return re.sub(r"[\s-]", "", text)


def corrected_buyer(buyer: Buyer, contact: str) -> Buyer:
    """Return the buyer, under the former key, with the contact in place of the mistyped one.

    It replaces the one of its kind; a buyer without such a one had only the mistyped other kind.
    """
    if "@" in contact:
        return replace(buyer, email=contact, phone=buyer.phone if buyer.email else "")
    return replace(buyer, email=buyer.email if buyer.phone else "", phone=contact)


def former_contacts(before: Buyer, after: Buyer) -> tuple[str, ...]:
    """Return the contacts that the buyer does not have any more."""
    now = {after.email, after.phone}
    return tuple(each for each in (before.email, before.phone) if each and each not in now)
