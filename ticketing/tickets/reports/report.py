"""The generation report of an event: generated, failed and missing tickets, by person.

The CSV file lists all people. The PDF lists people without a ticket first, and states when it does
not list all.
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
from zoneinfo import ZoneInfo

from ticketing.documents.report_pdf import render_report_pdf
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.csv_writer import DELIMITER, ENCODING, write_sheet
from ticketing.platform.kernel.errors import Unavailable
from ticketing.tickets.missing import is_event_over
from ticketing.tickets.reports import queries
from ticketing.tickets.reports.queries import ImportTotals, ReportRow

MAX_LISTED = 2000  # people in the PDF: about 50 pages, and 20 s to lay out
COLUMNS = (
    "attendee_id", "external_id", "name", "email", "ticket_type", "seat",
    "verdict", "reason", "ticket_code", "issued_at", "generated_at", "pdf_file_path",
    "sales_channel", "test",
)  # fmt: skip


class GenerationStatus(StrEnum):
    """Status of an entitled person's ticket in the report."""

    GENERATED = "generated"
    FAILED = "failed"
    MISSING = "missing"


class ReportEntry(NamedTuple):
    """An entry of the report; the reason is empty for a generated ticket."""

    line: ReportRow
    verdict: GenerationStatus
    reason: str


class ReportFiles(NamedTuple):
    """Paths of an event's report; a new report replaces the last one."""

    csv: Path
    pdf: Path


@dataclass(frozen=True, slots=True)
class GenerationReport:
    """Totals of the report: generated + failed + missing = entitled."""

    files: ReportFiles
    entitled: int
    generated: int
    failed: int
    missing: int
    not_generated: list[ReportEntry]  # the first MAX_LISTED
    last_import: ImportTotals | None
    test: int = 0  # of the entitled


@dataclass
class ReportSummary:
    """Totals of a stream of entries, and those that the PDF lists."""

    verdicts: Counter[GenerationStatus] = field(default_factory=Counter)
    test: int = 0
    generated: list[ReportEntry] = field(default_factory=list)
    not_generated: list[ReportEntry] = field(default_factory=list)

    def count_entries(self, entries: Iterable[ReportEntry]) -> Iterator[ReportEntry]:
        """Yield the entries unchanged, and count them."""
        for entry in entries:
            self.verdicts[entry.verdict] += 1
            self.test += entry.line.is_test
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
        """Return the entries of the PDF, people without a ticket first."""
        return [*self.not_generated, *self.generated][:MAX_LISTED]


def to_report_entry(line: ReportRow, *, event_over: bool) -> ReportEntry:
    """Return the entry of a person, with the reason if there is no ticket."""
    if line.ticket_code is None:
        if line.failure is not None:
            return ReportEntry(line, GenerationStatus.FAILED, line.failure)
        return ReportEntry(
            line, GenerationStatus.MISSING, _missing_reason(line, event_over=event_over)
        )
    if line.render_error is not None:
        return ReportEntry(line, GenerationStatus.FAILED, line.render_error)
    if line.pdf_file_path is None and line.pdf_removed_at is None:
        return ReportEntry(line, GenerationStatus.MISSING, queries.PDF_PENDING)
    return ReportEntry(line, GenerationStatus.GENERATED, "")


def _missing_reason(line: ReportRow, *, event_over: bool) -> str:
    if event_over:
        return "event is over"
    return f"on hold: {line.hold_reason}" if line.hold_reason else "no ticket issued yet"


def report_paths(root: Path, event: Event) -> ReportFiles:
    """Return the paths of the report under the document root."""
    folder = root / event.slug / "report"
    return ReportFiles(folder / "generation-report.csv", folder / "generation-report.pdf")


def write_report(
    database: Database, event: Event, *, root: Path, at: datetime, delimiter: str = DELIMITER
) -> GenerationReport:
    """Write the CSV and PDF files under the document root; equal states give equal CSV files."""
    files = report_paths(root, event)
    sums, over = ReportSummary(), is_event_over(event, at)
    with database.transaction() as connection:
        people = (
            to_report_entry(line, event_over=over)
            for line in queries.iter_report_rows(connection, event.id)
        )
        with (
            _atomic_write(files.csv) as draft,
            draft.open("w", encoding=ENCODING, newline="") as sheet,
        ):
            rows = (_csv_cells(entry) for entry in sums.count_entries(people))
            zone = ZoneInfo(event.time_zone)
            write_sheet(sheet, COLUMNS, rows, time_zone=zone, delimiter=delimiter)
        last_import = queries.find_last_import(connection, event.id)
    report = GenerationReport(
        files=files,
        entitled=sums.verdicts.total(),
        generated=sums.verdicts[GenerationStatus.GENERATED],
        failed=sums.verdicts[GenerationStatus.FAILED],
        missing=sums.verdicts[GenerationStatus.MISSING],
        not_generated=sums.not_generated,
        last_import=last_import,
        test=sums.test,
    )
    with _atomic_write(files.pdf) as draft:
        draft.write_bytes(
            render_report_pdf(event, {"report": report, "listed": sums.listed}, at=at)
        )
    return report


def read_reported_statuses(path: Path) -> dict[str, str]:
    """Return the status of each entitlement in the CSV file, by id; empty without a report."""
    if not path.exists():
        return {}
    with path.open(encoding=ENCODING, newline="") as file:
        # the delimiter of the setting at that time follows the first column's name
        delimiter = file.readline()[len(COLUMNS[0])]
        file.seek(0)
        rows = csv.DictReader(file, delimiter=delimiter)
        return {row["attendee_id"]: row["verdict"] for row in rows}


def _csv_cells(entry: ReportEntry) -> list[object]:
    line = entry.line
    return [
        line.entitlement_id,
        *(line.external_id or "", line.full_name, line.email, line.ticket_type, line.seat),
        entry.verdict.value,
        entry.reason,
        line.ticket_code or "",
        line.issued_at or "",
        line.generated_at or "",
        line.pdf_file_path or "",
        line.sales_channel,
        "test" if line.is_test else "",
    ]


@contextmanager
def _atomic_write(path: Path) -> Iterator[Path]:
    """Write to a temporary file that replaces the old one when it is complete."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        draft.replace(path)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
