"""Values of a roster: fields, rows, entries, rejections and counts; and the natural key.

Cells are parsed in `clean_row.py`, columns are mapped in `column_mapping.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

DEFAULT_TICKET_TYPE = "Regular"


class RosterField(StrEnum):
    """A field of a roster."""

    EXTERNAL_ID = "external_id"
    FULL_NAME = "full_name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    EMAIL = "email"
    PHONE = "phone"
    TICKET_TYPE = "ticket_type"
    SEAT = "seat"
    LOCALE = "locale"
    SALES_CHANNEL = "sales_channel"
    TEST_MODE = "test_mode"
    HOLD = "hold"
    PAYMENT = "payment"
    STATUS = "status"


class RowOutcome(StrEnum):
    """The outcome of a row; each row has exactly one."""

    INSERTED = "inserted"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    QUARANTINED = "quarantined"


class RosterEntry(NamedTuple):
    """One clean row. Empty means not stated; `phone` is E.164, `extra` is JSON.

    A tuple, since millions are created. `hold_reason` is that of a new guest; `hold_stated` names
    the fields that it comes from.
    """

    natural_key: str
    external_id: str
    first_name: str
    last_name: str
    full_name: str
    email: str
    phone: str
    ticket_type: str
    seat: str
    hold_reason: str
    hold_stated: str
    extra: str = ""
    locale: str = ""
    sales_channel: str = ""
    test_mode: str = ""  # test | live


class RowRejection(NamedTuple):
    """One rejected row. `natural_key` is empty if the row identifies nobody."""

    natural_key: str
    field: str
    value: str
    reason: str


class CellWarning(NamedTuple):
    """One cell of an accepted row that was left out, or should be looked at."""

    field: str
    value: str
    reason: str


class WarnedEntry(NamedTuple):
    """A clean row with warnings."""

    entry: RosterEntry
    warnings: tuple[CellWarning, ...]


class RowWarning(NamedTuple):
    """A warning with its line in the file."""

    line: int
    field: str
    value: str
    reason: str


class RosterRow(NamedTuple):
    """One record as written: its cells and its first line, counted from 1.

    `problem` says why the source could not read it; it is empty for a usable record.
    """

    line: int
    cells: list[str]
    problem: str = ""


class RejectedRow(NamedTuple):
    """A rejected row with its error and all its cells."""

    line: int
    field: str
    value: str
    reason: str
    cells: tuple[str, ...]


class RosterChange(NamedTuple):
    """One field of one guest that the file changes."""

    line: int
    person: str
    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """Numbers of rows by outcome, as far as processed."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0

    @property
    def rows(self) -> int:
        """Return the total: each row is counted exactly once."""
        return self.inserted + self.updated + self.unchanged + self.quarantined

    def plus(self, other: "ImportCounts") -> "ImportCounts":
        """Return the sum of both."""
        return ImportCounts(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.quarantined + other.quarantined,
        )


def make_natural_key(external_id: str, email: str, phone: str) -> str:
    """Return the identity of a guest in one event: the first of id, address, number; "" if none."""
    if external_id:
        return f"id:{external_id}"
    if email:
        return f"email:{email}"
    return f"tel:{phone}" if phone else ""


def diff_fields(
    line: int, person: str, old: Mapping[str, str], new: Mapping[str, str]
) -> list[RosterChange]:
    """Return the fields that differ between stored guest and file, in the order of `new`.

    A field that the guest does not have is empty.
    """
    return [
        RosterChange(line, person, field, old.get(field, ""), value)
        for field, value in new.items()
        if old.get(field, "") != value
    ]
