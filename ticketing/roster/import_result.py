"""An import's line in the history, from its beginning to however it ends.

What can be asked of an import, and what it answers.

An import's result as lines for people: the report beside a dropped file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType

from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import TicketingError
from ticketing.roster import import_queries
from ticketing.roster.model import Change, Counts, QuarantinedRow
from ticketing.roster.write_queries import Withdrawal


@dataclass(frozen=True, slots=True)
class Record:
    """Begins a running import on entering, gives its number, and marks it as failed on any error.

    Only for who holds the event's turn: what others left running is closed first.
    """

    database: Database
    event_id: int
    kind: str
    name: str
    by: str
    now: Callable[[], datetime]
    begun: list[int] = field(default_factory=list)

    def __enter__(self) -> int:
        """Close what was interrupted, and begin."""
        at = self.now()
        with self.database.transaction() as connection:
            import_queries.close_interrupted(connection, self.event_id, at=at)
            import_id = import_queries.begin(
                connection, self.event_id, kind=self.kind, name=self.name, by=self.by, at=at
            )
        self.begun.append(import_id)
        return import_id

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Say why, if it failed."""
        if kind is None:
            return
        # anything but our own words could quote somebody's data
        message = str(error) if isinstance(error, TicketingError) else kind.__name__
        with self.database.transaction() as connection:
            import_queries.fail(connection, self.begun[0], message, at=self.now())


CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to read and what to do. Empty encoding and delimiter are found out.

    `mapping` leads columns to fields where their names do not. `quarantine_path` is where rows
    kept aside are written as a CSV, if there are any; in a dry run too.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    delimiter: str | None = None
    dry_run: bool = False
    withdraw_absent: bool = False
    chunk: int = CHUNK
    patience_seconds: float = 30.0
    quarantine_path: Path | None = None


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Where every row ended, and how the file was understood. Lists hold the first few only.

    `withdrawal` says who is absent when that was asked: withdrawn, or in a dry run, would be.
    """

    import_id: int | None  # None for a dry run
    dry_run: bool
    event: str
    source: str
    total: int
    counts: Counts
    withdrawal: Withdrawal
    encoding: str
    delimiter: str
    digest: str
    mapping: Mapping[str, str]
    ignored_columns: Sequence[str]
    warnings: Sequence[str]
    changed_fields: Mapping[str, int]
    changes: Sequence[Change]
    quarantine: Sequence[QuarantinedRow]
    seconds: float

    @property
    def inserted(self) -> int:
        """Rows that made an entitlement."""
        return self.counts.inserted

    @property
    def updated(self) -> int:
        """Rows that changed somebody."""
        return self.counts.updated

    @property
    def unchanged(self) -> int:
        """Rows that said what was known."""
        return self.counts.unchanged

    @property
    def quarantined(self) -> int:
        """Rows kept aside."""
        return self.counts.quarantined

    @property
    def withdrawn(self) -> int:
        """People whose entitlement was taken back, being absent."""
        return 0 if self.dry_run else self.withdrawal.people

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        flat: dict[str, object] = asdict(self)
        del flat["counts"]
        return flat | asdict(self.counts) | {"withdrawn": self.withdrawn} | self._lists()

    def _lists(self) -> dict[str, object]:
        """Named tuples become objects, not arrays."""
        return {
            "changes": [change._asdict() for change in self.changes],
            "quarantine": [row._asdict() for row in self.quarantine],
        }


_NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe"}


def told(result: ImportResult) -> str:
    """What became of every row, what changed, what is kept aside and why."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: ImportResult) -> Iterator[str]:
    counts = result.counts
    yield f"{result.source} into {result.event}" + (" (dry run)" if result.dry_run else "")
    yield (
        f"{result.total} rows: {counts.inserted} inserted, {counts.updated} updated, "
        f"{counts.unchanged} unchanged, {counts.quarantined} quarantined"
    )
    if result.encoding:
        delimiter = _NAMES.get(result.delimiter, result.delimiter)
        yield f"read as {result.encoding}, columns divided by {delimiter}"
    yield "columns: " + ", ".join(f"{name} is {field}" for field, name in result.mapping.items())
    if result.ignored_columns:
        yield f"not used: {', '.join(result.ignored_columns)}"
    yield from (f"warning: {warning}" for warning in result.warnings)
    yield from _changes(result)
    if result.withdrawal.people:
        yield (
            f"absent: {result.withdrawal.people}, "
            f"{result.withdrawal.with_live_tickets} of them with a live ticket"
        )
    for row in result.quarantine:
        yield f"line {row.line} quarantined: {row.field} {row.value!r}: {row.reason}"
    if counts.quarantined > len(result.quarantine):
        yield f"and {counts.quarantined - len(result.quarantine)} more in the quarantine file"


def _changes(result: ImportResult) -> Iterator[str]:
    if result.changed_fields:
        fields = (f"{field} of {count}" for field, count in result.changed_fields.items())
        yield f"changed: {', '.join(fields)}"
    for change in result.changes:
        yield (
            f"line {change.line}: {change.person}: {change.field} {change.old!r} -> {change.new!r}"
        )
