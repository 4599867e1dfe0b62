"""Tests of language, sales channel and test mode of guests, from roster to ticket and export."""

import csv
from collections.abc import Callable
from datetime import datetime
from io import StringIO
from pathlib import Path

from sqlalchemy import select

from ticketing.documents.template_context import ticket_variables
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.export_names import ExportKind
from ticketing.platform.kernel.csv_writer import InMemorySheet
from ticketing.reporting.export import write_export
from ticketing.roster.import_result import ImportResult
from ticketing.roster.model import ImportCounts
from ticketing.tickets.rendering.queries import list_documents
from ticketing.tickets.reports.report import write_report
from ticketing.tickets.ticket_queries import find_validity_by_code

Import = Callable[..., ImportResult]

HEADER = "nim,nama,locale,sales channel,test mode"
ROWS = ("1,Ann,en-GB,web,test", "2,Budi,,,")


def test_the_ticket_is_in_the_language_of_the_guest_and_a_test_is_marked(
    import_csv: Import, issue: Callable[[], int], database: Database
) -> None:
    import_csv(HEADER, *ROWS)
    issue()

    with database.transaction() as connection:
        ids = connection.execute(select(generated_tickets.c.id)).scalars().all()
        ann, budi = (document.ticket for document in list_documents(connection, ids))
        scanned = find_validity_by_code(connection, ann.ticket_code)
    texts = [ticket_variables(ticket) for ticket in (ann, budi)]
    assert [text["eventDate"].split(",")[0] for text in texts] == ["Saturday", "Sabtu"]
    assert [text["ticketType"] for text in texts] == ["TEST · Regular", "Regular"]
    assert scanned
    assert scanned.scanned_ticket.ticket_type == "TEST · Regular"


def test_a_later_file_changes_what_it_states(import_csv: Import, issue: Callable[[], int]) -> None:
    import_csv(HEADER, *ROWS)
    issue()

    same = import_csv(HEADER, *ROWS)
    kept = import_csv(HEADER, "1,Ann,,,", "2,Budi,,kanal 2,")
    live = import_csv(HEADER, "1,Ann,,,live")

    assert same.counts == ImportCounts(unchanged=2)
    assert [(change.field, change.new) for change in kept.changes] == [("sales_channel", "kanal 2")]
    assert kept.impact.emptied.cells == {"locale": 1, "sales_channel": 1, "test_mode": 1}
    assert [(change.field, change.new) for change in live.changes] == [("is_test", "false")]


def test_report_and_export_show_channel_and_tests(
    import_csv: Import, issue: Callable[[], int], database: Database, event: Event, now: datetime,
    tmp_path: Path,
) -> None:  # fmt: skip
    import_csv(HEADER, *ROWS)
    issue()

    report = write_report(database, event, root=tmp_path, at=now)
    sheet = InMemorySheet(10_000)
    write_export(database, event, ExportKind.TICKETS, sheet, at=now)

    exported = csv.DictReader(StringIO(sheet.content.decode("utf-8-sig")), delimiter=";")
    text = report.files.csv.read_text("utf-8-sig")
    reported = csv.DictReader(StringIO(text), delimiter=";")
    assert (report.entitled, report.test) == (2, 1)
    assert [row["test"] for row in reported] == ["test", ""]
    columns = [(row["language"], row["channel"], row["test"]) for row in exported]
    assert columns == [("en_GB", "web", "test"), ("", "", "")]
