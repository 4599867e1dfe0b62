"""The generation report of an event: generated against failed and missing, person by person.

The CSV has everyone. The PDF is for reading: it lists those without a ticket first, and says so
when it does not list everyone.
"""

import csv
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from ticketing.documents.report_pdf import render_report_pdf
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Unavailable
from ticketing.tickets.missing import is_event_over
from ticketing.tickets.reports import queries
from ticketing.tickets.reports.queries import ImportTotals, ReportRow

MAX_LISTED = 2000  # people in the PDF: about 50 pages, and 20 s to lay out
COLUMNS = (
    "attendee_id", "external_id", "name", "email", "ticket_type", "seat",
    "verdict", "reason", "ticket_code", "issued_at", "generated_at", "pdf_file_path",
)  # fmt: skip
# a spreadsheet takes a cell that begins so for a formula and would run it
FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r")


class GenerationStatus(StrEnum):
    """What became of one entitled person's ticket; everyone has exactly one."""

    GENERATED = "generated"
    FAILED = "failed"
    MISSING = "missing"


class ReportEntry(NamedTuple):
    """One person in the report; the reason is empty for whoever has the ticket."""

    line: ReportRow
    verdict: GenerationStatus
    reason: str


class ReportFiles(NamedTuple):
    """Where an event's report is; each new one takes the place of the last."""

    csv: Path
    pdf: Path


@dataclass(frozen=True, slots=True)
class GenerationReport:
    """What the report adds up to: generated + failed + missing = entitled."""

    files: ReportFiles
    entitled: int
    generated: int
    failed: int
    missing: int
    not_generated: list[ReportEntry]  # the first LISTED_AT_MOST
    last_import: ImportTotals | None


@dataclass
class ReportSummary:
    """What is kept of a stream of entries: their sums, and the few that the PDF can list."""

    verdicts: Counter[GenerationStatus] = field(default_factory=Counter)
    generated: list[ReportEntry] = field(default_factory=list)
    not_generated: list[ReportEntry] = field(default_factory=list)

    def count_entries(self, entries: Iterable[ReportEntry]) -> Iterator[ReportEntry]:
        """Hand every entry on, counted."""
        for entry in entries:
            self.verdicts[entry.verdict] += 1
            kept = (
                self.generated
                if entry.verdict is GenerationStatus.GENERATED
                else self.not_generated
            )
            if len(kept) < MAX_LISTED:
                kept.append(entry)
            yield entry

    @property
    def listed(self) -> list[ReportEntry]:
        """The people of the PDF: first whoever has no ticket."""
        return [*self.not_generated, *self.generated][:MAX_LISTED]


def to_report_entry(line: ReportRow, *, event_over: bool) -> ReportEntry:
    """What became of one person's ticket; nobody gets one any more when the event is over."""
    if line.ticket_code is None:
        if line.failure is not None:
            return ReportEntry(line, GenerationStatus.FAILED, line.failure)
        return ReportEntry(
            line, GenerationStatus.MISSING, _missing_reason(line, event_over=event_over)
        )
    if line.render_error is not None:
        return ReportEntry(line, GenerationStatus.FAILED, line.render_error)
    if line.pdf_file_path is None and line.pdf_removed_at is None:
        return ReportEntry(line, GenerationStatus.MISSING, "ticket issued, PDF not rendered yet")
    return ReportEntry(line, GenerationStatus.GENERATED, "")


def _missing_reason(line: ReportRow, *, event_over: bool) -> str:
    if event_over:
        return "event is over"
    return f"on hold: {line.hold_reason}" if line.hold_reason else "no ticket issued yet"


def report_paths(root: Path, event: Event) -> ReportFiles:
    """The report's place under the document root."""
    folder = root / event.slug / "report"
    return ReportFiles(folder / "generation-report.csv", folder / "generation-report.pdf")


def write_report(database: Database, event: Event, *, root: Path, at: datetime) -> GenerationReport:
    """Write both files under the document root; the same state gives the same CSV."""
    files = report_paths(root, event)
    sums, over = ReportSummary(), is_event_over(event, at)
    with database.transaction() as connection:
        people = (
            to_report_entry(line, event_over=over)
            for line in queries.iter_report_rows(connection, event.id)
        )
        with _atomic_write(files.csv) as draft:
            _write_csv(draft, sums.count_entries(people))
        last_import = queries.find_last_import(connection, event.id)
    report = GenerationReport(
        files=files,
        entitled=sums.verdicts.total(),
        generated=sums.verdicts[GenerationStatus.GENERATED],
        failed=sums.verdicts[GenerationStatus.FAILED],
        missing=sums.verdicts[GenerationStatus.MISSING],
        not_generated=sums.not_generated,
        last_import=last_import,
    )
    with _atomic_write(files.pdf) as draft:
        draft.write_bytes(
            render_report_pdf(event, {"report": report, "listed": sums.listed}, at=at)
        )
    return report


def read_reported_statuses(path: Path) -> dict[str, str]:
    """What a report's CSV says of each attendee, by id; nothing when there is no report."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["attendee_id"]: row["verdict"] for row in csv.DictReader(file)}


def _write_csv(path: Path, entries: Iterable[ReportEntry]) -> None:
    # without the byte order mark a spreadsheet reads UTF-8 as something else
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(_csv_cells(entry) for entry in entries)


def _csv_cells(entry: ReportEntry) -> list[str]:
    line = entry.line
    texts = (line.external_id or "", line.full_name, line.email, line.ticket_type, line.seat)
    issued, generated = _format_instant(line.issued_at), _format_instant(line.generated_at)
    facts = (line.ticket_code, issued, generated, line.pdf_file_path)
    return [
        str(line.attendee_id),
        *(escape_formula(text) for text in texts),
        entry.verdict.value,
        escape_formula(entry.reason),
        *(fact or "" for fact in facts),
    ]


def escape_formula(text: str) -> str:
    """A cell that no spreadsheet will run; the import takes the apostrophe off again."""
    return f"'{text}" if text.startswith(FORMULA_PREFIXES) else text


def _format_instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


@contextmanager
def _atomic_write(path: Path) -> Iterator[Path]:
    """A draft beside the old file, put in its place when whole."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        draft.replace(path)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
