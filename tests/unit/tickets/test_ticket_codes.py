"""Tests of ticket codes: case-insensitive, with detection of typing errors."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel.base32 import CROCKFORD_ALPHABET
from ticketing.platform.kernel.errors import UnreadableCode
from ticketing.tickets.model import TICKET_CODE_BYTES, encode_ticket_code, normalise_ticket_code

randomness = st.binary(min_size=TICKET_CODE_BYTES, max_size=TICKET_CODE_BYTES)
codes = st.builds(encode_ticket_code, st.integers(1000, 9999), randomness)
PLACES = [3, 4, 5, 6, *range(8, 16)]  # the year's digits, and the eight characters
SAMPLES = [
    encode_ticket_code(2026, bytes(5)),
    encode_ticket_code(2026, b"\xff" * 5),
    encode_ticket_code(1999, b"gates"),
]


@given(codes)
def test_a_code_is_its_own_one_spelling(code: str) -> None:
    assert normalise_ticket_code(code) == code


def test_a_code_names_the_year_of_its_event() -> None:
    assert encode_ticket_code(2026, bytes(5)).startswith("TC-2026-0000000")


@given(st.lists(st.integers(0, 2**35 - 1), min_size=2, max_size=50, unique=True))
def test_different_drawings_give_different_codes(drawings: list[int]) -> None:
    drawn = {encode_ticket_code(2026, number.to_bytes(5, "big")) for number in drawings}

    assert len(drawn) == len(drawings)


@given(codes, st.data())
def test_case_spaces_and_look_alikes_do_not_matter(code: str, data: st.DataObject) -> None:
    sloppy = code[:3] + code[3:].replace("1", data.draw(st.sampled_from("1iIlL")))
    sloppy = sloppy.replace("0", data.draw(st.sampled_from("0oO")))
    sloppy = sloppy.replace("-", data.draw(st.sampled_from(["-", " ", "", " - ", "\t"])))

    assert (
        normalise_ticket_code(data.draw(st.sampled_from([sloppy, sloppy.lower(), f" {sloppy}\n"])))
        == code
    )


@pytest.mark.parametrize("code", SAMPLES)
@pytest.mark.parametrize("place", PLACES)
def test_every_single_wrong_character_is_caught(code: str, place: int) -> None:
    wrong = {code[:place] + other + code[place + 1 :] for other in CROCKFORD_ALPHABET} - {code}

    for typed in wrong:
        with pytest.raises(UnreadableCode):
            normalise_ticket_code(typed)


@given(codes)
def test_every_exchange_of_two_characters_is_caught(code: str) -> None:
    for first, second in combinations(PLACES, 2):
        typed = list(code)
        typed[first], typed[second] = typed[second], typed[first]
        exchanged = "".join(typed)
        if exchanged != code:
            with pytest.raises(UnreadableCode):
                normalise_ticket_code(exchanged)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "TC",
        "TC-2026-",
        "TC-2026-0000000",
        "TC-2026-000000000",
        "TC-2026-U0000000",
        "XC-2026-00000000",
        "\uff34\uff23-2026-00000000",
        "TC-2026-0000000\u0131",
        "TC-\uff12\uff10\uff12\uff16-00000000",
        "TC1" + "A" * 141,
        "TC-2026-00000000' OR 1=1",
        "x" * 1_000_000,
    ],
)
def test_a_text_of_another_format_is_no_code(text: str) -> None:
    with pytest.raises(UnreadableCode, match="not a ticket code"):
        normalise_ticket_code(text)


@given(st.text())
def test_any_text_is_a_code_or_refused(text: str) -> None:
    try:
        code = normalise_ticket_code(text)
    except UnreadableCode:
        return
    assert normalise_ticket_code(code) == code
