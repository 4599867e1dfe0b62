"""Options and result of an import, its text report, and its rejected rows as a CSV file."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

from ticketing.platform.kernel.csv_writer import DELIMITER, atomic_text_file
from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.kernel.text import guard_formula
from ticketing.roster.model import ImportCounts, RejectedRow, RosterChange, RowWarning
from ticketing.roster.plan.import_impact import ImportImpact, format_impact
from ticketing.roster.plan.write_queries import WithdrawalCount

DEFAULT_CHUNK_SIZE = 20_000


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Options of an import. Encoding, delimiter and line of the header None are detected.

    `mapping` maps columns to fields where their names do not, `ignored` are columns not to be used,
    `kept` columns to be stored as they are for templates and exports. `apply_holder_changes` allows
    other names on live tickets; `clear_empty` lets empty cells clear stored values.
    `quarantine_path` is the CSV file for rejected rows, if there are any; it is written in a dry
    run too, with `quarantine_delimiter`.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    ignored: Sequence[str] = ()
    kept: Sequence[str] = ()
    encoding: str | None = None
    delimiter: str | None = None
    header_row: int | None = None
    dry_run: bool = False
    withdraw_absent: bool = False
    apply_holder_changes: bool = False
    clear_empty: bool = False
    chunk: int = DEFAULT_CHUNK_SIZE
    patience_seconds: float = 30.0
    quarantine_path: Path | None = None
    quarantine_delimiter: str = DELIMITER


@dataclass(frozen=True, slots=True)
class ImportResult:
    """Counts and detected properties of an import. Lists contain the first few items only.

    `withdrawal` counts absent guests if requested: withdrawn, or to be withdrawn in a dry run.
    """

    import_id: int | None  # None for a dry run
    dry_run: bool
    event: str
    source: str
    total: int
    counts: ImportCounts
    withdrawal: WithdrawalCount
    encoding: str
    delimiter: str
    digest: str
    mapping: Mapping[str, str]
    ignored_columns: Sequence[str]
    warnings: Sequence[str]  # about the file
    warning_count: int  # about accepted rows
    row_warnings: Sequence[RowWarning]
    changed_fields: Mapping[str, int]
    changes: Sequence[RosterChange]
    quarantine: Sequence[RejectedRow]
    seconds: float
    sheet: str = ""  # of a workbook
    impact: ImportImpact = field(default_factory=ImportImpact)

    @property
    def withdrawn(self) -> int:
        """Return the number of absent guests whose entitlement was withdrawn."""
        return 0 if self.dry_run else self.withdrawal.people

    def as_dict(self) -> dict[str, object]:
        """Return the result as a dictionary for JSON."""
        flat: dict[str, object] = asdict(self)
        del flat["counts"]
        # named tuples as objects, not arrays
        lists = {
            "changes": [change._asdict() for change in self.changes],
            "quarantine": [row._asdict() for row in self.quarantine],
            "row_warnings": [warning._asdict() for warning in self.row_warnings],
        }
        impact = {
            "touched_tickets": asdict(self.impact.tickets),
            "notices": list(format_impact(self.impact, self.event)),
        }
        return flat | asdict(self.counts) | {"withdrawn": self.withdrawn} | lists | impact


_DELIMITER_NAMES = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe"}


def format_import_report(result: ImportResult) -> str:
    """Return a text with the counts, the changes and the rejected rows."""
    return "\n".join(_report_lines(result)) + "\n"


def format_source_format(result: ImportResult) -> str:
    """Return how the source was read: `as utf-8, columns divided by comma`."""
    if result.sheet:
        return f"sheet {result.sheet!r}"
    if not result.encoding:
        return "from a query"
    delimiter = _DELIMITER_NAMES.get(result.delimiter, result.delimiter)
    return f"as {result.encoding}, columns divided by {delimiter}"


def _report_lines(result: ImportResult) -> Iterator[str]:
    counts = result.counts
    yield f"{result.source} into {result.event}" + (" (dry run)" if result.dry_run else "")
    yield (
        f"{result.total} rows: {counts.inserted} inserted, {counts.updated} updated, "
        f"{counts.unchanged} unchanged, {counts.quarantined} rejected"
    )
    yield f"read {format_source_format(result)}"
    yield "columns: " + ", ".join(f"{name} is {field}" for field, name in result.mapping.items())
    if result.ignored_columns:
        yield f"not used: {', '.join(result.ignored_columns)}"
    yield from (f"Warning: {warning}" for warning in result.warnings)
    yield from format_row_warnings(result)
    yield from format_impact(result.impact, result.event)
    yield from format_changes(result)
    if result.withdrawal.people:
        yield (
            f"absent: {result.withdrawal.people}, "
            f"{result.withdrawal.tickets.live} of them with a live ticket"
        )
    yield from format_rejected_rows(result)


def format_rejected_rows(result: ImportResult) -> Iterator[str]:
    """Yield a line for each rejected row, and the number of those that are not listed."""
    for row in result.quarantine:
        cell = f"{row.field} {row.value!r}: " if row.field else ""  # else it is about the line
        yield f"  line {row.line} rejected: {cell}{row.reason}"
    if result.counts.quarantined > len(result.quarantine):
        unlisted = result.counts.quarantined - len(result.quarantine)
        yield f"  and {unlisted:,} more in the file of rejected rows"


def format_row_warnings(result: ImportResult) -> Iterator[str]:
    """Yield a line for each warning about a row, and the number of those that are not listed."""
    if result.warning_count:
        yield "Warning: some values of imported rows were left out, or should be checked"
    for warning in result.row_warnings:
        yield f"  line {warning.line}: {warning.field} {warning.value!r}: {warning.reason}"
    if result.warning_count > len(result.row_warnings):
        yield f"  and {result.warning_count - len(result.row_warnings):,} more"


def format_changes(result: ImportResult) -> Iterator[str]:
    """Yield the number of changes by field, and the changes of the first guests."""
    if result.changed_fields:
        fields = (f"{name} {count:,}" for name, count in result.changed_fields.items())
        yield f"{'Would change' if result.dry_run else 'Changed'}: {', '.join(fields)}"
    for line, person, name, old, new in result.changes:
        yield f"  line {line}: {person}: {name} {old!r} -> {new!r}"
    if (unlisted := result.counts.updated - len({change.line for change in result.changes})) > 0:
        yield f"  and {unlisted:,} more people"


_PROBLEM_COLUMNS = ("line", "field", "value", "reason")


def write_rejected_rows(
    path: Path,
    columns: Sequence[str],
    rows: Iterable[RejectedRow],
    *,
    delimiter: str = DELIMITER,
) -> int:
    """Write the file atomically; return the number of rows.

    Raises Misconfigured if the file cannot be written.
    """
    # a corrected file that is imported again has these columns already: they are replaced
    own = tuple(columns[:-4]) if tuple(columns[-4:]) == _PROBLEM_COLUMNS else tuple(columns)
    written = 0
    with _atomic_file(path) as file:
        sheet = csv.writer(file, delimiter=delimiter)
        sheet.writerow([*own, *_PROBLEM_COLUMNS])
        for row in rows:
            cells = _fit_cells(row.cells, len(own))
            problem = (str(row.line), row.field, row.value, row.reason)
            sheet.writerow([guard_formula(cell) for cell in (*cells, *problem)])
            written += 1
    return written


def _fit_cells(cells: Sequence[str], width: int) -> list[str]:
    """Return as many cells as columns; the last one keeps what is too much, to be corrected."""
    if len(cells) <= width:
        return [*cells, *[""] * (width - len(cells))]
    return [*cells[: width - 1], ", ".join(filter(None, cells[width - 1 :]))]


@contextmanager
def _atomic_file(path: Path) -> Iterator[TextIO]:
    try:
        with atomic_text_file(path) as file:
            yield file
    except OSError as error:
        raise Misconfigured(
            f"the rows that need correcting cannot be written to {path} ({error.strerror});"
            " nothing was imported: choose another file with --quarantine"
        ) from error
