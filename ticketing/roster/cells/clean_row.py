"""Validate and normalise the cells of one row: an entry, perhaps with warnings, or a rejection.

Nothing is guessed. Phone numbers and addresses are checked by two given functions that return the
normal form or raise ValueError with the reason.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ticketing.platform.kernel.text import is_mangled_number
from ticketing.roster.cells.cell_values import (
    MANGLED_NUMBER_REASON,
    MAX_REASON_LENGTH,
    CellError,
    describe_doubtful_name,
    is_known_status,
    is_plain_name,
    parse_contact,
    parse_external_id,
    parse_hold_reason,
    parse_label,
    parse_language,
    parse_names,
    parse_payment_hold,
    parse_status_hold,
    parse_test_mode,
    parse_text,
    parse_ticket_type,
    parse_words,
    repair_float,
)
from ticketing.roster.cells.column_mapping import ColumnMapping
from ticketing.roster.cells.extra_columns import ExtraColumn, encode_extra
from ticketing.roster.cells.mojibake import undo_mojibake
from ticketing.roster.cells.row_rejection import combine_errors
from ticketing.roster.model import (
    CellWarning,
    RosterEntry,
    RosterField,
    RowRejection,
    WarnedEntry,
    make_natural_key,
)

Normaliser = Callable[[str], str]
RowResult = RosterEntry | WarnedEntry | RowRejection

UNKNOWN_STATUS_REASON = "an unknown status, which holds nobody"
DECODED_WRONGLY_REASON = "looks decoded wrongly, perhaps for"
_CONTACT_FIELDS = frozenset({RosterField.EMAIL, RosterField.PHONE})
_OPTIONAL_FIELDS = frozenset({RosterField.LOCALE})  # without it, the event's is used
_ATTRIBUTES = slice(-6, -3)  # of the cell indexes
_ATTRIBUTE_FIELDS = frozenset(
    {RosterField.LOCALE, RosterField.SALES_CHANNEL, RosterField.TEST_MODE}
)
_IDENTITY_FIELDS = _CONTACT_FIELDS | {RosterField.EXTERNAL_ID}


@dataclass(frozen=True, slots=True)
class RowCleaner:
    """Validates and normalises the rows of one roster.

    Unless `is_strict`, an unusable address or number of a person with an id is left out with a
    warning: the ticket does not depend on it.
    """

    width: int
    cell_indexes: tuple[int, ...]  # by RosterField, in its order; the extra last cell is empty
    normalise_phone: Normaliser
    normalise_email: Normaliser
    extra_columns: tuple[ExtraColumn, ...] = ()
    is_strict: bool = False
    has_attributes: bool = False  # locale, sales channel or test mode

    @classmethod
    def for_columns(
        cls,
        columns: ColumnMapping,
        *,
        normalise_phone: Normaliser,
        normalise_email: Normaliser,
        extra_columns: tuple[ExtraColumn, ...] = (),
        is_strict: bool = False,
    ) -> "RowCleaner":
        """Return a cleaner for rows with these columns."""
        width = len(columns.header)
        return cls(
            width,
            tuple(columns.indexes.get(f, width) for f in RosterField),
            normalise_phone,
            normalise_email,
            extra_columns,
            is_strict,
            not _ATTRIBUTE_FIELDS.isdisjoint(columns.indexes),
        )

    def clean(self, cells: list[str]) -> RowResult:
        """Return the entry of a row, or all its errors with the natural key if that is certain."""
        if len(cells) != self.width:
            if len(cells) < self.width or any(cells[self.width :]):
                problem = f"{len(cells)} cells where the header has {self.width}"
                return RowRejection("", "", "", f"{problem}: check delimiters and quotes")
            cells = cells[: self.width]
        padded = [*cells, ""]
        try:
            entry = self._entry(padded)
        except CellError:
            return self._examine(padded)
        if is_plain_name(entry.full_name) and not padded[self.cell_indexes[-1]]:
            return entry
        warnings = self._doubts(entry, padded)
        return WarnedEntry(entry, warnings) if warnings else entry

    def _entry(self, cells: list[str]) -> RosterEntry:
        """Return the entry; the first invalid field raises."""
        at_id, at_full, at_first, at_last, at_email, at_phone, at_type, at_seat, *_ = (
            self.cell_indexes
        )
        external_id = parse_external_id(cells[at_id])
        first, last, full = parse_names(cells[at_first], cells[at_last], cells[at_full])
        email = self._email(cells[at_email])
        phone = self._phone(cells[at_phone])
        entry = RosterEntry(
            _required_key(external_id, email, phone),
            external_id,
            first,
            last,
            full,
            email,
            phone,
            parse_ticket_type(cells[at_type]),
            parse_label(RosterField.SEAT, cells[at_seat]),
            self._hold(cells),
            self._hold_stated(cells),
            self._extra(cells) if self.extra_columns else "",
        )
        return self._with_attributes(entry, cells) if self.has_attributes else entry

    def _with_attributes(self, entry: RosterEntry, cells: list[str]) -> RosterEntry:
        at_locale, at_channel, at_test = self.cell_indexes[_ATTRIBUTES]
        return entry._replace(
            locale=parse_language(cells[at_locale]),
            sales_channel=parse_label(RosterField.SALES_CHANNEL, cells[at_channel]),
            test_mode=parse_test_mode(cells[at_test]),
        )

    def _extra(self, cells: list[str]) -> str:
        return encode_extra(
            {
                name: parse_words(f"extra.{name}", cells[place], MAX_REASON_LENGTH)
                for name, place in self.extra_columns
            }
        )

    def _doubts(self, entry: RosterEntry, cells: list[str]) -> tuple[CellWarning, ...]:
        """Return what is accepted and should be looked at; usually nothing."""
        name, status = entry.full_name, cells[self.cell_indexes[-1]]
        found = []
        if reason := describe_doubtful_name(name):
            found.append(CellWarning(RosterField.FULL_NAME, name, reason))
        if (decoded := undo_mojibake(name)) != name:
            reason = f"{DECODED_WRONGLY_REASON} {decoded}"
            found.append(CellWarning(RosterField.FULL_NAME, name, reason))
        if status and not is_known_status(text := parse_text(status)):
            found.append(CellWarning(RosterField.STATUS, text, UNKNOWN_STATUS_REASON))
        return tuple(found)

    def _examine(self, cells: list[str]) -> WarnedEntry | RowRejection:
        """Leave out what the ticket does not need, or reject the row with all its errors."""
        external_id, key, problems = self._problems(cells)
        needs_contacts = self.is_strict or not external_id
        optional = _OPTIONAL_FIELDS if needs_contacts else _OPTIONAL_FIELDS | _CONTACT_FIELDS
        if {problem.field for problem in problems} - optional:
            return combine_errors(key, problems)
        usable = list(cells)
        for problem in problems:
            usable[self.cell_indexes[_FIELDS.index(RosterField(problem.field))]] = ""
        entry = self._entry(usable)
        left_out = (CellWarning(p.field, p.value, f"left out: {p.reason}") for p in problems)
        return WarnedEntry(entry, (*left_out, *self._doubts(entry, usable)))

    def _problems(self, cells: list[str]) -> tuple[str, str, list[CellError]]:
        """Check each field separately, so that all errors of a row can be corrected at once.

        Returns the id, the natural key if that is certain, and the errors.
        """
        at_id, at_full, at_first, at_last, at_email, at_phone, at_type, at_seat, *_ = (
            self.cell_indexes
        )
        problems: list[CellError] = []

        def attempt(make: Callable[[], str]) -> str:
            try:
                return make()
            except CellError as problem:
                problems.append(problem)
                return ""

        external_id = attempt(lambda: parse_external_id(cells[at_id]))
        attempt(lambda: parse_names(cells[at_first], cells[at_last], cells[at_full])[2])
        email = attempt(lambda: self._email(cells[at_email]))
        phone = attempt(lambda: self._phone(cells[at_phone]))
        attempt(lambda: parse_ticket_type(cells[at_type]))
        attempt(lambda: parse_label(RosterField.SEAT, cells[at_seat]))
        at_locale, at_channel, at_test = self.cell_indexes[_ATTRIBUTES]
        attempt(lambda: parse_language(cells[at_locale]))
        attempt(lambda: parse_label(RosterField.SALES_CHANNEL, cells[at_channel]))
        attempt(lambda: parse_test_mode(cells[at_test]))
        attempt(lambda: self._hold(cells))
        attempt(lambda: self._extra(cells))
        invalid = {problem.field for problem in problems}
        # with an invalid id or address, the row must not be matched by its phone number
        is_uncertain = not external_id and invalid & {RosterField.EXTERNAL_ID, RosterField.EMAIL}
        key = "" if is_uncertain else make_natural_key(external_id, email, phone)
        if not key and not invalid & _IDENTITY_FIELDS:
            attempt(lambda: _required_key("", "", ""))
        return external_id, key, problems

    def _email(self, cell: str) -> str:
        text = parse_contact(cell)
        if not text:
            return ""
        if "**" in text:
            raise CellError(RosterField.EMAIL, cell, "the address is masked")
        try:
            return self.normalise_email(text)
        except ValueError as error:
            raise CellError(RosterField.EMAIL, cell, str(error)) from error

    def _phone(self, cell: str) -> str:
        text = parse_contact(cell)
        if not text:
            return ""
        if is_mangled_number(text):
            raise CellError(RosterField.PHONE, cell, MANGLED_NUMBER_REASON)
        try:
            return self.normalise_phone(repair_float(text) if "." in text else text)
        except ValueError as error:
            raise CellError(RosterField.PHONE, cell, str(error)) from error

    def _hold(self, cells: list[str]) -> str:
        at_hold, at_payment, at_status = self.cell_indexes[-3:]
        if at_hold == at_payment == at_status:  # there is none of these columns
            return ""
        reason = parse_hold_reason(parse_words(RosterField.HOLD, cells[at_hold], MAX_REASON_LENGTH))
        status = parse_status_hold(parse_words(RosterField.STATUS, cells[at_status]))
        return "; ".join(filter(None, (self._payment_hold(cells[at_payment]), status, reason)))

    def _payment_hold(self, cell: str) -> str:
        if self.cell_indexes[-2] == self.width:
            return ""
        paid = parse_words(RosterField.PAYMENT, cell)
        try:
            return parse_payment_hold(paid)
        except ValueError as error:
            raise CellError(RosterField.PAYMENT, paid, str(error)) from error

    def _hold_stated(self, cells: list[str]) -> str:
        """Return which fields of the hold reason have a value; a status counts as a hold."""
        at_hold, at_payment, at_status = self.cell_indexes[-3:]
        if at_hold == at_payment == at_status:  # there is none of these columns
            return ""
        hold = RosterField.HOLD.value if (cells[at_hold] + cells[at_status]).strip() else ""
        payment = RosterField.PAYMENT.value if cells[at_payment].strip() else ""
        return f"{hold} {payment}".strip()


_FIELDS = tuple(RosterField)


def _required_key(external_id: str, email: str, phone: str) -> str:
    key = make_natural_key(external_id, email, phone)
    if not key:
        raise CellError(
            RosterField.EXTERNAL_ID, "", "no id, e-mail or phone to identify the person"
        )
    return key
