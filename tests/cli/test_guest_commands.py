"""Tests of `ticketing guests`: possible duplicates and changes of single guests."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
OLD = "nim,nama,email\n20201,Budi Santoso,budi@example.com\n"
NEW = "nim,nama,email\n20209,Budi Santoso,budi@example.com\n"


@pytest.fixture
def ticketing(run_ticketing: Run, database_url: str, tmp_path: Path) -> Run:
    """Return a function that runs `ticketing …` on an event with one guest."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "TICKETING_DATA": str(tmp_path / "data"),
        "COLUMNS": "200",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_ticketing(*arguments, environment=environment)

    created = run("events", "create", "wisuda", "--name", "Wisuda", "--starts", "2030-12-12T08:00",
                  "--venue", "Aula")  # fmt: skip
    assert created.returncode == 0, created.stderr
    return run


@pytest.fixture
def import_text(ticketing: Run, tmp_path: Path) -> Callable[..., str]:
    """Return a function that imports a text as a file and returns what is printed."""

    def imported(text: str, *options: str) -> str:
        path = tmp_path / "roster.csv"
        path.write_text(text)
        return str(ticketing("import", str(path), "--event", "wisuda", *options).stdout)

    return imported


def test_a_possible_duplicate_is_listed_and_merged(
    ticketing: Run, import_text: Callable[..., str]
) -> None:
    import_text(OLD)
    ticketing("generate-tickets", "--event", "wisuda")
    foretold = import_text(NEW, "--dry-run")
    import_text(NEW)

    missing = ticketing("missing", "--event", "wisuda").stdout
    listed = json.loads(ticketing("guests", "duplicates", "--event", "wisuda", "--json").stdout)
    merged = ticketing("guests", "merge", "20209", "20201", "--event", "wisuda", "--json")

    assert "1 person shares name and e-mail/phone with someone under another id" in foretold
    assert "line 2: id:20209 (Budi Santoso) has the e-mail of id:20201" in foretold
    assert "2 entitled, 1 with a ticket, 1 on hold, 0 missing" in missing
    assert (listed[0]["guest"], listed[0]["other"]) == ("id:20209", "id:20201")
    result = json.loads(merged.stdout)
    assert (result["ticket"], result["revoked"]) == (listed[0]["other_ticket"], None)
    history = ticketing("tickets", "explain", "20201", "--event", "wisuda").stdout
    assert "merged into: '' -> 'id:20209'" in history


def test_an_updated_guest_has_the_same_code_on_a_new_pdf(
    ticketing: Run, import_text: Callable[..., str], tmp_path: Path
) -> None:
    import_text(OLD)
    ticketing("generate-tickets", "--event", "wisuda")
    (pdf,) = (tmp_path / "data").rglob("TC-*.pdf")
    before = pdf.read_bytes()

    updated = ticketing("guests", "update", "20201", "--name", "Budi S.", "--event", "wisuda")

    assert updated.stdout == "full_name: 'Budi Santoso' -> 'Budi S.'\n"
    assert pdf.read_bytes() != before
    assert "Budi S." in ticketing("tickets", "explain", "Santoso", "--event", "wisuda").stdout
