"""Normalisation of text: of input from spreadsheets and keyboards, and for printing."""

import re
import unicodedata

# Invisible characters: soft hyphen, direction marks and overrides, word joiner, BOM, fillers.
# The two joiners U+200C and U+200D are not here: Persian and Indic spelling needs them.
_INVISIBLE = dict.fromkeys(
    [
        0x00AD,
        0x034F,
        0x061C,
        0x180E,
        0x200B,
        0x200E,
        0x200F,
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        0xFEFF,
        0xFFF9,
        0xFFFA,
        0xFFFB,
    ]
)
_WHITE_CONTROLS = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85")
_CONTROLS = {
    code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in _WHITE_CONTROLS
}
_STRIPPED = _INVISIBLE | _CONTROLS
_JOINED = r"[\u0300-\u1fff\u2c00-\U0010ffff]"  # letters that a joiner can stand between
_JOINERS = re.compile("([\u200c\u200d])[\u200c\u200d]*")
_KEPT_JOINER = re.compile(f"(?<={_JOINED})[\u200c\u200d](?={_JOINED})")
_SCIENTIFIC_NOTATION = re.compile(r"[+-]?\d+(?:[.,]\d+)?E\+\d+", re.IGNORECASE)
_WRAPPED_FORMULA = re.compile(r'="(.*)"')
_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")


def normalise_text(text: str) -> str:
    """Return the text in NFC, trimmed, with single blanks, without invisible characters.

    The function is idempotent.
    """
    if text.isprintable() and (text.isascii() or unicodedata.is_normalized("NFC", text)):
        return " ".join(text.split()) if " " in text else text
    once = _normalise_once(text)
    # Removing a character can bring a letter and its accent together: repeat until stable.
    return once if once == text else normalise_text(once)


def _normalise_once(text: str) -> str:
    seen = unicodedata.normalize("NFC", text.translate(_STRIPPED))
    single = _JOINERS.sub(r"\1", seen)
    joined = _JOINERS.sub(
        lambda run: run[0] if _KEPT_JOINER.match(single, run.start()) else "", single
    )
    return unicodedata.normalize("NFC", " ".join(joined.split()))


_FILLERS = dict.fromkeys(
    [
        0x034F,
        0x115F,
        0x1160,
        0x17B4,
        0x17B5,
        0x3164,
        0xFFA0,
        *range(0x1D173, 0x1D17B),
        *range(0xE0000, 0xE0080),
    ]
) | {0x2800: " "}
_VARIATION_SELECTORS = re.compile("(?<![^\\x00-\\x7f])[\ufe00-\ufe0f\U000e0100-\U000e01ef]+")


def strip_fillers(text: str) -> str:
    """Return a name without letters that print nothing: fillers, tags, stray variation selectors.

    A selector behind an ideograph or an emoji belongs to it.
    """
    return normalise_text(_VARIATION_SELECTORS.sub("", text.translate(_FILLERS)))


def strip_spreadsheet_guard(text: str, *, is_name: bool = False) -> str:
    """Return the text without `="0812"` or a leading apostrophe, which protect cells from a guess.

    A name keeps its apostrophe ('Abd al-Rahman) unless it can only be a guard against a formula.
    """
    if wrapped := _WRAPPED_FORMULA.fullmatch(text):
        return wrapped[1]
    if text.startswith("'") and (not is_name or text.startswith(_FORMULA_PREFIXES, 1)):
        return text[1:]
    return text


def guard_formula(text: str) -> str:
    """Return a cell that no spreadsheet runs as a formula; `strip_spreadsheet_guard` reverts it."""
    return f"'{text}" if text.startswith(_FORMULA_PREFIXES) else text


def is_mangled_number(text: str) -> bool:
    """Return whether a spreadsheet has replaced a long number by scientific notation."""
    return "+" in text and _SCIENTIFIC_NOTATION.fullmatch(text) is not None


# U+200C and U+200D are kept, they shape Persian and Indic words; U+200E and U+200F order
# mixed directions. Overrides and isolates (U+202A-202E, U+2066-2069) could make a name read as
# another one at the entrance.
_UNPRINTABLE = re.compile(
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
    return _WHITESPACE.sub(" ", _UNPRINTABLE.sub("", _WHITESPACE.sub(" ", composed))).strip()


_BREAK = "\u200b"  # invisible, and no part of any host name or address
_IP_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
# a dot between digits stands in an amount or a time
_LINK_JOINT = re.compile(
    r"([.\u3002\uff0e\uff61])(?=\S)(?!(?<=\d\.)\d)|(@)(?=\S)|(?<=[A-Za-z])(:)(?=\S)"
)
_CHAT_MARKS = str.maketrans({"*": "\u2217", "_": "\u02cd", "~": "\u223c", "`": "\u02cb"})


def unlink(text: str) -> str:
    """Return a text that reads the same and in which no program finds an address to link to."""
    split = _IP_ADDRESS.sub(lambda found: found[0].replace(".", f".{_BREAK}"), text)
    return _LINK_JOINT.sub(lambda found: f"{found[0]}{_BREAK}", split)


def unmark_chat(text: str) -> str:
    """Return a text in which WhatsApp finds no bold, italic, struck or code: look-alikes."""
    return text.translate(_CHAT_MARKS)


def requires_glyph(character: str) -> bool:
    """Return whether a font must have a glyph; joiners, blanks, variation selectors need none.

    A combining mark needs one: without it a dotted circle or a box is drawn.
    """
    return unicodedata.category(character) not in _GLYPHLESS_CATEGORIES and not (
        "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    )
