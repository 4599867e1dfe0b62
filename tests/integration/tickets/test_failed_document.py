"""A guest whose PDF cannot be rendered is reported everywhere, with the same reason."""

import csv
from collections.abc import Callable
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import text

from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.export_names import ExportKind
from ticketing.platform.kernel.csv_writer import InMemorySheet
from ticketing.reporting.export import write_export
from ticketing.tickets.eligibility_queries import list_failed_documents
from ticketing.tickets.generate import (
    GenerationContext,
    GenerationRequest,
    GenerationResult,
    generate_tickets,
)
from ticketing.tickets.guest_filter import EVERYBODY
from ticketing.tickets.missing import count_eligibility
from ticketing.tickets.reports.checks import check_missing_documents
from ticketing.tickets.reports.explain import explain_person
from ticketing.tickets.reports.report import read_reported_statuses, write_report

REASON = "no installed font draws U+E000 in fullName"


@pytest.fixture
def generated(
    database: Database,
    event: Event,
    keys: KeyRing,
    now: datetime,
    add_guests: Callable[..., list[int]],
    tmp_path: Path,
) -> GenerationResult:
    """Generate the tickets of two guests, of whom the first one's name has no glyph."""
    first, _ = add_guests(event, 2)
    rename = text("UPDATE guests SET full_name = 'Ayu ' || chr(57344) WHERE id = :id")
    with database.transaction() as connection:
        connection.execute(rename, {"id": first})
    folder = DocumentFolder(tmp_path, min_free_disk=0)
    context = GenerationContext(database, keys, Renderer(TemplateFolders()), folder)
    return generate_tickets(context, event, GenerationRequest(by="test", at=now))


def test_a_pdf_that_cannot_be_rendered_has_one_reason_everywhere(
    database: Database, event: Event, now: datetime, tmp_path: Path, generated: GenerationResult
) -> None:
    sheet = InMemorySheet(100_000)
    write_export(database, event, ExportKind.MISSING, sheet, at=now)
    exported = list(csv.DictReader(StringIO(sheet.content.decode("utf-8-sig")), delimiter=";"))
    report = write_report(database, event, root=tmp_path, at=now)
    explained = explain_person(database, event, "S00001", at=now).people[0].statuses[0]
    check = check_missing_documents(database, event, DocumentFolder(tmp_path))
    counts = count_eligibility(database, event, at=now)

    (listed,), total = database.run(list_failed_documents, event.id, EVERYBODY, limit=5, offset=0)

    assert [message for _, message in generated.failures] == [REASON]
    assert (listed.external_id, listed.render_error, total) == ("S00001", REASON, 1)
    assert [(row["number"], row["reason"]) for row in exported] == [("S00001", REASON)]
    assert [(entry.verdict, entry.reason) for entry in report.not_generated] == [("failed", REASON)]
    assert read_reported_statuses(report.files.csv)["1"] == "failed"
    assert explained.endswith(f"its PDF failed: {REASON}")
    assert [problem for _, problem in check.violations] == [f"the PDF failed: {REASON}"]
    assert (counts.has_ticket, counts.pdf_failed) == (2, 1)
