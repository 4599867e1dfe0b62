"""Read single cells of a roster: ids, names, words, and whether a person is on hold.

Every function returns the normal form, empty for "none", or raises CellError with the reason.
"""

import functools
import re

from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.kernel.local_dates import parse_locale
from ticketing.platform.kernel.text import (
    is_mangled_number,
    normalise_text,
    strip_fillers,
    strip_spreadsheet_guard,
)
from ticketing.roster.cells.vocabulary import (
    DOUBTFUL_NAME_WORDS,
    HELD_STATUS_WORDS,
    ID_PLACEHOLDERS,
    LANGUAGE_NAMES,
    LIVE_WORDS,
    NAME_PLACEHOLDERS,
    NO_WORDS,
    PAID_WORDS,
    PLACEHOLDERS,
    SPREADSHEET_ERRORS,
    TEST_WORDS,
    TOTAL_WORDS,
    UNPAID_WORDS,
    VALID_STATUS_WORDS,
    WORD_PLACEHOLDERS,
    YES_WORDS,
)
from ticketing.roster.model import RosterField

MAX_NAME_LENGTH = 200
MAX_WORD_LENGTH = 100  # an id, a seat, a ticket type
MAX_REASON_LENGTH = 500
MANGLED_NUMBER_REASON = (
    "a spreadsheet keeps 15 digits: it has converted the number to exponent form and digits are "
    "lost; format the column as text and enter it again"
)
TOTAL_ROW_REASON = "a total of the spreadsheet, not a person"
_WHOLE_NUMBER_AS_FLOAT = re.compile(r"\d+\.0+")
_UNUSUAL_IDS = ID_PLACEHOLDERS | SPREADSHEET_ERRORS | TOTAL_WORDS
_UNUSUAL_NAMES = NAME_PLACEHOLDERS | SPREADSHEET_ERRORS | TOTAL_WORDS
_UNUSUAL_WORDS = WORD_PLACEHOLDERS | SPREADSHEET_ERRORS
_DOUBTFUL_WORD = "|".join(sorted(DOUBTFUL_NAME_WORDS))
_DOUBTFUL_INITIALS = frozenset(
    letter for word in DOUBTFUL_NAME_WORDS for letter in (word[0], word[0].upper())
)
_DOUBTFUL_NAME = re.compile(rf"(?:{_DOUBTFUL_WORD})(?: (?:{_DOUBTFUL_WORD}))*", re.IGNORECASE)
_LONG_NUMBER = 8  # digits


class CellError(ValueError):
    """An invalid cell."""

    def __init__(self, field: str, value: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.value, self.reason = field, value, reason


def parse_text(cell: str) -> str:
    """Return the normalised text of a cell, without the guards of spreadsheets."""
    if cell.isalnum() and cell.isascii():  # most ids, numbers and seats
        return cell
    text = normalise_text(cell)
    return normalise_text(strip_spreadsheet_guard(text)) if text.startswith(("=", "'")) else text


def parse_words(field: str, cell: str, max_length: int = MAX_WORD_LENGTH) -> str:
    """Return a text of limited length."""
    if not cell:
        return ""
    text = parse_text(cell)
    if len(text) > max_length:
        raise CellError(field, cell, f"{len(text)} characters; at most {max_length}")
    return text


def parse_contact(cell: str) -> str:
    """Return an e-mail address or a phone number as written; placeholders such as `-` are none."""
    if not cell:
        return ""
    text = parse_text(cell)
    return "" if text.lower() in WORD_PLACEHOLDERS else text


def parse_label(field: RosterField, cell: str) -> str:
    """Return a ticket type or a seat; placeholders such as `-` are none."""
    text = parse_words(field, cell)
    if text.lower() not in _UNUSUAL_WORDS:
        return text
    _refuse_spreadsheet_error(field, text)
    return ""


@functools.lru_cache(maxsize=1024)
def parse_ticket_type(cell: str) -> str:
    """Return a ticket type; cached, because a roster has few of them."""
    return parse_label(RosterField.TICKET_TYPE, cell)


@functools.lru_cache(maxsize=1024)
def parse_language(cell: str) -> str:
    """Return the locale of a person, such as `en` or `en_GB`; a placeholder is none."""
    text = parse_label(RosterField.LOCALE, cell)
    if not text:
        return ""
    try:
        return str(parse_locale(LANGUAGE_NAMES.get(text.lower(), text)))
    except Misconfigured as error:
        reason = "not known: write a language such as id, en or en_GB"
        raise CellError(RosterField.LOCALE, cell, reason) from error


@functools.lru_cache(maxsize=1024)
def parse_test_mode(cell: str) -> str:
    """Return `test` or `live`; a placeholder is none."""
    text = parse_words(RosterField.TEST_MODE, cell)
    word = text.lower()
    if word in TEST_WORDS:
        return "test"
    if word in LIVE_WORDS - {"-"}:
        return "live"
    if not word or word in PLACEHOLDERS:
        return ""
    raise CellError(RosterField.TEST_MODE, text, "not known: write test or live")


def parse_external_id(cell: str) -> str:
    """Return an id; placeholders such as `-` and `0` are none, and `2020.0` is 2020."""
    text = parse_words(RosterField.EXTERNAL_ID, cell)
    if text.lower() in _UNUSUAL_IDS:
        return _unusual_id(text)
    if is_mangled_number(text):
        raise CellError(RosterField.EXTERNAL_ID, cell, MANGLED_NUMBER_REASON)
    return repair_float(text) if "." in text else text


def _unusual_id(text: str) -> str:
    _refuse_spreadsheet_error(RosterField.EXTERNAL_ID, text)
    if text.lower() in TOTAL_WORDS:
        raise CellError(RosterField.EXTERNAL_ID, text, TOTAL_ROW_REASON)
    return ""


def _refuse_spreadsheet_error(field: RosterField, text: str) -> None:
    if text.lower() in SPREADSHEET_ERRORS:
        raise CellError(field, text, f"{text} is an error of the spreadsheet: correct its formula")


def repair_float(text: str) -> str:
    """Return a whole number without the `.0` that a program adds to it."""
    return text.partition(".")[0] if _WHOLE_NUMBER_AS_FLOAT.fullmatch(text) else text


def parse_names(first_cell: str, last_cell: str, full_cell: str) -> tuple[str, str, str]:
    """Return first, last and full name. A full name is never split: the place cannot be known."""
    first = _parse_name(RosterField.FIRST_NAME, first_cell) if first_cell else ""
    last = _parse_name(RosterField.LAST_NAME, last_cell) if last_cell else ""
    full = _parse_name(RosterField.FULL_NAME, full_cell) or _join_names(first, last)
    if not full:
        raise CellError(RosterField.FULL_NAME, full_cell, "the name is empty")
    if not (full[0].isalpha() or any(map(str.isalpha, full))):
        raise CellError(RosterField.FULL_NAME, full, "the name has no letter")
    return first, last, full


def _join_names(first: str, last: str) -> str:
    """Return both names; a first name that ends with the last one is the full name already."""
    if last and first.lower().endswith(f" {last.lower()}"):
        return first
    return f"{first} {last}".strip()


def _parse_name(field: RosterField, cell: str) -> str:
    if not cell:
        return ""
    text = normalise_text(cell)
    if not text.isascii():
        text = strip_fillers(text)
    if text.startswith(("=", "'")):
        text = normalise_text(strip_spreadsheet_guard(text, is_name=True))
    if len(text) > MAX_NAME_LENGTH:
        raise CellError(field, cell, f"{len(text)} characters; at most {MAX_NAME_LENGTH}")
    return _unusual_name(field, text) if text.lower() in _UNUSUAL_NAMES else text


def _unusual_name(field: RosterField, text: str) -> str:
    _refuse_spreadsheet_error(field, text)
    if text.lower() in TOTAL_WORDS:
        raise CellError(field, text, TOTAL_ROW_REASON)
    return ""


def is_plain_name(name: str) -> bool:
    """Return quickly whether nothing about a name is doubtful; most names are plain."""
    return (
        name.isascii()
        and name[0] not in _DOUBTFUL_INITIALS
        # a search anywhere in the name would take a tenth of the time of cleaning a row
        and not name[-_LONG_NUMBER:].isdecimal()
        and not name[:_LONG_NUMBER].isdecimal()
    )


def describe_doubtful_name(name: str) -> str:
    """Return why a name is probably none, although it could be one; usually empty."""
    if _DOUBTFUL_NAME.fullmatch(name):
        return "is this a name? programs write it for an empty cell"
    if name[-_LONG_NUMBER:].isdecimal() or name[:_LONG_NUMBER].isdecimal():
        return "the name contains a long number, perhaps a phone number or an id"
    return ""


def parse_hold_reason(text: str) -> str:
    """Return the reason from a column "hold"; empty if the guest is not on hold."""
    word = text.lower()
    if not word or word in NO_WORDS or word in PAID_WORDS:
        return ""
    return "on hold" if word in YES_WORDS else text


def parse_payment_hold(text: str) -> str:
    """Return the reason from a column "paid" or "payment status"; an empty cell is not a payment.

    Raises ValueError for ambiguous words.
    """
    word = text.lower()
    if word in YES_WORDS or word in PAID_WORDS:
        return ""
    if not word or word in NO_WORDS or word in UNPAID_WORDS:
        return f"payment: {text}" if word in UNPAID_WORDS else "not paid"
    raise ValueError("cannot tell whether this is paid; write paid or unpaid (lunas, belum)")


@functools.lru_cache(maxsize=1024)
def parse_status_hold(text: str) -> str:
    """Return the reason from a column "status": cancelled, declined and pending people are held."""
    return f"status: {text}" if _status_word(text) in HELD_STATUS_WORDS else ""


@functools.lru_cache(maxsize=1024)
def is_known_status(text: str) -> bool:
    """Return whether it is known what a state means for the ticket; an empty cell means nothing."""
    word = _status_word(text)
    return not word or word in VALID_STATUS_WORDS or word in HELD_STATUS_WORDS


def _status_word(text: str) -> str:
    word = text.lower().replace("_", " ").replace("-", " ").strip()
    return "" if word in WORD_PLACEHOLDERS - NO_WORDS else word
