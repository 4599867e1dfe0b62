"""The guest of one place of an order: the name on its ticket, an e-mail address and answers.

Every place has its own guest. A buyer or guest is never merged with another person because of the
same address: whoever knows an address would learn the name behind it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ticketing.orders.order import Buyer
from ticketing.platform.kernel.errors import UnusableGuest

NATURAL_KEY_PREFIX = "order:"


class Place(NamedTuple):
    """One place of an order: a ticket type, and a number from 1 to the quantity of its line."""

    ticket_type_id: int
    number: int


@dataclass(frozen=True, slots=True)
class PlaceGuest:
    """The guest of a place. `answers` are by question."""

    place: Place
    name: str
    email: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GuestContact:
    """The name on the ticket and the addresses for messages, as a guest's row stores them."""

    full_name: str
    email: str
    phone: str


def guest_contact(guest: PlaceGuest | None, buyer: Buyer) -> GuestContact:
    """Return the name and addresses of a place: its guest's, else the buyer's.

    A guest without an address is reached through the buyer.
    """
    if guest is None:
        return GuestContact(buyer.name, buyer.email, buyer.phone)
    if guest.email:
        return GuestContact(guest.name, guest.email, "")
    return GuestContact(guest.name, buyer.email, buyer.phone)


def list_places(ticket_type_id: int, quantity: int) -> list[Place]:
    """Return the places of one line of an order."""
    return [Place(ticket_type_id, number) for number in range(1, quantity + 1)]


def place_key(order_code: str, place: Place) -> str:
    """Return the natural key of the guest of a place."""
    return f"{NATURAL_KEY_PREFIX}{order_code}/{place.ticket_type_id}/{place.number}"


def check_places(guests: Sequence[PlaceGuest], quantities: Mapping[int, int]) -> None:
    """Refuse a place that the order does not have, and a place that is given twice."""
    seen = set[Place]()
    for guest in guests:
        place = guest.place
        quantity = quantities.get(place.ticket_type_id)
        if quantity is None:
            raise unusable_guest(place, "number", "the order has no tickets of this type")
        if not 1 <= place.number <= quantity:
            raise unusable_guest(
                place, "number", f"the order has places 1 to {quantity} of this type"
            )
        if place in seen:
            raise unusable_guest(place, "number", "the place is given twice")
        seen.add(place)


def unusable_guest(place: Place, field: str, problem: str) -> UnusableGuest:
    """Return the refusal of a guest, which names the place and the field."""
    return UnusableGuest(
        f"ticket type {place.ticket_type_id}, place {place.number}: {problem}",
        ticketTypeId=place.ticket_type_id,
        number=place.number,
        field=field,
    )
