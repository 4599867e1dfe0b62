"""From the cells of a row to a clean entry, or to what is wrong with it. Nothing is guessed.

Phones and addresses are judged by two functions handed in: a text to its one normal form, or
ValueError with the reason.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ticketing.platform.kernel.text import is_mangled_number, tidy, unwrapped
from ticketing.roster.column_mapping import Columns, hold_of, hold_of_payment
from ticketing.roster.model import REGULAR, Entry, Field, Rejection, natural_key

Normal = Callable[[str], str]

LONGEST_NAME = 200
LONGEST_WORD = 100  # an id, a seat, a kind of ticket
LONGEST_REASON = 500
_NOTHING = frozenset({"-", "--", "n/a", "na", "null", "none", "nil", "tidak ada", "kosong"})
_IDENTITIES = frozenset({Field.EXTERNAL_ID, Field.EMAIL, Field.PHONE})
_WHOLE_NUMBER_AS_FLOAT = re.compile(r"\d+\.0")
_MANGLED = (
    "a spreadsheet has replaced the number by its short form and digits are lost; "
    "format the column as text and enter it again"
)


class _UncleanError(ValueError):
    """What is wrong with one cell."""

    def __init__(self, field: Field, value: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.value, self.reason = field, value, reason


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Cleans the rows of one roster."""

    width: int
    places: tuple[int, ...]  # of each Field in its order; the cell behind the last is empty
    phone: Normal
    address: Normal

    @classmethod
    def of(cls, columns: Columns, *, phone: Normal, address: Normal) -> "Cleaner":
        """A cleaner for rows under these columns."""
        width = len(columns.header)
        return cls(width, tuple(columns.places.get(f, width) for f in Field), phone, address)

    def clean(self, cells: list[str]) -> Entry | Rejection:
        """The entry of a row; or all that is wrong with it, and whom it names if that is clear."""
        if len(cells) != self.width:
            if len(cells) < self.width or any(cells[self.width :]):
                return _ragged(cells, self.width)
            cells = cells[: self.width]
        padded = [*cells, ""]
        try:
            return self._entry(padded)
        except _UncleanError:
            return self._rejection(padded)

    def _entry(self, cells: list[str]) -> Entry:
        """Every field in turn; the first that is not clean ends it."""
        at_id, at_full, at_first, at_last, at_email, at_phone, at_type, at_seat, *_ = self.places
        external_id = _external_id(cells[at_id])
        first, last, full = _names(cells[at_first], cells[at_last], cells[at_full])
        email = self._email(cells[at_email])
        phone = self._phone(cells[at_phone])
        return Entry(
            _key(external_id, email, phone),
            external_id,
            first,
            last,
            full,
            email,
            phone,
            _word(Field.TICKET_TYPE, cells[at_type]) or REGULAR,
            _word(Field.SEAT, cells[at_seat]),
            self._hold(cells),
        )

    def _rejection(self, cells: list[str]) -> Rejection:
        """Each field on its own, so that a person can mend all of a row at once."""
        at_id, at_full, at_first, at_last, at_email, at_phone, at_type, at_seat, *_ = self.places
        problems: list[_UncleanError] = []

        def attempt(make: Callable[[], str]) -> str:
            try:
                return make()
            except _UncleanError as problem:
                problems.append(problem)
                return ""

        external_id = attempt(lambda: _external_id(cells[at_id]))
        attempt(lambda: _names(cells[at_first], cells[at_last], cells[at_full])[2])
        email = attempt(lambda: self._email(cells[at_email]))
        phone = attempt(lambda: self._phone(cells[at_phone]))
        attempt(lambda: _word(Field.TICKET_TYPE, cells[at_type]))
        attempt(lambda: _word(Field.SEAT, cells[at_seat]))
        attempt(lambda: self._hold(cells))
        spoiled = {problem.field for problem in problems}
        # With its id or address spoiled, the row must not speak for whoever has its phone.
        known_by_less = not external_id and spoiled & {Field.EXTERNAL_ID, Field.EMAIL}
        key = "" if known_by_less else natural_key(external_id, email, phone)
        if not key and not spoiled & _IDENTITIES:
            attempt(lambda: _key("", "", ""))
        return _rejected(key, problems)

    def _email(self, cell: str) -> str:
        if not cell:
            return ""
        text = _text(cell)
        if not text or text.lower() in _NOTHING:
            return ""
        try:
            return self.address(text)
        except ValueError as error:
            raise _UncleanError(Field.EMAIL, cell, str(error)) from error

    def _phone(self, cell: str) -> str:
        if not cell:
            return ""
        text = _text(cell)
        if not text or text.lower() in _NOTHING:
            return ""
        if is_mangled_number(text):
            raise _UncleanError(Field.PHONE, cell, _MANGLED)
        try:
            return self.phone(text[:-2] if _WHOLE_NUMBER_AS_FLOAT.fullmatch(text) else text)
        except ValueError as error:
            raise _UncleanError(Field.PHONE, cell, str(error)) from error

    def _hold(self, cells: list[str]) -> str:
        at_hold, at_payment = self.places[-2:]
        reason = hold_of(_word(Field.HOLD, cells[at_hold], LONGEST_REASON))
        if at_payment == self.width:
            return reason
        paid = _word(Field.PAYMENT, cells[at_payment])
        try:
            unpaid = hold_of_payment(paid)
        except ValueError as error:
            raise _UncleanError(Field.PAYMENT, paid, str(error)) from error
        return "; ".join(filter(None, (unpaid, reason)))


def _text(cell: str) -> str:
    text = tidy(cell)
    return tidy(unwrapped(text)) if text.startswith(("=", "'")) else text


def _word(field: Field, cell: str, longest: int = LONGEST_WORD) -> str:
    if not cell:
        return ""
    text = _text(cell)
    if len(text) > longest:
        raise _UncleanError(field, cell, f"{len(text)} characters; at most {longest}")
    return text


def _external_id(cell: str) -> str:
    text = _word(Field.EXTERNAL_ID, cell)
    if is_mangled_number(text):
        raise _UncleanError(Field.EXTERNAL_ID, cell, _MANGLED)
    return text


def _key(external_id: str, email: str, phone: str) -> str:
    key = natural_key(external_id, email, phone)
    if not key:
        raise _UncleanError(
            Field.EXTERNAL_ID, "", "no id, e-mail or phone to recognise this person by"
        )
    return key


def _names(first_cell: str, last_cell: str, full_cell: str) -> tuple[str, str, str]:
    """First, last and full name. A full name is never cut into two: nobody can know where."""
    first, last = _name(Field.FIRST_NAME, first_cell), _name(Field.LAST_NAME, last_cell)
    full = _name(Field.FULL_NAME, full_cell) or f"{first} {last}".strip()
    if not full:
        raise _UncleanError(Field.FULL_NAME, full_cell, "the name is empty")
    if not any(map(str.isalpha, full)):
        raise _UncleanError(Field.FULL_NAME, full, "a name without a letter")
    return first, last, full


def _name(field: Field, cell: str) -> str:
    if not cell:
        return ""
    text = tidy(cell)
    if text.startswith(("=", "'")):
        text = tidy(unwrapped(text, is_name=True))
    if len(text) > LONGEST_NAME:
        raise _UncleanError(field, cell, f"{len(text)} characters; at most {LONGEST_NAME}")
    return text


def _ragged(cells: Sequence[str], width: int) -> Rejection:
    return Rejection(
        "", "", "", f"{len(cells)} cells where the header has {width}: a delimiter or quote is off"
    )


def _rejected(key: str, problems: Sequence[_UncleanError]) -> Rejection:
    first = problems[0]
    if len(problems) == 1:
        return Rejection(key, first.field, first.value, first.reason)
    reasons = "; ".join(f"{problem.field}: {problem.reason}" for problem in problems)
    return Rejection(key, first.field, first.value, reasons)
