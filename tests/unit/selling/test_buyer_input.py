"""Tests of normalising a buyer's input, so that a buyer is recognised again."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from ticketing.events.model import Event
from ticketing.orders.order import Buyer
from ticketing.platform.kernel.errors import UnusableBuyer
from ticketing.selling.checkout.buyer_input import parse_buyer


@pytest.fixture
def concert() -> Event:
    """Return an event in Indonesia, where numbers need no country code."""
    starts = datetime(2026, 12, 12, 1, tzinfo=UTC)
    return Event(
        1, UUID(int=1), "konser", "Konser", starts, starts, "Asia/Jakarta", "id", "Aula", "ID",
        "classic", 1,
    )  # fmt: skip


@pytest.mark.parametrize("email", ["sari@example.org", " Sari@Example.ORG "])
@pytest.mark.parametrize("phone", ["0812 3456 7890", "+62 812-3456-7890", "6281234567890"])
def test_every_spelling_of_an_address_is_the_same_buyer(
    concert: Event, email: str, phone: str
) -> None:
    buyer = parse_buyer(concert, name=" Sari\tWulandari ", email=email, phone=phone)

    assert buyer == Buyer(
        "email:sari@example.org", "Sari Wulandari", "sari@example.org", "+6281234567890"
    )


def test_without_an_address_the_number_identifies_a_buyer(concert: Event) -> None:
    assert (
        parse_buyer(concert, name="Budi", email="", phone="08123456789").key == "tel:+628123456789"
    )


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": " \u200b "}, "name"),
        ({"name": "\u3164\u2800"}, "name"),
        ({"email": ""}, "email"),
        ({"email": "sari"}, "email"),
        ({"email": "sari@example.org\nBcc: all@example.org"}, "email"),
        ({"phone": "12"}, "phone"),
        ({"phone": "call me"}, "phone"),
    ],
)
def test_invalid_contact_data_are_refused_and_named(
    concert: Event, said: dict[str, str], field: str
) -> None:
    typed = {"name": "Sari", "email": "sari@example.org", "phone": ""} | said

    with pytest.raises(UnusableBuyer) as refusal:
        parse_buyer(concert, **typed)

    assert refusal.value.details["field"] == field
    assert typed["email"] == "" or typed["email"] not in str(refusal.value)
