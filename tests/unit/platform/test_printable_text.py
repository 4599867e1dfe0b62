# ruff: noqa: RUF001 - letters of every script are what is tested here
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel.text import requires_glyph, to_printable


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("  Ayu   Dewi ", "Ayu Dewi"),
        ("Budi\tSantoso\r\n", "Budi Santoso"),
        ("e\u0301le\u0300ve", "élève"),
        ("\ufeffSiti", "Siti"),
        ("soft\u00adhyphen", "softhyphen"),
        ("nul\x00l", "null"),
        ("two\u2028lines", "two lines"),
    ],
)
def test_text_is_printed_in_one_spelling_on_one_line(written: str, printed: str) -> None:
    assert to_printable(written) == printed


def test_a_name_cannot_be_made_to_read_backwards() -> None:
    name = "Ayu \u202eidub\u202c"

    assert to_printable(name) == "Ayu idub"


@pytest.mark.parametrize("name", ["न\u200dम", "می\u200cخواهم", "O’Brien", "nb\u00a0space"])
def test_characters_that_shape_words_are_kept(name: str) -> None:
    assert to_printable(name) == name


@given(st.text())
def test_printing_twice_changes_nothing(text: str) -> None:
    once = to_printable(text)

    assert to_printable(once) == once


@given(st.text(st.characters(categories=["L", "Nd"])))
def test_letters_and_digits_are_never_lost(text: str) -> None:
    assert to_printable(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("character", ["A", "ก", "\u0301", "ꦱ", "\ue000", "😀"])
def test_visible_characters_need_a_glyph(character: str) -> None:
    assert requires_glyph(character)


@pytest.mark.parametrize("character", [" ", "\u200d", "\u200e", "\ufe0f", "\U000e0100"])
def test_invisible_characters_need_no_glyph(character: str) -> None:
    assert not requires_glyph(character)
