"""Read the credits of a statement by the mapping of its bank.

Lines above the header row and below the table are no rows; a line with an amount is never skipped
silently.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from ticketing.billing.bank_statements.bank_mapping import BankMapping, ColumnName
from ticketing.billing.bank_statements.booking_date import BookingDates
from ticketing.billing.bank_statements.row_key import OrdinalKeys
from ticketing.billing.sources.mapping.errors import BadRecord
from ticketing.billing.sources.mapping.money import parse_money
from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.platform.kernel.text import normalise_text
from ticketing.roster.model import RosterRow

_MARKED_AMOUNT = re.compile(r"(?P<amount>.*?[0-9,-])\s*(?P<mark>[A-Za-z]*)")
_BETWEEN_LABEL_AND_AMOUNT = re.compile(r"[\s:=]+")
NO_MONEY = Decimal(0)


@dataclass(frozen=True, slots=True)
class StatementRow:
    """A credit: `text` is what the payer and the bank wrote, `key` identifies it for ever."""

    key: str
    line: int
    booked_on: date
    amount: Decimal
    text: str


@dataclass(slots=True)
class BankStatement:
    """The credits of a file, and how many other rows it has."""

    rows: list[StatementRow] = field(default_factory=list)
    debits: int = 0
    pending: int = 0
    stated_credit: Decimal | None = None

    @property
    def credit(self) -> Decimal:
        """Return the sum of the credits."""
        return sum((row.amount for row in self.rows), NO_MONEY)


def read_statement(lines: Iterable[RosterRow], mapping: BankMapping) -> BankStatement:
    """Return the credits. Raises UnreadableFile, which names the line and what to change.

    The sum is compared with the file's own, if the mapping names its label.
    """
    return _Reader(mapping).read(iter(lines))


class _Reader:
    def __init__(self, mapping: BankMapping) -> None:
        self._mapping = mapping
        self._columns = mapping.columns
        self._places: dict[str, int] = {}
        self._keys = OrdinalKeys(mapping.account)
        self._found = BankStatement()

    def read(self, lines: Iterator[RosterRow]) -> BankStatement:
        above = self._find_header(lines)
        dates = BookingDates(self._mapping.formats, above)
        for row in lines:
            self._read_row(row, dates)
        self._check_total()
        return self._found

    def _find_header(self, lines: Iterator[RosterRow]) -> list[str]:
        """Read up to the header row; return the lines above it."""
        above: list[str] = []
        wanted = {_fold(name) for name in self._columns.names()}
        for row in lines:
            cells = [_fold(cell) for cell in row.cells]
            if wanted <= set(cells):
                self._places = {name: cells.index(name) for name in wanted}
                return above
            above.append(" ".join(row.cells))
        names = ", ".join(sorted(self._columns.names()))
        raise UnreadableFile(
            f"no row has all of the columns {names}; correct `[columns]` of the mapping file"
            " to the headers of this file"
        )

    def _read_row(self, row: RosterRow, dates: BookingDates) -> None:
        if self._read_total(row.cells):
            return
        written = self._cell(row.cells, self._columns.date).lstrip("'").strip()
        if written.upper() in self._mapping.formats.pending:
            self._found.pending += 1
            return
        booked_on = dates.parse(written)
        if booked_on is None:
            self._check_is_no_row(row, written)
            return
        if row.problem:
            raise UnreadableFile(f"line {row.line}: {row.problem}")
        amount = self._credit(row)
        if amount <= 0:
            self._found.debits += 1
            return
        self._found.rows.append(self._to_statement_row(row, booked_on, amount))

    def _to_statement_row(self, row: RosterRow, booked_on: date, amount: Decimal) -> StatementRow:
        cells = [self._cell(row.cells, name) for name in self._columns.description]
        text = normalise_text(" ".join(filter(None, cells)))
        bank_id = "" if self._columns.id is None else self._cell(row.cells, self._columns.id)
        key = self._keys.key(booked_on, amount, text, bank_id)
        shown = f"{text} {bank_id}".strip()
        return StatementRow(key, row.line, booked_on, amount, shown)

    def _check_is_no_row(self, row: RosterRow, written: str) -> None:
        try:
            has_amount = self._credit(row) > 0
        except UnreadableFile:
            has_amount = False
        if has_amount and self._cell(row.cells, self._columns.description[0]):
            raise UnreadableFile(
                f"line {row.line}: date {written!r} is not written as {self._mapping.formats.date};"
                " correct `formats.date` of the mapping file, or the line"
            )

    def _credit(self, row: RosterRow) -> Decimal:
        """Return the credited amount; 0 for a debit."""
        name = self._columns.amount if self._columns.credit is None else self._columns.credit
        assert name is not None  # noqa: S101 - the mapping has one of the two
        written = self._cell(row.cells, name)
        if self._columns.credit is not None:
            return self._money(written, row.line)
        found = _MARKED_AMOUNT.fullmatch(written)
        amount, mark = (found["amount"], found["mark"]) if found else (written, "")
        if self._columns.direction is not None:
            mark = self._cell(row.cells, self._columns.direction)
        is_credit = mark.upper() in self._mapping.formats.credit_words
        return self._money(amount, row.line) if is_credit else NO_MONEY

    def _money(self, written: str, line: int) -> Decimal:
        written = f"0{written}" if written.startswith((".", ",")) else written
        if written in {"", "-"}:
            return NO_MONEY
        try:
            return parse_money(written, self._mapping.formats.money)
        except BadRecord as error:
            raise UnreadableFile(f"line {line}: {error}; correct `formats.money`") from error

    def _cell(self, cells: Sequence[str], name: ColumnName) -> str:
        at = name - 1 if isinstance(name, int) else self._places[_fold(name)]
        return cells[at].strip() if at < len(cells) else ""

    def _read_total(self, cells: Sequence[str]) -> bool:
        """Read the line with the sum of all credits; return whether it was this one."""
        label = _fold(self._mapping.totals.credit or "")
        first = next((cell for cell in cells if cell.strip()), "")
        if not label or not _fold(first).startswith(label):
            return False
        words = _BETWEEN_LABEL_AND_AMOUNT.split(normalise_text(" ".join(cells))[len(label) :])
        for word in filter(None, words):
            try:
                self._found.stated_credit = parse_money(word, self._mapping.formats.money)
            except BadRecord:
                continue
            return True
        return False

    def _check_total(self) -> None:
        stated = self._found.stated_credit
        if stated is None and self._mapping.totals.credit:
            raise UnreadableFile(
                f"the line {self._mapping.totals.credit!r} is missing: the file is incomplete,"
                " or `totals.credit` of the mapping file is wrong"
            )
        if stated is not None and stated != self._found.credit:
            raise UnreadableFile(
                f"the file states credits of {stated:,}, its rows sum up to"
                f" {self._found.credit:,}: it is incomplete, or `formats.money` is wrong"
            )


def _fold(text: str) -> str:
    return normalise_text(text).casefold()
