"""Tests of the message invariants: each kind of violation is found, and nothing else."""

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
def snapshot() -> MessageSnapshot:
    """Return a snapshot of one order whose two codes were sent by WhatsApp."""
    return MessageSnapshot(
        messages=[MessageRow(7, "voucher.ready", "ORD-A")],
        deliveries=[BY_WHATSAPP],
        paid={"ORD-A": "vouchers"},
        codes={"ORD-A": {"kopi-a", "kopi-b"}, "ORD-B": {"kopi-c"}},
        buyers={"ORD-A": {SARI, "sari@example.org"}},
    )


def test_a_message_that_was_accepted_once_is_no_violation(snapshot: MessageSnapshot) -> None:
    assert [*find_violations(snapshot, [CHAT])] == []


def test_codes_that_do_not_fit_into_a_chat_message_are_counted_in_it(
    snapshot: MessageSnapshot,
) -> None:
    assert [*find_violations(snapshot, [replace(CHAT, words="kopi-b; … +1")])] == []


@pytest.mark.parametrize(("number", "is_violation"), [(2, False), (3, True)])
def test_a_document_with_the_codes_of_a_large_order_is_counted_by_its_text(
    snapshot: MessageSnapshot, number: int, is_violation: bool
) -> None:
    sent = replace(CHAT, words=f"Halo, {number} voucher Anda", has_document=True)

    assert bool([*find_violations(snapshot, [sent])]) is is_violation


@pytest.mark.parametrize(
    "text", ["kopi-a", "kopi-a; … +2", "kopi-a; kopi-b; kopi-c", "kopi-c; … +1"]
)
def test_other_codes_than_the_order_has_are_found(snapshot: MessageSnapshot, text: str) -> None:
    assert [*find_violations(snapshot, [replace(CHAT, words=text)])] == [
        "whatsapp: a message of ORD-A has wrong codes"
    ]


def test_codes_that_were_sent_to_another_recipient_are_found(snapshot: MessageSnapshot) -> None:
    assert [*find_violations(snapshot, [replace(CHAT, to="+62899999999")])] == [
        "whatsapp: the codes of ORD-A were sent to another buyer"
    ]


@pytest.mark.parametrize("state", ["sent", "delivered", "read"])
def test_a_message_that_no_vendor_accepted_is_found(snapshot: MessageSnapshot, state: str) -> None:
    told = replace(snapshot, deliveries=[replace(BY_WHATSAPP, state=state)])

    assert [*find_violations(told, [])] == [
        f"message 7 by whatsapp is {state}: not accepted by any vendor"
    ]


def test_a_duplicate_message_is_a_violation_unless_the_row_counts_a_resend(
    snapshot: MessageSnapshot,
) -> None:
    resent = replace(snapshot, deliveries=[replace(BY_WHATSAPP, resends=1)])

    assert [*find_violations(snapshot, [CHAT, CHAT])] == [
        "message 7 by whatsapp is sent: accepted 2 times, with 0 resends"
    ]
    assert [*find_violations(resent, [CHAT, CHAT])] == []


@pytest.mark.parametrize("state", ["failed", "unknown"])
def test_a_delivery_that_ended_without_a_reason_is_found(
    snapshot: MessageSnapshot, state: str
) -> None:
    silent = replace(BY_WHATSAPP, state=state)
    told = replace(snapshot, deliveries=[silent])
    named = replace(snapshot, deliveries=[replace(silent, reason="not on WhatsApp")])

    assert [*find_violations(told, [])] == [f"message 7 by whatsapp is {state}: without a reason"]
    assert [*find_violations(named, [])] == []


@pytest.mark.parametrize(
    "change", [{"state": "queued"}, {"state": "claimed"}, {"state": "error"}, {"is_queued": True}]
)
def test_a_delivery_that_still_waits_is_found(
    snapshot: MessageSnapshot, change: dict[str, object]
) -> None:
    waiting = replace(BY_WHATSAPP, **change)

    found = [*find_violations(replace(snapshot, deliveries=[waiting]), [CHAT])]

    assert found == [f"message 7 by whatsapp is {waiting.state}: still queued"]


def test_a_message_sent_by_mail_after_whatsapp_failed_is_no_violation(
    snapshot: MessageSnapshot,
) -> None:
    refused = replace(BY_WHATSAPP, state="failed", reason="not on WhatsApp")
    told = replace(snapshot, deliveries=[refused, BY_MAIL])
    mail = AcceptedMessage("mail", "by-mail", "sari@example.org", "kopi-a\nkopi-b")

    assert [*find_violations(told, [mail])] == []


def test_a_message_without_a_delivery_row_is_found(snapshot: MessageSnapshot) -> None:
    strange = replace(CHAT, channel="mail")

    assert "mail accepted an unknown message" in [*find_violations(snapshot, [CHAT, strange])]


def test_a_paid_order_without_a_message_is_found(snapshot: MessageSnapshot) -> None:
    silent = replace(snapshot, messages=[], deliveries=[])

    assert [*find_violations(silent, [])] == ["order ORD-A: 0 messages about its vouchers"]


def test_a_message_without_a_delivery_is_found(snapshot: MessageSnapshot) -> None:
    forgotten = replace(snapshot, deliveries=[])

    assert [*find_violations(forgotten, [])] == ["message 7 (voucher.ready) has no delivery"]
