"""Text for printing: normalised, on one line, without invisible misleading characters."""

import re
import unicodedata

# U+200C and U+200D are kept, they shape Persian and Indic words; U+200E and U+200F order
# mixed directions. Overrides and isolates (U+202A-202E, U+2066-2069) could make a name read as
# another one at the entrance.
_STRIPPED = re.compile(
    "[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u00ad\u200b\u202a-\u202e"
    "\u2060-\u2069\u206a-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
_WHITESPACE = re.compile(r"[ \t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
_GLYPHLESS_CATEGORIES = frozenset({"Cf", "Zs", "Zl", "Zp", "Cc"})


def to_printable(text: str) -> str:
    """Return the text in NFC, on one line, without controls and direction overrides."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    composed = unicodedata.normalize("NFC", text)
    return _WHITESPACE.sub(" ", _STRIPPED.sub("", _WHITESPACE.sub(" ", composed))).strip()


def requires_glyph(character: str) -> bool:
    """Return whether a font must have a glyph; joiners, blanks, variation selectors need none.

    A combining mark needs one: without it a dotted circle or a box is drawn.
    """
    return unicodedata.category(character) not in _GLYPHLESS_CATEGORIES and not (
        "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    )
