"""Normalisation of text input: removes artefacts of spreadsheets and keyboards."""

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
