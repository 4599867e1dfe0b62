"""Tests of the example roster: 500 graduates are imported from realistic, unclean data."""

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.roster.import_result import ImportOptions, ImportResult
from ticketing.roster.import_roster import import_roster
from ticketing.roster.model import ImportCounts
from ticketing.roster.sources.csv_file import RosterFile

EXAMPLE = Path(__file__).parents[3] / "examples" / "wisuda-2026.csv"
ReadGuests = Callable[[], dict[str, dict[str, str | None]]]


@pytest.fixture
def imported(database: Database, event: Event, now: datetime) -> ImportResult:
    """Import the example roster."""
    return import_roster(
        database, event, RosterFile(EXAMPLE), options=ImportOptions(), at=now, by="demo"
    )


def test_five_hundred_graduates_are_entitled(
    imported: ImportResult, read_guests: ReadGuests
) -> None:
    assert imported.counts == ImportCounts(inserted=500, unchanged=2, quarantined=12)
    assert (imported.total, len(read_guests())) == (514, 500)


def test_the_example_has_rejected_rows_of_several_reasons(imported: ImportResult) -> None:
    assert {row.field for row in imported.quarantine} == {
        "external_id", "full_name", "email", "phone", "",
    }  # fmt: skip


@pytest.mark.usefixtures("imported")
def test_all_imported_fields_are_clean(read_guests: ReadGuests) -> None:
    graduates = read_guests()

    assert all(re.fullmatch(r"id:22\d{6}", key) for key in graduates)
    for graduate in graduates.values():
        name, email, phone = (graduate[field] or "" for field in ("full_name", "email", "phone"))
        assert name == unicodedata.normalize("NFC", " ".join(name.split()))
        assert email == email.lower().strip()
        assert re.fullmatch(r"(\+628\d{8,11})?", phone)


@pytest.mark.usefixtures("imported")
@pytest.mark.parametrize(
    "script",
    ["JAVANESE", "ARABIC", "CJK", "HIRAGANA", "HANGUL", "THAI", "DEVANAGARI", "HEBREW", "CYRILLIC",
     "GREEK", "LATIN SMALL LETTER E WITH CIRCUMFLEX AND TILDE"],
)  # fmt: skip
def test_names_of_many_scripts_are_there(read_guests: ReadGuests, script: str) -> None:
    letters = {letter for person in read_guests().values() for letter in person["full_name"] or ""}

    assert any(unicodedata.name(letter, "").startswith(script) for letter in letters)
