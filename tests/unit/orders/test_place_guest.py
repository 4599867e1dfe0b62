"""Tests of the guests of places: where their messages go, and which places exist."""

import pytest

from ticketing.orders.order import Buyer
from ticketing.orders.place_guest import (
    GuestContact,
    Place,
    PlaceGuest,
    check_places,
    guest_contact,
    place_key,
)
from ticketing.platform.kernel.errors import UnusableGuest

SARI = Buyer("email:sari@example.org", "Sari Wulandari", "sari@example.org", "+628111111111")
FIRST = Place(7, 1)


@pytest.mark.parametrize(
    ("guest", "contact"),
    [
        (None, GuestContact("Sari Wulandari", "sari@example.org", "+628111111111")),
        (PlaceGuest(FIRST, "Budi"), GuestContact("Budi", "sari@example.org", "+628111111111")),
        (PlaceGuest(FIRST, "Budi", "b@example.org"), GuestContact("Budi", "b@example.org", "")),
    ],
)
def test_a_guest_without_an_address_is_reached_through_the_buyer(
    guest: PlaceGuest | None, contact: GuestContact
) -> None:
    assert guest_contact(guest, SARI) == contact


def test_two_places_of_an_order_have_different_keys() -> None:
    assert place_key("ORD-1", FIRST) == "order:ORD-1/7/1"
    assert place_key("ORD-1", Place(7, 2)) != place_key("ORD-1", FIRST)


@pytest.mark.parametrize(
    ("places", "problem"),
    [
        ([Place(8, 1)], "ticket type 8, place 1: the order has no tickets of this type"),
        ([Place(7, 3)], "ticket type 7, place 3: the order has places 1 to 2 of this type"),
        ([FIRST, FIRST], "ticket type 7, place 1: the place is given twice"),
    ],
)
def test_a_place_that_the_order_does_not_have_is_refused_by_number(
    places: list[Place], problem: str
) -> None:
    with pytest.raises(UnusableGuest, match=f"^{problem}$"):
        check_places([PlaceGuest(place, "Budi") for place in places], {7: 2})
