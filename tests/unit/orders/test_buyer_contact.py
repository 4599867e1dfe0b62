"""Tests of a buyer's contact: what is shown of it, and what a corrected one replaces."""

import pytest

from ticketing.orders.buyer_contact import (
    corrected_buyer,
    former_contacts,
    mask_contact,
    parse_code,
)
from ticketing.orders.order import Buyer

WRONG, RIGHT = "sari@exampel.org", "sari@example.org"
PHONE, OTHER_PHONE = "+628111111111", "+628122222222"


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        (RIGHT, "s•••@example.org"),
        ("s@example.org", "s•••@example.org"),
        (PHONE, "+62•••111"),
        ("", ""),
    ],
)
def test_a_contact_is_shown_so_that_only_its_owner_recognises_it(contact: str, shown: str) -> None:
    assert mask_contact(contact) == shown


@pytest.mark.parametrize(
    ("email", "phone", "contact", "left", "former"),
    [
        (WRONG, "", RIGHT, (RIGHT, ""), (WRONG,)),
        (WRONG, PHONE, RIGHT, (RIGHT, PHONE), (WRONG,)),
        (RIGHT, PHONE, OTHER_PHONE, (RIGHT, OTHER_PHONE), (PHONE,)),
        # the only contact was wrong: it must not stay beside the right one
        (WRONG, "", PHONE, ("", PHONE), (WRONG,)),
        ("", PHONE, RIGHT, (RIGHT, ""), (PHONE,)),
        (RIGHT, PHONE, RIGHT, (RIGHT, PHONE), ()),
    ],
)
def test_a_corrected_contact_replaces_the_mistyped_one_and_leaves_the_other(
    email: str, phone: str, contact: str, left: tuple[str, str], former: tuple[str, ...]
) -> None:
    before = Buyer("key", "Sari", email, phone)

    after = corrected_buyer(before, contact)

    assert (after.email, after.phone) == left
    assert former_contacts(before, after) == former


def test_a_code_is_read_however_it_is_grouped() -> None:
    assert parse_code(" 048 213\n") == parse_code("048-213") == "048213"
