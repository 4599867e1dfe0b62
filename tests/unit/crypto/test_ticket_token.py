"""Tests of the token format: one text per token, one token per text, everything else refused."""

import re
from base64 import b32encode
from datetime import UTC, datetime

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from ticketing.crypto.ticket_token import (
    Claims,
    TicketIdentity,
    Token,
    decode_token,
    encode_token,
    signing_input,
)
from ticketing.platform.kernel.errors import Refused, UnreadableToken

instants = st.integers(0, 2**32 - 1).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
claims_of_any_kind = st.builds(
    Claims,
    key_generation=st.integers(0, 255),
    event_number=st.integers(0, 2**32 - 1),
    valid_from=instants,
    valid_until=instants,
    token_id=st.binary(min_size=10, max_size=10),
)
signatures = st.binary(min_size=64, max_size=64)


@pytest.fixture
def claims() -> Claims:
    return Claims(
        key_generation=1,
        event_number=456,
        valid_from=datetime(2026, 11, 20, 8, tzinfo=UTC),
        valid_until=datetime(2026, 12, 13, 5, tzinfo=UTC),
        token_id=bytes(range(0xF0, 0xFA)),
    )


@pytest.fixture
def text(claims: Claims) -> str:
    return encode_token(claims.pack(), bytes(range(64)))


@given(claims_of_any_kind, signatures)
def test_a_token_round_trips(claims: Claims, signature: bytes) -> None:
    text = encode_token(claims.pack(), signature)

    assert decode_token(text) == Token(claims, signature)


@given(claims_of_any_kind, signatures)
def test_a_text_is_144_characters_of_the_qr_s_alphanumeric_set(
    claims: Claims, signature: bytes
) -> None:
    assert re.fullmatch("TC1[A-Z2-7]{141}", encode_token(claims.pack(), signature))


def test_a_text_fits_a_qr_of_version_6_at_level_m(text: str) -> None:
    code = segno.make(text, error="m", boost_error=False, micro=False)

    assert (code.version, code.mode) == (6, "alphanumeric")


def test_every_field_has_its_place(claims: Claims) -> None:
    assert claims.pack().hex() == (
        "01" "01" "000001c8" "6afffe00" "6b1e2650" "f0f1f2f3f4f5f6f7f8f9"
    )  # fmt: skip


def test_the_signed_bytes_begin_with_their_purpose(claims: Claims) -> None:
    assert signing_input(claims.pack()) == b"ticketing qr token 1\x00" + claims.pack()


@pytest.mark.parametrize(
    ("start", "stop", "other"),
    [
        (144, 144, "="),
        (144, 144, "==="),
        (144, 144, "A"),
        (144, 144, "\n"),
        (143, 144, ""),
        (0, 0, " "),
        (0, 3, "tc1"),
        (0, 3, "TC2"),
        (0, 3, "HC1"),
        (50, 51, " "),
        (50, 51, "1"),
        (50, 51, "a"),
        (50, 51, "\u0130"),
    ],
)
def test_no_other_spelling_is_read(text: str, start: int, stop: int, other: str) -> None:
    alias = text[:start] + other + text[stop:]

    with pytest.raises(UnreadableToken):
        decode_token(alias)


def test_lower_case_is_not_read(text: str) -> None:
    with pytest.raises(UnreadableToken):
        decode_token(text.lower())


def test_the_spare_bit_of_the_last_character_makes_no_second_text(text: str) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    alias = text[:-1] + alphabet[alphabet.index(text[-1]) ^ 1]

    with pytest.raises(UnreadableToken, match="not canonical"):
        decode_token(alias)


def test_a_later_version_is_refused_by_its_number(claims: Claims) -> None:
    later = b"\x02" + claims.pack()[1:] + bytes(64)
    text = "TC1" + b32encode(later).decode().rstrip("=")

    with pytest.raises(UnreadableToken, match="version 2"):
        decode_token(text)


@given(st.text() | st.from_regex("TC1[A-Z2-7]{141}", fullmatch=True))
def test_any_text_is_one_token_s_text_or_refused(text: str) -> None:
    try:
        token = decode_token(text)
    except UnreadableToken:
        return
    assert encode_token(token.claims.pack(), token.signature) == text


def test_a_refusal_does_not_repeat_the_text(text: str) -> None:
    with pytest.raises(UnreadableToken) as refusal:
        decode_token(text + "A")

    assert text not in str(refusal.value)


@pytest.mark.parametrize(
    ("event_number", "year"), [(2**32, 2026), (-1, 2026), (1, 2107), (1, 1969)]
)
def test_values_out_of_range_are_refused_with_the_limits(event_number: int, year: int) -> None:
    claims = Claims(
        1,
        event_number,
        datetime(1971, 1, 1, tzinfo=UTC),
        datetime(year, 1, 1, tzinfo=UTC),
        b"0" * 10,
    )

    with pytest.raises(Refused, match="1970 to 2105"):
        claims.pack()


def test_a_repr_shows_neither_token_nor_signature(claims: Claims, text: str) -> None:
    identity = TicketIdentity("TC-2026-00000000", b"secretoken", text)
    shown = repr(Token(claims, b"signature" * 7 + b"!")) + repr(identity)

    assert text not in shown
    assert "signature" not in shown
    assert "secret" not in shown
    assert repr(claims.token_id) not in shown
