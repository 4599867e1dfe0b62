"""Tests of reading Midtrans statuses: signature vectors, times, amounts, malformed bodies."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.orders.payment_attempt import AttemptState, PaymentStatus
from ticketing.platform.kernel.errors import UnreadableNotification
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.payments.midtrans.notification import (
    MidtransRefund,
    parse_notification,
)
from ticketing.selling.payments.midtrans.signed_fields import (
    has_valid_signature,
    is_signed,
    parse_signed_fields,
)

KEY = "SB-Mid-server-DEMO"
SIGNED = {
    "200": "a62b1a75761d083ba687fd5ba865aaa0560534c6b1483ba5fb685936f9bfc9a0"
    "250957fcaf37e4d054a34a91385ad901f4addb45b0aa45013e66aca378aea6c8",
    "201": "c0fa2b6b56094354387a33dac01327ff86b11fbbd78c90a3984e3a5c6adebf53"
    "c4f1eac357f33381de84846fad2d2801a5a00fdaf8327012e1a65fa35a18bf87",
    "202": "cb10bfa6e589c326f04a7cf4ca002173ff8ebbd332146236a74f6053136d04a0"
    "e192c3b0e8e37a7c3fd1619f2489bb2c821844f5ce372d30afc7e4afc268f6e0",
}

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.fixture
def settled() -> dict[str, object]:
    return {
        "transaction_time": "2026-01-31 19:05:10",
        "transaction_status": "settlement",
        "transaction_id": "b5d4a6a2-0a56-4a3e-a7c2-5a8c1f0d9e11",
        "status_message": "midtrans payment notification",
        "status_code": "200",
        "signature_key": SIGNED["200"],
        "settlement_time": "2026-01-31 19:06:44",
        "payment_type": "bank_transfer",
        "order_id": "ORD-2026-0001",
        "gross_amount": "200000.00",
        "fraud_status": "accept",
        "currency": "IDR",
        "expiry_time": "2026-01-31 19:35:10",
    }


def test_a_settled_payment_is_read_with_its_times_in_utc(settled: dict[str, object]) -> None:
    body = json.dumps(settled).encode()

    notification = parse_notification(body)

    assert notification.began_at == datetime(2026, 1, 31, 12, 5, 10, tzinfo=UTC)
    assert notification.settled_at == datetime(2026, 1, 31, 12, 6, 44, tzinfo=UTC)
    assert notification.expires_at == datetime(2026, 1, 31, 12, 35, 10, tzinfo=UTC)
    assert notification.payment_type == "bank_transfer"
    assert notification.payment_status == PaymentStatus(
        "ORD-2026-0001",
        "b5d4a6a2-0a56-4a3e-a7c2-5a8c1f0d9e11",
        AttemptState.SETTLED,
        Rupiah(200_000),
        Rupiah(0),
        "bank_transfer",
    )


@pytest.mark.parametrize(
    ("status", "fraud", "code", "state"),
    [
        ("pending", "accept", "201", AttemptState.PENDING),
        ("PENDING", None, "201", AttemptState.PENDING),
        ("capture", "accept", "200", AttemptState.CAPTURED),
        ("capture", "challenge", "201", AttemptState.CHALLENGE),
        ("settlement", None, "200", AttemptState.SETTLED),
        ("deny", "deny", "202", AttemptState.DENIED),
        ("expire", "accept", "202", AttemptState.EXPIRED),
        ("expire", "accept", "407", AttemptState.EXPIRED),
        ("refund", "accept", "200", AttemptState.REFUNDED),
    ],
)
def test_statuses_of_midtrans_are_mapped_to_our_states(
    settled: dict[str, object], status: str, fraud: str | None, code: str, state: AttemptState
) -> None:
    said = settled | {"transaction_status": status, "fraud_status": fraud, "status_code": code}

    notification = parse_notification(json.dumps(said).encode())

    assert notification.state is state


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-01-31T12:05:10Z", datetime(2026, 1, 31, 12, 5, 10, tzinfo=UTC)),
        ("2026-01-31T19:05:10+07:00", datetime(2026, 1, 31, 12, 5, 10, tzinfo=UTC)),
        ("0001-01-01", None),
        ("yesterday", None),
        (1, None),
        (None, None),
    ],
)
def test_a_time_in_another_format_is_read_or_left_out(
    settled: dict[str, object], written: object, read: datetime | None
) -> None:
    body = json.dumps(settled | {"transaction_time": written}).encode()

    assert parse_notification(body).began_at == read


@pytest.mark.parametrize(
    "changed",
    [
        {"transaction_time": None},
        {"transaction_status": "paid_by_moonlight"},
        {"transaction_id": 7},
        {"status_code": 200},
        {"gross_amount": 200000},
        {"refunds": "none"},
        {"metadata": [{}]},
        {"currency": "USD"},
    ],
)
def test_a_signature_is_valid_whatever_the_other_fields_look_like(
    settled: dict[str, object], changed: dict[str, object]
) -> None:
    fields = parse_signed_fields(json.dumps(settled | changed).encode())

    assert is_signed(fields, KEY)
    assert fields.reports_money


def test_a_number_is_signed_as_it_was_written(settled: dict[str, object]) -> None:
    written = json.dumps(settled | {"gross_amount": 2}).replace(": 2,", ": 200000.00,").encode()

    assert is_signed(parse_signed_fields(written), KEY)
    assert not is_signed(parse_signed_fields(written.replace(b"200000.00", b"200000.01")), KEY)


@pytest.mark.parametrize("code", SIGNED)
def test_a_genuine_signature_matches(settled: dict[str, object], code: str) -> None:
    said = settled | {
        "status_code": code,
        "signature_key": SIGNED[code],
        "transaction_status": "pending",
    }

    notification = parse_notification(json.dumps(said).encode())

    assert has_valid_signature(notification, KEY)


def test_the_signature_covers_the_amount_as_it_was_written(settled: dict[str, object]) -> None:
    same_amount = settled | {"gross_amount": "200000"}

    notification = parse_notification(json.dumps(same_amount).encode())

    assert notification.amount == Rupiah(200_000)
    assert not has_valid_signature(notification, KEY)


@pytest.mark.parametrize(
    "changed",
    [
        {"order_id": "ORD-2026-0002"},
        {"gross_amount": "1.00"},
        {"signature_key": SIGNED["201"]},
        {"signature_key": SIGNED["200"].upper()},
        {"signature_key": SIGNED["200"][:-1]},
        {"signature_key": f"{SIGNED['200']} "},
        {"signature_key": "é" * 128},
        {"signature_key": ""},
        {"signature_key": None},
    ],
)
def test_a_forged_signature_does_not_match(
    settled: dict[str, object], changed: dict[str, object]
) -> None:
    notification = parse_notification(json.dumps(settled | changed).encode())

    assert not has_valid_signature(notification, KEY)


def test_a_signature_with_an_empty_key_is_refused(settled: dict[str, object]) -> None:
    # SHA-512 of order id, code and amount alone
    forged = (
        "a6c3b593ee335f0fdf96fa6ab457fa344b4added4616ead5da2bf9ccffcb48ed"
        "40c7ebee5889d11a3df949017d27acf5dd4da59bb4d25c26eb502cdd7b89d213"
    )
    notification = parse_notification(json.dumps(settled | {"signature_key": forged}).encode())

    assert not has_valid_signature(notification, "")


def test_a_fee_put_on_the_buyer_is_not_part_of_the_orders_amount(
    settled: dict[str, object],
) -> None:
    told = {"original_amount": "200000.00", "gross_amount": "204000.00"}
    metadata = {"extra_info": {"gross_amount_info": told}}
    said = settled | {"gross_amount": "204000.00", "metadata": metadata}

    notification = parse_notification(json.dumps(said).encode())

    assert notification.amount == Rupiah(200_000)
    assert notification.gross_amount == "204000.00"


def test_refunds_are_read_with_their_keys_and_their_sum(settled: dict[str, object]) -> None:
    first = {"refund_key": "R1", "refund_amount": "50000.00", "bank_confirmed_at": "2026-02-01"}
    second = {"refund_key": "R2", "refund_amount": "25000.00"}
    said = settled | {
        "transaction_status": "partial_refund",
        "refund_amount": "75000.00",
        "refunds": [first, second],
    }

    notification = parse_notification(json.dumps(said).encode())

    assert notification.refunded == Rupiah(75_000)
    assert notification.refunds == (
        MidtransRefund("R1", Rupiah(50_000), confirmed=True),
        MidtransRefund("R2", Rupiah(25_000), confirmed=False),
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"order_id": None},
        {"order_id": 7},
        {"order_id": ""},
        {"order_id": "a\0b"},
        {"order_id": "\ud800"},
        {"status_code": True},
        {"gross_amount": False},
        {"gross_amount": 200000.5},
        {"currency": "USD"},
        {"gross_amount": "200000.50"},
        {"gross_amount": "-1.00"},
        {"transaction_status": "paid"},
        {"transaction_status": "reversal"},
        {"status_code": "201"},
        {"refunds": "none"},
        {"refunds": [{}]},
        {"refund_amount": "five"},
        {
            "metadata": {
                "extra_info": {"gross_amount_info": {"original_amount": "200001.00"}},
            }
        },
    ],
)
def test_an_invalid_notification_is_unreadable(
    settled: dict[str, object], changed: dict[str, object]
) -> None:
    body = json.dumps(settled | changed).encode()

    with pytest.raises(UnreadableNotification):
        parse_notification(body)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'"text"', b"{"]
)
def test_a_body_that_is_no_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableNotification):
        parse_notification(body)


@given(body=st.binary())
def test_any_bytes_are_at_most_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableNotification):
        parse_notification(body)


@given(
    name=st.sampled_from(
        ["order_id", "gross_amount", "transaction_status", "refunds", "metadata", "expiry_time"]
    ),
    value=JSON_VALUES,
)
def test_any_value_in_any_field_is_read_or_unreadable(name: str, value: object) -> None:
    said = {
        "transaction_time": "2026-01-31 19:05:10",
        "transaction_status": "pending",
        "transaction_id": "b5d4a6a2",
        "status_code": "201",
        "order_id": "ORD-2026-0001",
        "gross_amount": "200000.00",
        name: value,
    }

    try:
        notification = parse_notification(json.dumps(said).encode())
    except UnreadableNotification:
        return

    assert notification.state is not AttemptState.CREATED
    assert has_valid_signature(notification, KEY) is False
