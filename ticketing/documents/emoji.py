"""Emoji in printed texts: one that no installed font draws is left out, and the text is kept.

A name with an emoji is a real name, usually copied from a messenger; the ticket is valid without
the picture. Any other character without a glyph is an error, because it belongs to the name.
"""

import re
from collections.abc import Callable

_PICTOGRAPH = "[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"
_SELECTORS = "[\ufe0e\ufe0f\u20e3]*"
_SKIN_TONE = "[\U0001f3fb-\U0001f3ff]"
# a family or a waving hand is several characters, of which none may be left alone
_EMOJI = re.compile(
    f"(?:[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTOGRAPH}{_SELECTORS}"
    f"(?:{_SKIN_TONE}{_SELECTORS}|\u200d{_PICTOGRAPH}{_SELECTORS})*)"
)


def leave_out_emoji(text: str, undrawable: Callable[[str], object]) -> str:
    """Return the text without the emoji that contain an undrawable character.

    A text of nothing else is returned unchanged, because an empty name identifies nobody.
    """
    if text.isascii():
        return text
    kept = _EMOJI.sub(lambda emoji: "" if undrawable(emoji[0]) else emoji[0], text)
    return text if kept == text else " ".join(kept.split()) or text
