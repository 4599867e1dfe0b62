"""Create closing reports: the row first, then the file, which can be written again from it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ticketing.crypto.key_queries import current_signer
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.csv_writer import atomic_text_file
from ticketing.platform.kernel.errors import NotFound
from ticketing.reporting.closing import report_queries
from ticketing.reporting.closing.figures import collect_figures
from ticketing.reporting.closing.report_file import FORMAT, Json, build_file, sha256_of
from ticketing.reporting.closing.report_queries import StoredReport


class UnknownClosingReport(NotFound):
    """An event has no closing report of this number."""


@dataclass(frozen=True, slots=True)
class WrittenReport:
    """A stored report, and where its file is."""

    report: StoredReport
    path: Path


def create_report(
    database: Database, event: Event, *, keys: KeyRing, at: datetime, by: str
) -> StoredReport:
    """Store the next closing report of an event, signed and chained to the one before."""
    figures = collect_figures(database, event)
    with database.transaction() as connection:
        previous = report_queries.lock_chain(connection, event.id)
        signer = current_signer(connection, event, keys)
        number = previous.number + 1 if previous else 1
        content = {
            "format": FORMAT,
            "event": _describe(event),
            "number": number,
            "previous_sha256": previous.sha256 if previous else None,
            "created_at": at.astimezone(UTC).isoformat(),
            "created_by": by,
            "figures": figures,
        }
        file = build_file(content, signer)
        stored = StoredReport(number, sha256_of(file), at, by)
        report_queries.insert_report(connection, event.id, stored, file)
        audit_log.record(
            connection, by, "closing_reports.create", event_id=event.id, subject=event.slug,
            items=1, details={"number": number, "sha256": stored.sha256},
        )  # fmt: skip
    return stored


def _describe(event: Event) -> Json:
    return {
        "slug": event.slug,
        "uid": str(event.uid),
        "name": event.name,
        "venue": event.venue,
        "starts_at": event.starts_at.astimezone(UTC).isoformat(),
        "ends_at": event.ends_at.astimezone(UTC).isoformat(),
        "time_zone": event.time_zone,
    }


def read_report(database: Database, event: Event, number: int) -> bytes:
    """Return the file of a stored report; raises UnknownClosingReport."""
    file = database.run(report_queries.find_file, event.id, number)
    if file is None:
        raise UnknownClosingReport(f"{event.slug} has no closing report {number}")
    return file


def write_reports(database: Database, event: Event, folder: Path) -> list[WrittenReport]:
    """Write the files of all reports that are not in the folder; return all of them.

    Safe to repeat: whoever is killed between the row and its file, the next call writes it.
    """
    written = []
    for report in database.run(report_queries.list_for_event, event.id):
        path = folder / event.slug / f"closing-{event.slug}-{report.number:03}.json"
        if not path.exists():
            with atomic_text_file(path, encoding="utf-8") as file:
                file.write(read_report(database, event, report.number).decode())
        written.append(WrittenReport(report, path))
    return written
