"""Tests of `ticketing guests`: possible duplicates and changes of single guests."""

import csv
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


def test_kept_columns_filter_and_sort_lists_exports_and_tickets(
    ticketing: Run, import_text: Callable[..., str], tmp_path: Path
) -> None:
    import_text(
        "nim,nama,Fakultas,kursi\n1,Siti,Hukum,B2\n2,Budi,Teknik,B1\n3,Ayu,hukum,A1\n4,Dewi,,A2\n",
        "--keep", "Fakultas",
    )  # fmt: skip
    event = ("--event", "wisuda")
    law, sheet = ("--where", "extra.fakultas=Hukum"), tmp_path / "list.csv"

    def exported(kind: str, *options: str) -> list[str]:
        done = ticketing("export", kind, "--csv", str(sheet), *options, *event)
        assert done.returncode == 0, done.stderr
        lines = sheet.read_text(encoding="utf-8-sig").splitlines()
        return [row["name"] for row in csv.DictReader(lines, delimiter=";")]

    missing = json.loads(ticketing("missing", *event, *law, "--sort", "seat", "--json").stdout)
    issued = json.loads(ticketing("generate-tickets", *event, *law, "--json").stdout)
    again = json.loads(ticketing("generate-tickets", *event, *law, "--json").stdout)

    assert ([one["full_name"] for one in missing["people"]], missing["matching"]) == (
        ["Ayu", "Siti"],
        2,
    )
    assert (issued["created"], issued["total"], again["skipped"]) == (2, 2, 2)
    assert exported("tickets", "--sort", "-full_name") == ["Siti", "Ayu"]
    assert exported("missing", "--sort", "extra.fakultas") == ["Dewi", "Budi"]
    assert exported("missing", "--where", "extra.fakultas=") == ["Dewi"]
    assert exported("missing", "--where", "full_name=x' OR '1'='1") == []


@pytest.mark.parametrize(
    "command", ["missing", "export tickets", "generate-tickets", "export orders"]
)
def test_an_unknown_column_of_a_filter_is_refused_with_the_known_ones(
    ticketing: Run, import_text: Callable[..., str], command: str
) -> None:
    import_text("nim,nama,Fakultas\n1,Siti,Hukum\n", "--keep", "Fakultas")

    refused = ticketing(*command.split(), "--where", "extra.jurusan=x", "--event", "wisuda")

    reason = "orders is no list of guests" if "orders" in command else "seat, extra.fakultas"
    assert refused.returncode != 0
    assert reason in refused.stderr
