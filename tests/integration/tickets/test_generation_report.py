"""Tests of the generation report on disk: CSV of all guests and a PDF summary."""

import csv
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pypdf
import pytest
from sqlalchemy import func, select, update

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.tickets.reports.report import GenerationReport, read_reported_statuses, write_report


@pytest.fixture
def event_with_three_guests(
    add_guests: Callable[..., list[int]], database: Database, event: Event
) -> Event:
    """Create three guests without tickets: one on hold, one with a formula as a name."""
    add_guests(event, 2)
    add_guests(event, 1, hold_reason="fee unpaid")
    with database.transaction() as connection:
        first = select(func.min(guests.c.id)).scalar_subquery()
        formula = '=HYPERLINK("http://example.org")'
        connection.execute(update(guests).where(guests.c.id == first).values(full_name=formula))
    return event


@pytest.fixture
def report(
    database: Database, event_with_three_guests: Event, tmp_path: Path, now: datetime
) -> GenerationReport:
    """Write the report about the three guests."""
    return write_report(database, event_with_three_guests, root=tmp_path, at=now)


def test_generated_failed_and_missing_make_the_entitled(report: GenerationReport) -> None:
    assert report.generated + report.failed + report.missing == report.entitled == 3


def test_the_csv_has_every_guest_with_the_reason(report: GenerationReport) -> None:
    with report.files.csv.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))

    assert [row["verdict"] for row in rows] == ["missing"] * 3
    assert [row["reason"] for row in rows] == [
        "no ticket issued yet", "no ticket issued yet", "on hold: fee unpaid",
    ]  # fmt: skip
    assert rows[0]["name"] == """'=HYPERLINK("http://example.org")"""


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_the_csv_has_the_chosen_delimiter_and_is_read_back_with_any(
    database: Database,
    event_with_three_guests: Event,
    tmp_path: Path,
    now: datetime,
    delimiter: str,
) -> None:
    report = write_report(
        database, event_with_three_guests, root=tmp_path, at=now, delimiter=delimiter
    )

    start = f"\ufeffattendee_id{delimiter}external_id{delimiter}"
    assert report.files.csv.read_text(encoding="utf-8").startswith(start)
    assert set(read_reported_statuses(report.files.csv).values()) == {"missing"}


def test_the_pdf_shows_sums_names_and_reasons(report: GenerationReport) -> None:
    pages = pypdf.PdfReader(report.files.pdf).pages

    text = " ".join(" ".join(page.extract_text() for page in pages).split())

    assert "Wisuda Periode II 2026" in text
    assert "3entitled 0generated 0failed 3missing" in text
    assert "Guest 2" in text
    assert "on hold: fee unpaid" in text


def test_the_same_state_gives_the_same_csv_and_nothing_else_is_left_behind(
    database: Database,
    event_with_three_guests: Event,
    report: GenerationReport,
    tmp_path: Path,
    now: datetime,
) -> None:
    before = report.files.csv.read_bytes()

    again = write_report(database, event_with_three_guests, root=tmp_path, at=now)

    assert again.files == report.files
    assert report.files.csv.read_bytes() == before
    assert {path.name for path in report.files.csv.parent.iterdir()} == {
        "generation-report.csv",
        "generation-report.pdf",
    }


def test_after_the_event_no_guest_is_listed_as_waiting(
    database: Database, event_with_three_guests: Event, tmp_path: Path
) -> None:
    late = event_with_three_guests.tickets_valid_until.replace(year=2027)

    report = write_report(database, event_with_three_guests, root=tmp_path, at=late)

    assert {entry.reason for entry in report.not_generated} == {"event is over"}


def test_withdrawn_guests_are_not_in_the_report(
    database: Database, event_with_three_guests: Event, tmp_path: Path, now: datetime
) -> None:
    with database.transaction() as connection:
        connection.execute(update(entitlements).values(state="withdrawn"))

    report = write_report(database, event_with_three_guests, root=tmp_path, at=now)

    assert report.entitled == 0
    assert (
        "No guest is entitled to a ticket yet"
        in pypdf.PdfReader(report.files.pdf).pages[0].extract_text()
    )


def test_no_name_is_printed_as_a_box(
    database: Database,
    event_with_three_guests: Event,
    tmp_path: Path,
    now: datetime,
    caplog: pytest.LogCaptureFixture,
) -> None:
    hostile = "Ayu \ue000 \u0378 \U0001f979 \U000f0000 a\x07b \u2028 ꦱꦸꦥꦿꦪꦠ꧀ꦤ محمد 山田"
    with database.transaction() as connection:
        connection.execute(update(guests).values(full_name=hostile))

    report = write_report(database, event_with_three_guests, root=tmp_path, at=now)

    text = pypdf.PdfReader(report.files.pdf).pages[0].extract_text()
    assert "Ayu [U+E000] [U+0378] [U+F0000] ab" in text
    assert [line for line in caplog.messages if ".notdef" in line] == []
