"""Tests of cleaning names and numbers from spreadsheets and keyboards."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel.text import (
    guard_formula,
    is_mangled_number,
    normalise_text,
    strip_spreadsheet_guard,
)

# any text, with more of the marks that make trouble than chance would give
TROUBLE = st.sampled_from(
    [
        *"\u200b\u200c\u200d\u200e\u00ad\u00a0\ufeff\u202e\u2066\t\n\x00\x1c\x85\u2028 eE'=+-@كى",
        *("\u0301", "\u0327", "e\u0301", "\u1100\u1161", '="', '"'),
    ]
)
texts = st.lists(st.one_of(TROUBLE, st.characters()), max_size=20).map("".join)


@given(texts)
def test_tidying_twice_changes_nothing_more(text: str) -> None:
    once = normalise_text(text)

    assert normalise_text(once) == once


@given(texts)
def test_a_tidy_text_is_composed_and_single_spaced(text: str) -> None:
    tidied = normalise_text(text)

    assert unicodedata.is_normalized("NFC", tidied)
    assert tidied == " ".join(tidied.split())


@given(texts)
def test_composed_and_decomposed_spellings_become_one(text: str) -> None:
    assert normalise_text(unicodedata.normalize("NFD", text)) == normalise_text(
        unicodedata.normalize("NFC", text)
    )


@given(st.text(alphabet=st.characters(categories=["Lu", "Ll", "Lo"]), min_size=1))
def test_no_letter_is_ever_lost(letters: str) -> None:
    assert normalise_text(letters) == unicodedata.normalize("NFC", letters)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("  Budi   Santoso ", "Budi Santoso"),
        ("Budi\u00a0Santoso", "Budi Santoso"),
        ("Jose\u0301", "José"),
        ("\ufeffSiti", "Siti"),
        ("Si\u200bti", "Siti"),
        ("evil\u202egnp", "evilgnp"),
        ("Budi\tSantoso\r\n", "Budi Santoso"),
        ("Bu\x00di\x7f", "Budi"),
        ("\u200dBudi\u200c", "Budi"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # noqa: RUF001 - Persian
        ("क्\u200dष", "क्\u200dष"),
        ("क्\u200d\u200d\u200cष", "क्\u200dष"),
        ("ꦧꦸꦢꦶ  ꦥꦸꦠꦿ", "ꦧꦸꦢꦶ ꦥꦸꦠꦿ"),
    ],
)
def test_equivalent_spellings_are_normalised(written: str, expected: str) -> None:
    assert normalise_text(written) == expected


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("'0812", "0812"),
        ('="0812"', "0812"),
        ('=""', ""),
        ("0812", "0812"),
        ("", ""),
        ('="', '="'),
    ],
)
def test_a_spreadsheets_wrapping_is_taken_off(cell: str, value: str) -> None:
    assert strip_spreadsheet_guard(cell) == value


@pytest.mark.parametrize("name", ["'Abd al-Rahman", "'Aisyah"])
def test_a_name_keeps_the_apostrophe_it_begins_with(name: str) -> None:
    assert strip_spreadsheet_guard(name, is_name=True) == name


@given(st.text(min_size=1).filter(lambda text: not text.startswith(("'", '="'))))
def test_an_escaped_cell_is_no_formula_and_can_be_unescaped(text: str) -> None:
    cell = guard_formula(text)

    assert not cell.startswith(("=", "+", "-", "@"))
    assert strip_spreadsheet_guard(cell) == text
    assert strip_spreadsheet_guard(cell, is_name=True) == text


@pytest.mark.parametrize("number", ["6.28123E+11", "6,28123E+11", "2E+09", "6.28e+11", "+1.5E+3"])
def test_a_number_in_its_short_form_is_recognised(number: str) -> None:
    assert is_mangled_number(number)


@pytest.mark.parametrize("number", ["081234567890", "+6281234", "12E5", "1E10", "E+1", "1E+", ""])
def test_numbers_and_codes_are_not_taken_for_short_forms(number: str) -> None:
    assert not is_mangled_number(number)
