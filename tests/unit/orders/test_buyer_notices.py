"""Tests of the addresses to which a buyer's notices are sent."""

import pytest

from ticketing.events.model import BuyerNotices
from ticketing.orders.buyer_notices import notice_addresses, notice_payload
from ticketing.orders.order import Buyer
from ticketing.platform.db.outbox import NO_FALLBACK

MAIL, PHONE = "sari@example.org", "+628111111111"


@pytest.mark.parametrize(
    ("choice", "email", "phone", "addresses"),
    [
        (BuyerNotices.MAIL, MAIL, PHONE, (MAIL,)),
        (BuyerNotices.MAIL, "", PHONE, (PHONE,)),
        (BuyerNotices.WHATSAPP, MAIL, PHONE, (PHONE,)),
        (BuyerNotices.WHATSAPP, MAIL, "", (MAIL,)),
        (BuyerNotices.BOTH, MAIL, PHONE, (MAIL, PHONE)),
        (BuyerNotices.BOTH, "", PHONE, (PHONE,)),
        (BuyerNotices.NONE, MAIL, PHONE, ()),
    ],
)
def test_the_event_chooses_the_channel_and_the_buyer_is_reached_by_the_other_one_if_need_be(
    choice: BuyerNotices, email: str, phone: str, addresses: tuple[str, ...]
) -> None:
    assert notice_addresses(choice, Buyer("email:x", "Sari", email, phone)) == addresses


def test_returned_money_is_announced_even_if_the_event_wants_no_notices() -> None:
    buyer = Buyer("email:x", "Sari", MAIL, PHONE)

    assert notice_addresses(BuyerNotices.NONE, buyer, is_required=True) == (MAIL,)
    assert notice_addresses(BuyerNotices.BOTH, None, is_required=True) == ()


def test_only_one_of_two_notices_does_not_fall_back_to_the_other_address() -> None:
    assert NO_FALLBACK in notice_payload("ORD-1", (MAIL, PHONE))
    assert NO_FALLBACK not in notice_payload("ORD-1", (MAIL,))
