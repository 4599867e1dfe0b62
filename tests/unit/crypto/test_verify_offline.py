"""Tests of offline verification with public keys: refuses forged tickets with a reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.ticket_token import Claims, decode_token, encode_token
from ticketing.crypto.verify import RejectionReason, verify_offline

EVENT = UUID(int=7)
ISSUED = datetime(2026, 11, 20, 8, tzinfo=UTC)
OVER = datetime(2026, 12, 13, 5, tzinfo=UTC)
DOORS_OPEN = datetime(2026, 12, 12, 1, tzinfo=UTC)
KEYS = KeyRing(bytes(32))
PUBLIC = {generation: KEYS.public_key(EVENT, generation) for generation in (1, 2)}
CLAIMS = Claims(2, 456, ISSUED, OVER, b"0123456789")
PACKED = CLAIMS.pack()
TEXT = encode_token(PACKED, KEYS.signer_for_generation(EVENT, 2).sign(PACKED))


def test_a_genuine_ticket_passes_with_its_claims() -> None:
    verdict = verify_offline(TEXT, event_number=456, public_keys=PUBLIC, at=DOORS_OPEN)

    assert verdict.is_valid
    assert verdict.reason == "valid"
    assert verdict.claims == CLAIMS


@pytest.mark.parametrize("generation", [1, 2])
def test_tickets_of_every_generation_known_to_the_gate_pass(generation: int) -> None:
    packed = replace(CLAIMS, key_generation=generation).pack()
    text = encode_token(packed, KEYS.signer_for_generation(EVENT, generation).sign(packed))

    assert verify_offline(text, event_number=456, public_keys=PUBLIC, at=DOORS_OPEN).is_valid


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", RejectionReason.WRONG_PREFIX),
        ("https://example.org/", RejectionReason.WRONG_PREFIX),
        (TEXT.lower(), RejectionReason.WRONG_PREFIX),
        (" " + TEXT, RejectionReason.WRONG_PREFIX),
        ("TC1", RejectionReason.MALFORMED),
        (TEXT + "A", RejectionReason.MALFORMED),
        (TEXT + "\n", RejectionReason.MALFORMED),
        (TEXT[:-1] + TEXT[-1].lower(), RejectionReason.MALFORMED),
    ],
)
def test_a_malformed_token_is_refused_before_any_key_is_used(
    text: str, refusal: RejectionReason
) -> None:
    verdict = verify_offline(text, event_number=456, public_keys={}, at=DOORS_OPEN)

    assert verdict.rejection is refusal
    assert verdict.claims is None


@pytest.mark.parametrize("place", range(88))
@pytest.mark.parametrize("bit", [0x01, 0x80])
def test_a_changed_byte_anywhere_is_refused(place: int, bit: int) -> None:
    raw = bytearray(PACKED + decode_token(TEXT).signature)
    raw[place] ^= bit
    forged = encode_token(bytes(raw[:24]), bytes(raw[24:]))

    verdict = verify_offline(forged, event_number=456, public_keys=PUBLIC, at=DOORS_OPEN)

    assert not verdict.is_valid
    assert verdict.claims is None


@given(st.integers(3, 143), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_a_changed_character_anywhere_is_refused(place: int, other: str) -> None:
    forged = TEXT[:place] + other + TEXT[place + 1 :]

    verdict = verify_offline(forged, event_number=456, public_keys=PUBLIC, at=DOORS_OPEN)

    assert verdict.is_valid == (forged == TEXT)


def test_the_order_of_the_group_added_to_a_signature_makes_no_second_ticket() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    signature = decode_token(TEXT).signature
    scalar = int.from_bytes(signature[32:], "little") + order
    twin = encode_token(PACKED, signature[:32] + scalar.to_bytes(32, "little"))

    verdict = verify_offline(twin, event_number=456, public_keys=PUBLIC, at=DOORS_OPEN)

    assert verdict.rejection is RejectionReason.BAD_SIGNATURE


def test_a_signature_made_for_another_purpose_is_refused() -> None:
    key = SigningKey(bytes(32))
    text = encode_token(PACKED, key.sign(PACKED).signature)

    verdict = verify_offline(
        text, event_number=456, public_keys={2: bytes(key.verify_key)}, at=DOORS_OPEN
    )

    assert verdict.rejection is RejectionReason.BAD_SIGNATURE


def test_a_ticket_signed_with_the_key_of_another_event_is_refused() -> None:
    others = {2: KEYS.public_key(UUID(int=8), 2)}

    verdict = verify_offline(TEXT, event_number=456, public_keys=others, at=DOORS_OPEN)

    assert verdict.rejection is RejectionReason.BAD_SIGNATURE


def test_a_generation_unknown_to_the_gate_is_an_unknown_key() -> None:
    verdict = verify_offline(TEXT, event_number=456, public_keys={1: PUBLIC[1]}, at=DOORS_OPEN)

    assert verdict.reason == "unknown key: generation 2"


def test_a_ticket_of_another_event_is_refused_with_the_reason() -> None:
    verdict = verify_offline(TEXT, event_number=457, public_keys=PUBLIC, at=DOORS_OPEN)

    assert verdict.reason == "wrong event: event 456"


@pytest.mark.parametrize(
    ("at", "refusal"),
    [
        (ISSUED - timedelta(minutes=2, seconds=1), RejectionReason.NOT_YET_VALID),
        (ISSUED - timedelta(minutes=2), None),
        (ISSUED, None),
        (OVER, None),
        (OVER + timedelta(minutes=2), None),
        (OVER + timedelta(minutes=2, seconds=1), RejectionReason.EXPIRED),
    ],
)
def test_a_gate_s_clock_may_be_two_minutes_off(
    at: datetime, refusal: RejectionReason | None
) -> None:
    verdict = verify_offline(TEXT, event_number=456, public_keys=PUBLIC, at=at)

    assert verdict.rejection is refusal


def test_a_postponed_event_s_gate_lets_earlier_tickets_pass() -> None:
    postponed = OVER + timedelta(days=30)

    verdict = verify_offline(
        TEXT,
        event_number=456,
        public_keys=PUBLIC,
        at=postponed - timedelta(days=1),
        valid_until=postponed,
    )

    assert verdict.is_valid
