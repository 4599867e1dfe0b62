"""Tests of whole files as real rosters are: people without ids, rounded ids, stray quotes."""

import csv
from collections.abc import Callable
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.export_names import ExportKind
from ticketing.platform.kernel.csv_writer import InMemorySheet
from ticketing.reporting.export import write_export
from ticketing.roster import import_queries
from ticketing.roster.import_result import ImportOptions, ImportResult, format_import_report
from ticketing.roster.import_roster import import_roster
from ticketing.roster.model import ImportCounts, RowWarning
from ticketing.roster.sources.csv_file import RosterFile

Import = Callable[..., ImportResult]
ReadGuests = Callable[[], dict[str, dict[str, str | None]]]

HEADER = "nim,nama,email,no hp"


@pytest.mark.parametrize("placeholder", ["-", "N/A"])
def test_a_placeholder_for_an_id_never_takes_over_a_person(
    import_csv: Import, read_guests: ReadGuests, placeholder: str
) -> None:
    import_csv(HEADER, f"{placeholder},Budi Santoso,budi@example.com,081234567801")
    import_csv(HEADER, f"{placeholder},Siti Aminah,siti@example.com,081234567802")

    assert {key: person["full_name"] for key, person in read_guests().items()} == {
        "email:budi@example.com": "Budi Santoso",
        "email:siti@example.com": "Siti Aminah",
    }


def test_people_with_the_id_zero_are_as_many_people(
    import_csv: Import, read_guests: ReadGuests
) -> None:
    result = import_csv(
        HEADER, "0,Budi,budi@example.com,", "0,Siti,siti@example.com,", "0,Joko,,081234567803"
    )

    assert result.counts == ImportCounts(inserted=3)
    assert list(read_guests()) == [
        "email:budi@example.com", "email:siti@example.com", "tel:+6281234567803",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "rejected"),
    [
        # three of three are rounded
        (["3273010101900010,Budi", "3273010101900010,Siti", "3273010101900020,Joko"], 3),
        # two people share an id
        (["3273010101900010,Budi", "3273010101900010,Siti", "7,Joko"], 2),
        # an id that ends with a zero by itself
        (["3273010101900010,Budi", "3273010101900010,Budi", "3273010101900021,Joko"], 0),
        (["3273010101900010,Budi"], 0),
    ],
)
def test_long_ids_that_a_spreadsheet_has_rounded_are_rejected(
    import_csv: Import, rows: list[str], rejected: int
) -> None:
    result = import_csv("nik,nama", *rows, dry_run=True)

    assert result.counts.quarantined == rejected
    assert all("a spreadsheet keeps 15 digits" in row.reason for row in result.quarantine)


def test_a_row_with_a_stray_quote_imports_after_mending(
    import_csv: Import, database: Database, event: Event, now: datetime, tmp_path: Path
) -> None:
    aside = tmp_path / "aside.csv"
    people = [f"{n},Orang {n},p{n}@example.com" for n in range(2, 200)]
    people[98] = people[98].replace("Orang", '"Orang')

    first = import_csv("nim,nama,email", *people, quarantine_path=aside)
    aside.write_text(aside.read_text("utf-8-sig").replace('"""Orang 100"', "Orang 100"), "utf-8")
    mended = import_roster(
        database, event, RosterFile(aside), options=ImportOptions(), at=now, by="operator"
    )

    assert first.counts == ImportCounts(inserted=197, quarantined=1)
    report = format_import_report(first)
    assert "\n  line 100 rejected: a quotation mark is missing or too many" in report
    assert mended.counts == ImportCounts(inserted=1)


def test_warnings_about_rows_are_in_the_result_the_report_and_the_history(
    import_csv: Import, database: Database, event: Event, read_guests: ReadGuests
) -> None:
    lines = (f"{HEADER},status", "1,Budi,budi@,,Invited", "2,Siti,,081234567801,")
    foretold = import_csv(*lines, dry_run=True)

    result = import_csv(*lines)

    with database.transaction() as connection:
        (stored,) = import_queries.list_imports(connection, event.id)
    assert result.counts == ImportCounts(inserted=2)
    assert result.row_warnings == foretold.row_warnings
    assert result.row_warnings == [
        RowWarning(2, "email", "budi@", "left out: There must be something after the @-sign."),
        RowWarning(2, "status", "Invited", "an unknown status, which holds nobody"),
    ]
    assert "  line 2: email 'budi@': left out" in format_import_report(result)
    assert stored.warnings == {
        "count": 2,
        "file": list(result.warnings),
        "rows": [warning._asdict() for warning in result.row_warnings],
    }
    assert "'Invited' (1)" in result.warnings[0]
    assert read_guests()["id:1"]["email"] == ""


def test_kept_columns_are_stored_compared_and_exported(
    import_csv: Import, database: Database, event: Event, now: datetime
) -> None:
    header = "nim,nama,Program Studi,ward"
    import_csv(header, "1,Budi,Sipil,A", "2,Siti,,", kept=["program studi", "ward"])
    import_csv("nim,nama", "1,Budi", "2,Siti")

    again = import_csv(header, "1,Budi,Hukum,", "2,Siti,,", kept=["program studi"])

    sheet = InMemorySheet(10_000)
    write_export(database, event, ExportKind.MISSING, sheet, at=now)
    first, second = csv.DictReader(StringIO(sheet.content.decode("utf-8-sig")), delimiter=";")
    assert again.counts == ImportCounts(updated=1, unchanged=1)
    assert again.mapping["extra.program_studi"] == "Program Studi"
    assert again.ignored_columns == ["ward"]
    assert [(change.field, change.new) for change in again.changes] == [
        ("extra.program_studi", "Hukum")
    ]
    assert (first["extra.program_studi"], first["extra.ward"]) == ("Hukum", "A")
    assert (second["extra.program_studi"], second["extra.ward"]) == ("", "")
