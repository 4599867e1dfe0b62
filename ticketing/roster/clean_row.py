"""Validate and normalise the cells of one row: an entry, or a rejection. Nothing is guessed.

Phone numbers and addresses are checked by two given functions that return the normal form or
raise ValueError with the reason.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ticketing.platform.kernel.text import (
    is_mangled_number,
    normalise_text,
    strip_spreadsheet_guard,
)
from ticketing.roster.column_mapping import ColumnMapping
from ticketing.roster.model import (
    DEFAULT_TICKET_TYPE,
    RosterEntry,
    RosterField,
    RowRejection,
    make_natural_key,
)

Normaliser = Callable[[str], str]

MAX_NAME_LENGTH = 200
MAX_WORD_LENGTH = 100  # an id, a seat, a ticket type
MAX_REASON_LENGTH = 500
_EMPTY_WORDS = frozenset({"-", "--", "n/a", "na", "null", "none", "nil", "tidak ada", "kosong"})
_IDENTITY_FIELDS = frozenset({RosterField.EXTERNAL_ID, RosterField.EMAIL, RosterField.PHONE})
_WHOLE_NUMBER_AS_FLOAT = re.compile(r"\d+\.0")
_MANGLED_NUMBER_REASON = (
    "a spreadsheet has converted the number to exponent form and digits are lost; "
    "format the column as text and enter it again"
)


class _CellError(ValueError):
    """An invalid cell."""

    def __init__(self, field: RosterField, value: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.value, self.reason = field, value, reason


@dataclass(frozen=True, slots=True)
class RowCleaner:
    """Validates and normalises the rows of one roster."""

    width: int
    cell_indexes: tuple[int, ...]  # by RosterField, in its order; the extra last cell is empty
    normalise_phone: Normaliser
    normalise_email: Normaliser

    @classmethod
    def for_columns(
        cls, columns: ColumnMapping, *, normalise_phone: Normaliser, normalise_email: Normaliser
    ) -> "RowCleaner":
        """Return a cleaner for rows with these columns."""
        width = len(columns.header)
        return cls(
            width,
            tuple(columns.indexes.get(f, width) for f in RosterField),
            normalise_phone,
            normalise_email,
        )

    def clean(self, cells: list[str]) -> RosterEntry | RowRejection:
        """Return the entry of a row, or all its errors with the natural key if that is certain."""
        if len(cells) != self.width:
            if len(cells) < self.width or any(cells[self.width :]):
                problem = f"{len(cells)} cells where the header has {self.width}"
                return RowRejection("", "", "", f"{problem}: check delimiters and quotes")
            cells = cells[: self.width]
        padded = [*cells, ""]
        try:
            return self._entry(padded)
        except _CellError:
            return self._rejection(padded)

    def _entry(self, cells: list[str]) -> RosterEntry:
        """Return the entry; the first invalid field raises."""
        at_id, at_full, at_first, at_last, at_email, at_phone, at_type, at_seat, *_ = (
            self.cell_indexes
        )
        external_id = _external_id(cells[at_id])
        first, last, full = _names(cells[at_first], cells[at_last], cells[at_full])
        email = self._email(cells[at_email])
        phone = self._phone(cells[at_phone])
        return RosterEntry(
            _required_key(external_id, email, phone),
            external_id,
            first,
            last,
            full,
            email,
            phone,
            _word(RosterField.TICKET_TYPE, cells[at_type]) or DEFAULT_TICKET_TYPE,
            _word(RosterField.SEAT, cells[at_seat]),
            self._hold(cells),
        )

    def _rejection(self, cells: list[str]) -> RowRejection:
        """Check each field separately, so that all errors of a row can be corrected at once."""
        at_id, at_full, at_first, at_last, at_email, at_phone, at_type, at_seat, *_ = (
            self.cell_indexes
        )
        problems: list[_CellError] = []

        def attempt(make: Callable[[], str]) -> str:
            try:
                return make()
            except _CellError as problem:
                problems.append(problem)
                return ""

        external_id = attempt(lambda: _external_id(cells[at_id]))
        attempt(lambda: _names(cells[at_first], cells[at_last], cells[at_full])[2])
        email = attempt(lambda: self._email(cells[at_email]))
        phone = attempt(lambda: self._phone(cells[at_phone]))
        attempt(lambda: _word(RosterField.TICKET_TYPE, cells[at_type]))
        attempt(lambda: _word(RosterField.SEAT, cells[at_seat]))
        attempt(lambda: self._hold(cells))
        invalid = {problem.field for problem in problems}
        # with an invalid id or address, the row must not be matched by its phone number
        is_uncertain = not external_id and invalid & {RosterField.EXTERNAL_ID, RosterField.EMAIL}
        key = "" if is_uncertain else make_natural_key(external_id, email, phone)
        if not key and not invalid & _IDENTITY_FIELDS:
            attempt(lambda: _required_key("", "", ""))
        return _combine_errors(key, problems)

    def _email(self, cell: str) -> str:
        if not cell:
            return ""
        text = _text(cell)
        if not text or text.lower() in _EMPTY_WORDS:
            return ""
        try:
            return self.normalise_email(text)
        except ValueError as error:
            raise _CellError(RosterField.EMAIL, cell, str(error)) from error

    def _phone(self, cell: str) -> str:
        if not cell:
            return ""
        text = _text(cell)
        if not text or text.lower() in _EMPTY_WORDS:
            return ""
        if is_mangled_number(text):
            raise _CellError(RosterField.PHONE, cell, _MANGLED_NUMBER_REASON)
        try:
            return self.normalise_phone(
                text[:-2] if _WHOLE_NUMBER_AS_FLOAT.fullmatch(text) else text
            )
        except ValueError as error:
            raise _CellError(RosterField.PHONE, cell, str(error)) from error

    def _hold(self, cells: list[str]) -> str:
        at_hold, at_payment = self.cell_indexes[-3:-1]
        reason = parse_hold_reason(_word(RosterField.HOLD, cells[at_hold], MAX_REASON_LENGTH))
        if at_payment == self.width:
            return reason
        paid = _word(RosterField.PAYMENT, cells[at_payment])
        try:
            unpaid = parse_payment_hold(paid)
        except ValueError as error:
            raise _CellError(RosterField.PAYMENT, paid, str(error)) from error
        return "; ".join(filter(None, (unpaid, reason)))


def _text(cell: str) -> str:
    text = normalise_text(cell)
    return normalise_text(strip_spreadsheet_guard(text)) if text.startswith(("=", "'")) else text


def _word(field: RosterField, cell: str, max_length: int = MAX_WORD_LENGTH) -> str:
    if not cell:
        return ""
    text = _text(cell)
    if len(text) > max_length:
        raise _CellError(field, cell, f"{len(text)} characters; at most {max_length}")
    return text


def _external_id(cell: str) -> str:
    text = _word(RosterField.EXTERNAL_ID, cell)
    if is_mangled_number(text):
        raise _CellError(RosterField.EXTERNAL_ID, cell, _MANGLED_NUMBER_REASON)
    return text


def _required_key(external_id: str, email: str, phone: str) -> str:
    key = make_natural_key(external_id, email, phone)
    if not key:
        raise _CellError(
            RosterField.EXTERNAL_ID, "", "no id, e-mail or phone to identify the person"
        )
    return key


def _names(first_cell: str, last_cell: str, full_cell: str) -> tuple[str, str, str]:
    """Return first, last and full name. A full name is never split: the place cannot be known."""
    first, last = _name(RosterField.FIRST_NAME, first_cell), _name(RosterField.LAST_NAME, last_cell)
    full = _name(RosterField.FULL_NAME, full_cell) or f"{first} {last}".strip()
    if not full:
        raise _CellError(RosterField.FULL_NAME, full_cell, "the name is empty")
    if not any(map(str.isalpha, full)):
        raise _CellError(RosterField.FULL_NAME, full, "the name has no letter")
    return first, last, full


def _name(field: RosterField, cell: str) -> str:
    if not cell:
        return ""
    text = normalise_text(cell)
    if text.startswith(("=", "'")):
        text = normalise_text(strip_spreadsheet_guard(text, is_name=True))
    if len(text) > MAX_NAME_LENGTH:
        raise _CellError(field, cell, f"{len(text)} characters; at most {MAX_NAME_LENGTH}")
    return text


def _combine_errors(key: str, problems: Sequence[_CellError]) -> RowRejection:
    first = problems[0]
    if len(problems) == 1:
        return RowRejection(key, first.field, first.value, first.reason)
    reasons = "; ".join(f"{problem.field}: {problem.reason}" for problem in problems)
    return RowRejection(key, first.field, first.value, reasons)


_NO_WORDS = {"0", "n", "no", "f", "false", "tidak", "-"}
_YES_WORDS = {"1", "y", "yes", "t", "true", "ya", "x"}
_PAID_WORDS = {
    "paid", "ok", "free", "settled", "settlement", "lunas", "sudah", "sudah lunas", "sudah bayar",
    "sudah dibayar", "dibayar", "terbayar", "gratis", "bebas",
}  # fmt: skip
_UNPAID_WORDS = {
    "unpaid", "not paid", "pending", "open", "due", "belum", "belum lunas", "belum bayar",
    "belum dibayar", "tidak lunas", "menunggu", "tertunda", "cicil",
}  # fmt: skip


def parse_hold_reason(text: str) -> str:
    """Return the reason from a column "hold"; empty if the guest is not on hold."""
    word = text.lower()
    if not word or word in _NO_WORDS or word in _PAID_WORDS:
        return ""
    return "on hold" if word in _YES_WORDS else text


def parse_payment_hold(text: str) -> str:
    """Return the reason from a column "paid" or "payment status"; an empty cell is not a payment.

    Raises ValueError for ambiguous words.
    """
    word = text.lower()
    if word in _YES_WORDS or word in _PAID_WORDS:
        return ""
    if not word or word in _NO_WORDS or word in _UNPAID_WORDS:
        return f"payment: {text}" if word in _UNPAID_WORDS else "not paid"
    raise ValueError("cannot tell whether this is paid; write paid or unpaid (lunas, belum)")
