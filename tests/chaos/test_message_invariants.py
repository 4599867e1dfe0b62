"""The judge of messages judged: told once, or a reason in the row."""

from dataclasses import replace

import pytest

from chaos.message_invariants import (
    AcceptedMessage,
    DeliveryRow,
    MessageRow,
    MessageSnapshot,
    find_violations,
)

SARI = "+62812345678"
CHAT = AcceptedMessage("whatsapp", "ref", SARI, "Kode Anda: kopi-a; kopi-b.")
BY_WHATSAPP = DeliveryRow(7, "ref", "whatsapp", "sent", resends=0, is_queued=False, reason="")
BY_MAIL = DeliveryRow(7, "by-mail", "mail", "sent", resends=0, is_queued=False, reason="")


@pytest.fixture
def books() -> MessageSnapshot:
    """One order, whose two codes went by WhatsApp."""
    return MessageSnapshot(
        messages=[MessageRow(7, "voucher.ready", "ORD-A")],
        deliveries=[BY_WHATSAPP],
        paid={"ORD-A": "vouchers"},
        codes={"ORD-A": {"kopi-a", "kopi-b"}, "ORD-B": {"kopi-c"}},
        buyers={"ORD-A": {SARI, "sari@example.org"}},
    )


def test_a_message_that_was_accepted_once_is_no_offence(books: MessageSnapshot) -> None:
    assert [*find_violations(books, [CHAT])] == []


def test_codes_that_a_chat_has_no_room_for_are_counted_in_it(books: MessageSnapshot) -> None:
    assert [*find_violations(books, [replace(CHAT, words="kopi-b; … +1")])] == []


@pytest.mark.parametrize(
    "words", ["kopi-a", "kopi-a; … +2", "kopi-a; kopi-b; kopi-c", "kopi-c; … +1"]
)
def test_other_codes_than_the_order_has_are_found(books: MessageSnapshot, words: str) -> None:
    assert [*find_violations(books, [replace(CHAT, words=words)])] == [
        "whatsapp: a message of ORD-A has wrong codes"
    ]


def test_codes_that_went_to_somebody_else_are_found(books: MessageSnapshot) -> None:
    assert [*find_violations(books, [replace(CHAT, to="+62899999999")])] == [
        "whatsapp: the codes of ORD-A were sent to another buyer"
    ]


@pytest.mark.parametrize("state", ["sent", "delivered", "read"])
def test_a_message_that_nobody_has_is_found(books: MessageSnapshot, state: str) -> None:
    told = replace(books, deliveries=[replace(BY_WHATSAPP, state=state)])

    assert [*find_violations(told, [])] == [
        f"message 7 by whatsapp is {state}: not accepted by any vendor"
    ]


def test_a_message_twice_is_an_offence_unless_the_row_says_why(books: MessageSnapshot) -> None:
    resent = replace(books, deliveries=[replace(BY_WHATSAPP, resends=1)])

    assert [*find_violations(books, [CHAT, CHAT])] == [
        "message 7 by whatsapp is sent: accepted 2 times, with 0 resends"
    ]
    assert [*find_violations(resent, [CHAT, CHAT])] == []


@pytest.mark.parametrize("state", ["failed", "unknown"])
def test_what_ends_without_a_reason_is_found(books: MessageSnapshot, state: str) -> None:
    silent = replace(BY_WHATSAPP, state=state)
    told = replace(books, deliveries=[silent])
    named = replace(books, deliveries=[replace(silent, reason="not on WhatsApp")])

    assert [*find_violations(told, [])] == [f"message 7 by whatsapp is {state}: without a reason"]
    assert [*find_violations(named, [])] == []


@pytest.mark.parametrize(
    "change", [{"state": "queued"}, {"state": "claimed"}, {"state": "error"}, {"is_queued": True}]
)
def test_what_still_waits_is_found(books: MessageSnapshot, change: dict[str, object]) -> None:
    waiting = replace(BY_WHATSAPP, **change)

    found = [*find_violations(replace(books, deliveries=[waiting]), [CHAT])]

    assert found == [f"message 7 by whatsapp is {waiting.state}: still queued"]


def test_what_went_by_mail_instead_is_no_offence(books: MessageSnapshot) -> None:
    refused = replace(BY_WHATSAPP, state="failed", reason="not on WhatsApp")
    told = replace(books, deliveries=[refused, BY_MAIL])
    mail = AcceptedMessage("mail", "by-mail", "sari@example.org", "kopi-a\nkopi-b")

    assert [*find_violations(told, [mail])] == []


def test_a_message_that_we_do_not_know_is_found(books: MessageSnapshot) -> None:
    strange = replace(CHAT, channel="mail")

    assert "mail accepted an unknown message" in [*find_violations(books, [CHAT, strange])]


def test_a_paid_order_that_nobody_was_told_of_is_found(books: MessageSnapshot) -> None:
    silent = replace(books, messages=[], deliveries=[])

    assert [*find_violations(silent, [])] == ["order ORD-A: 0 messages about its vouchers"]


def test_a_message_on_no_way_at_all_is_found(books: MessageSnapshot) -> None:
    forgotten = replace(books, deliveries=[])

    assert [*find_violations(forgotten, [])] == ["message 7 (voucher.ready) has no delivery"]
