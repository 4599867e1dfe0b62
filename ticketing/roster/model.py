"""A roster: people as a file or a table names them, and who of them counts as one person.

How cells become these values is in roster_cleaning; which column means what, in roster_columns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

DEFAULT_TICKET_TYPE = "Regular"


class RosterField(StrEnum):
    """What a roster can say about a person."""

    EXTERNAL_ID = "external_id"
    FULL_NAME = "full_name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    EMAIL = "email"
    PHONE = "phone"
    TICKET_TYPE = "ticket_type"
    SEAT = "seat"
    HOLD = "hold"
    PAYMENT = "payment"


class RowOutcome(StrEnum):
    """How a row of the file ended: each as exactly one of these."""

    INSERTED = "inserted"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    QUARANTINED = "quarantined"


class RosterEntry(NamedTuple):
    """One clean row. Empty means "none"; `phone` is E.164. A tuple, for millions are made."""

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


class RowRejection(NamedTuple):
    """One row that cannot be used. `natural_key` is empty when the row names nobody."""

    natural_key: str
    field: str
    value: str
    reason: str


class RosterRow(NamedTuple):
    """One record as written: the line it begins on, counted from 1, and its cells."""

    line: int
    cells: list[str]


class RejectedRow(NamedTuple):
    """A row kept aside, with what is wrong with it and everything it said."""

    line: int
    field: str
    value: str
    reason: str
    cells: tuple[str, ...]


class RosterChange(NamedTuple):
    """One field of one person that the file changes."""

    line: int
    person: str
    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """Where the rows of a file ended, as far as they have been taken."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0

    @property
    def rows(self) -> int:
        """All of them: no row is counted twice, none is lost."""
        return self.inserted + self.updated + self.unchanged + self.quarantined

    def plus(self, other: "ImportCounts") -> "ImportCounts":
        """Both together."""
        return ImportCounts(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.quarantined + other.quarantined,
        )


def make_natural_key(external_id: str, email: str, phone: str) -> str:
    """What a person is recognised by in one event: the first of id, address, number; "" if none."""
    if external_id:
        return f"id:{external_id}"
    if email:
        return f"email:{email}"
    return f"tel:{phone}" if phone else ""


def diff_fields(
    line: int, person: str, old: Mapping[str, str], new: Mapping[str, str]
) -> list[RosterChange]:
    """What differs between a person as known and as the file has them, in the order of `new`."""
    return [
        RosterChange(line, person, field, old[field], value)
        for field, value in new.items()
        if old[field] != value
    ]
