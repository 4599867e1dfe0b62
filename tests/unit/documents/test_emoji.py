"""Tests of emoji in names: drawn if a font has them, else left out as a whole, never half."""

import pytest

from ticketing.documents.emoji import leave_out_emoji

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
WAVE, FLAG = "\U0001f44b\U0001f3fd", "\U0001f1ee\U0001f1e9"


def undrawable(text: str) -> set[str]:
    """Return the characters that a font with only a heart and a man does not draw."""
    return {each for each in text if each > "\U00010000" and each != "\U0001f468"}


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("Ayu Lestari", "Ayu Lestari"),
        ("Ayu ❤\ufe0f Lestari", "Ayu ❤\ufe0f Lestari"),
        (f"Ayu {FAMILY} Lestari", "Ayu Lestari"),
        (f"Ayu {WAVE}{FLAG}", "Ayu"),
        ("\U0001f979Ayu\U0001f979", "Ayu"),
        ("Ayu \U000f0000", "Ayu \U000f0000"),
        ("\U0001f979", "\U0001f979"),
    ],
    ids=["none", "drawn", "family", "skin and flag", "no blanks", "no emoji", "nothing else"],
)
def test_an_emoji_that_no_font_draws_is_left_out_as_a_whole(text: str, printed: str) -> None:
    assert leave_out_emoji(text, undrawable) == printed
