"""Texts, JSON and notifications without a person."""

import json

import pytest

from ticketing.people_data.scrub import (
    REDUCED_PREFIX,
    contact_pattern,
    name_pattern,
    reduce_notification,
    scrub_body,
    scrub_json,
    scrub_text,
)
from ticketing.selling.payments.midtrans.notification import parse_notification
from ticketing.selling.payments.midtrans.signed_fields import read_stored_fields

CONTACTS = contact_pattern(["siti@example.org", "+6281234567890"])


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("to SITI@example.org.", "to [erased]."),
        ("to asiti@example.org, siti@example.org.au", "to asiti@example.org, siti@example.org.au"),
        ("call 0812-3456-7890 or +62 812 3456 7890", "call [erased] or [erased]"),
        ("6281234567890@c.us", "[erased]@c.us"),
        ("order 9081234567890, 812345678901", "order 9081234567890, 812345678901"),
    ],
)
def test_contacts_are_replaced_in_any_spelling_and_nothing_else_is(
    text: str, scrubbed: str
) -> None:
    assert scrub_text(text, CONTACTS) == scrubbed


def test_names_are_replaced_as_whole_words_and_the_longest_first() -> None:
    pattern = name_pattern(["Siti", "Siti Rahmawati", ""])

    assert scrub_text("siti  rahmawati, Siti, Sitinjak", pattern) == "[erased], [erased], Sitinjak"


def test_without_contacts_nothing_is_replaced() -> None:
    assert (contact_pattern([]), name_pattern([])) == ("", "")
    assert scrub_text("anything", "") == "anything"
    assert scrub_json({"a": 1}, "") == {"a": 1}


def test_json_keeps_its_shape_and_its_numbers() -> None:
    value = {"siti@example.org": [6281234567890, 12, True, None, 1.5, {"to": "siti@example.org"}]}

    assert scrub_json(value, CONTACTS) == {
        "[erased]": ["[erased]", 12, True, None, 1.5, {"to": "[erased]"}]
    }
    assert json.loads(scrub_body(json.dumps(value).encode(), CONTACTS)) == scrub_json(
        value, CONTACTS
    )
    assert scrub_body(b"\xff", CONTACTS) == b"{}"


@pytest.mark.parametrize("body", [b"\xff", b"[1]", b'{"customer_details": {"email": "x"}}'])
def test_a_notification_without_ids_keeps_nothing(body: bytes) -> None:
    assert json.loads(reduce_notification(body)) == {"erased": True}


def test_a_notification_keeps_all_that_settling_and_replaying_read() -> None:
    body = b"""{
        "order_id": "ORD-1/1", "transaction_id": "t-1", "status_code": "200",
        "gross_amount": 9000.00,
        "signature_key": "ab", "payment_type": "bank_transfer", "transaction_status": "settlement",
        "fraud_status": "accept", "currency": "IDR", "custom_field1": "ORD-1/1",
        "transaction_time": "2026-11-20 08:00:00", "settlement_time": "2026-11-20 08:00:01",
        "va_numbers": [{"bank": "bca", "va_number": "12345678901"}],
        "metadata": {"extra_info": {"gross_amount_info": {"original_amount": "8000.00"}}},
        "merchant_note": "Siti",
        "refund_amount": "1000.00", "customer_details": {"email": "siti@example.org"},
        "refunds": [{"refund_key": "r", "refund_amount": "1000.00", "reason": "Siti asked"}]}"""

    once = reduce_notification(body)

    assert b"iti" not in once
    assert parse_notification(once) == parse_notification(body)
    assert read_stored_fields(once) == read_stored_fields(body)
    assert once.startswith(REDUCED_PREFIX)
    assert reduce_notification(once) == once
