from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.documents.text_fitting import PT_PER_MM, TextBox, fit_font_size, line_height

NAME = TextBox("fullName", 100, 20, 30, 8, 1.2, "Noto Sans:bold")
WORDS = st.lists(st.text("abcdefghij", min_size=1, max_size=15), min_size=1, max_size=40)


def half(_character: str) -> float:
    return 0.5


def test_a_short_name_is_as_large_as_it_may_be() -> None:
    assert fit_font_size("Od", NAME, half) == 30


def test_an_empty_text_always_fits() -> None:
    assert fit_font_size("", NAME, half) == 30


def test_a_name_is_rather_set_a_little_smaller_than_on_two_lines() -> None:
    size = fit_font_size("Ayu Kusumaningtyas", NAME, half)

    assert size is not None
    assert 21 <= size < 31
    assert size * 0.5 * 18 <= 100 * PT_PER_MM


def test_a_long_name_goes_on_two_lines_before_it_gets_small() -> None:
    name = "Ayu Kusumaningtyas Prabowo Wijaya"

    size = fit_font_size(name, NAME, half)

    assert size is not None
    assert size * 0.5 * len(name) > 100 * PT_PER_MM
    assert size * 1.2 * 2 <= 20 * PT_PER_MM


def test_a_word_is_parted_only_when_it_is_wider_than_a_line_of_the_smallest_type() -> None:
    parted = fit_font_size("w" * 150, NAME, half)
    whole = fit_font_size("w" * 60, NAME, half)

    assert parted is not None
    assert whole is not None
    assert whole * 0.5 * 60 <= 100 * PT_PER_MM


def test_a_text_that_cannot_fit_has_no_size() -> None:
    assert fit_font_size("w" * 2000, NAME, half) is None


def test_chinese_may_be_parted_between_any_two_characters() -> None:
    size = fit_font_size("王小明" * 6, NAME, lambda _character: 1.0)

    assert size is not None
    assert size > 18


def test_scripts_with_tall_marks_get_more_room_between_lines() -> None:
    latin = fit_font_size("sssss " * 20, NAME, half)
    thai = fit_font_size("สสสสส " * 20, NAME, half)

    assert latin is not None
    assert thai is not None
    assert thai < latin


@pytest.mark.parametrize(
    ("text", "least"), [("Ayu É", 1.2), ("สมชาย", 1.55), ("ស្រី", 1.9), ("ꦱꦸꦥꦿ", 2.2), ("Ayu ꦱ", 2.2)]
)
def test_the_line_height_follows_the_script(text: str, least: float) -> None:
    assert line_height(text, 1.2) == least
    assert line_height(text, 3) == 3


@given(WORDS, st.floats(0.3, 1.2))
def test_a_larger_place_never_makes_a_text_smaller(words: list[str], em: float) -> None:
    text = " ".join(words)
    larger = replace(NAME, height_mm=40.0)

    small, large = (fit_font_size(text, place, lambda _: em) for place in (NAME, larger))

    assert (large or 0) >= (small or 0)


@given(WORDS)
def test_the_area_of_the_type_never_exceeds_the_place(words: list[str]) -> None:
    text = " ".join(words)

    size = fit_font_size(text, NAME, half)

    if size is not None:
        ink = sum(len(word) for word in words) * 0.5 * size * size * NAME.leading
        assert ink <= NAME.width_mm * NAME.height_mm * PT_PER_MM**2


@pytest.mark.parametrize("text", ["Ayu", "Ayu Dewi " * 5, "w" * 100])
def test_the_size_lies_between_the_largest_and_the_smallest(text: str) -> None:
    size = fit_font_size(text, NAME, half)

    assert size is not None
    assert 8 <= size <= 30
