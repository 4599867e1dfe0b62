"""Staging tables of one import: its cleaned rows, their matches, and the planned changes.

Unlogged, so that a million rows need no write-ahead log, and not temporary, so that two
connections can write. One import per event at a time: the tables are named by the event's id,
and those of a killed import are dropped by the next.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    MetaData,
    Table,
    Text,
    func,
    select,
    text,
    update,
)

from ticketing.roster.model import RosterEntry, RosterRow, RowRejection

STAGING_SCHEMA = "staging"
CELL_SEPARATOR = "\x1f"  # ASCII "unit separator"
_SPREADSHEET_DIGITS = 15
# columns that are joined, grouped or searched; statistics of the others would only cost time
_COMPARED_COLUMNS = (
    "line", "natural_key", "external_id", "email", "phone", "ticket_type", "reason"
)  # fmt: skip


class LoadedRows(NamedTuple):
    """The number of rows in staging, and whether any id is longer than a spreadsheet's numbers."""

    total: int
    has_long_ids: bool


@dataclass(frozen=True, slots=True)
class StagingTables:
    """The staging tables of the running import of one event."""

    event_id: int
    rows: Table  # every row of the file; `reason` says why one was not clean
    matches: Table  # every clean row: the earlier line it repeats, if any, and its guest
    plan: Table  # every row that changes something, and its outcome
    contacts: Table  # every new guest whose e-mail or phone another guest has

    @classmethod
    def for_event(cls, event_id: int) -> "StagingTables":
        """Return the tables' definitions; nothing is created yet."""
        metadata = MetaData(schema=STAGING_SCHEMA)

        def table(name: str, numbers: Sequence[str], *texts: str) -> Table:
            columns: list[Column[Any]] = [
                Column("line", BigInteger, nullable=False),
                *(Column(number, BigInteger) for number in numbers),
                *(Column(word, Text) for word in texts),
            ]
            return Table(f"roster_{event_id}_{name}", metadata, *columns, prefixes=["UNLOGGED"])

        return cls(
            event_id,
            table("rows", (), *RosterEntry._fields, "cells", *_PROBLEM_COLUMNS),
            table("matches", ("repeats", "guest_id"), *_PROBLEM_COLUMNS),
            table("plan", ("guest_id",), "verdict"),
            table("contacts", ("is_duplicate",), "other", "other_name", "contact"),
        )

    def create(self, connection: Connection) -> None:
        """Create empty tables, replacing those of an earlier import."""
        self.drop(connection)
        self.rows.metadata.create_all(connection, checkfirst=False)

    def drop(self, connection: Connection) -> None:
        """Drop the tables."""
        self.rows.metadata.drop_all(connection)

    def load(
        self, connection: Connection, rows: Iterable[tuple[RosterRow, RosterEntry | RowRejection]]
    ) -> "LoadedRows":
        """Copy every row into the table, in the transaction that has created it."""
        total, has_long_ids = 0, False
        columns = self.rows.columns
        command = (
            f"COPY {STAGING_SCHEMA}.{self.rows.name} ({', '.join(columns.keys())})"
            " FROM STDIN (FORMAT BINARY, FREEZE)"
        )
        cursor = connection.connection.driver_connection.cursor()  # type: ignore[union-attr]  # psycopg's own COPY
        with cursor.copy(command) as copy:
            copy.set_types(["int8", *["text"] * (len(columns) - 1)])
            for row, outcome in rows:
                copy.write_row(_staging_row(row, outcome))
                total += 1
                if len(outcome[1]) > _SPREADSHEET_DIGITS:  # the id of an entry
                    has_long_ids = True
        return LoadedRows(total, has_long_ids)

    def index(self, connection: Connection) -> None:
        """Create the index by line and update statistics, after loading."""
        Index(f"ix_{self.rows.name}_line", self.rows.c.line).create(connection)
        self.analyze(connection, self.rows, _COMPARED_COLUMNS)

    def analyze(self, connection: Connection, table: Table, columns: Sequence[str] = ()) -> None:
        """Update statistics: without them, a table just filled would be joined row by row."""
        named = f" ({', '.join(columns)})" if columns else ""
        connection.execute(text(f"ANALYZE {STAGING_SCHEMA}.{table.name}{named}"))


_LONG_NUMBER = "^[0-9]{16,}$"
_ROUNDED_NUMBER = "^[0-9]{15}0+$"
_MIN_ROUNDED_IDS = 3  # of ten long ids one ends with a zero by itself, of a thousand one has three
_ROUNDED_REASON = (
    "a spreadsheet keeps 15 digits: every longer id of this file ends with zeros; format the column"
    " as text and enter the ids again"
)


def reject_rounded_ids(connection: Connection, staging: StagingTables) -> None:
    """Reject the rows with long ids if a spreadsheet has rounded all of them.

    All of them end with zeros then, and there are several, or different people share one.
    """
    rows = staging.rows
    is_long = rows.c.external_id.op("~")(_LONG_NUMBER)
    people = func.concat(rows.c.external_id, " ", func.lower(rows.c.full_name))
    total, rounded, ids, names = connection.execute(
        select(
            func.count(),
            func.count().filter(rows.c.external_id.op("~")(_ROUNDED_NUMBER)),
            func.count(rows.c.external_id.distinct()),
            func.count(people.distinct()),
        ).where(is_long)
    ).one()
    if total and rounded == total and (total >= _MIN_ROUNDED_IDS or names > ids):
        connection.execute(
            update(rows)
            .where(is_long)
            .values(
                field="external_id",
                value=rows.c.external_id,
                reason=_ROUNDED_REASON,
                natural_key="",
            )
        )


def use_bulk_query_settings(connection: Connection) -> None:
    """Set more sort memory and disable nested loops for this transaction.

    The number of matching rows is not known in advance. Where the planner estimates too few, it
    chooses loops: withdrawing 50,000 of 100,000 guests took five minutes instead of a second.
    Without loops, the worst case is one scan of an event.
    """
    connection.execute(select(func.set_config("work_mem", "64MB", True)))
    connection.execute(select(func.set_config("enable_nestloop", "off", True)))


_PROBLEM_COLUMNS = ("field", "value", "reason")
_NO_ENTRY = ("",) * (len(RosterEntry._fields) - 1)
_NO_PROBLEM = (None, None, None)


def _staging_row(row: RosterRow, outcome: RosterEntry | RowRejection) -> tuple[object, ...]:
    cells = CELL_SEPARATOR.join(row.cells)
    if cells.count(CELL_SEPARATOR) >= len(row.cells):
        cells = CELL_SEPARATOR.join(cell.replace(CELL_SEPARATOR, " ") for cell in row.cells)
    if isinstance(outcome, RosterEntry):
        return (row.line, *outcome, cells, *_NO_PROBLEM)
    return (row.line, outcome[0], *_NO_ENTRY, cells, *outcome[1:])
