"""Tests of printed tickets on the command line: print runs, ZIP files, previews."""

import json
import os
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pypdfium2
import pytest

from ticketing.documents.pdf_inspection import qr_text_of
from ticketing.documents.template_context import SAMPLE_TICKET

Ticketing = Callable[..., CompletedProcess[str]]
EVENT = ("--event", "wisuda-2026")


@pytest.fixture
def ticketing(run_ticketing: Ticketing, database_url: str, tmp_path: Path) -> Ticketing:
    """Return a function that runs `ticketing …` in an empty folder."""
    environment = {
        "PATH": os.environ["PATH"], "COLUMNS": "200", "DATABASE_URL": database_url,
        "TICKETING_DATA": str(tmp_path / "data"), "MIN_FREE_DISK": "0",
    }  # fmt: skip
    return partial(run_ticketing, environment=environment)


@pytest.mark.usefixtures("event")
def test_tickets_become_a_print_run_and_a_zip_file(ticketing: Ticketing, tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("nim,nama,kursi\n1,Ayu Lestari,B-2\n2,Budi Santoso,A-1\n3,Citra Dewi,B-10\n")
    run, archive = tmp_path / "print" / "run.pdf", tmp_path / "all.zip"
    ticketing("import", str(roster), *EVENT)
    ticketing("generate-tickets", *EVENT)

    printed = ticketing(
        "tickets", "print-run", *EVENT, "--out", str(run), "--sort", "seat", "--grid", "1x2",
        "--crop-marks", "--json",
    )  # fmt: skip
    zipped = ticketing("tickets", "zip", *EVENT, "--out", str(archive))

    sheets = pypdfium2.PdfDocument(run)
    texts = [page.get_textpage().get_text_range() for page in sheets]
    assert json.loads(printed.stdout)["tickets"]["printed"] == 3
    assert [name in text for name, text in zip(("Budi", "Citra"), texts, strict=True)] == [True] * 2
    assert (zipped.returncode, len(zipfile.ZipFile(archive).namelist())) == (0, 3)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--grid", "many"], "write COLUMNSxROWS"),
        (["--grid", "9x9"], "has no ticket to print"),
        (["--crop-marks"], "needs --grid"),
        (["--grid", "1x1", "--paper", "b5"], "is not one of a3, a4"),
    ],
)
@pytest.mark.usefixtures("event")
def test_a_print_run_that_cannot_be_made_tells_why(
    ticketing: Ticketing, tmp_path: Path, options: list[str], reason: str
) -> None:
    refused = ticketing("tickets", "print-run", *EVENT, "--out", str(tmp_path / "x.pdf"), *options)

    assert (refused.returncode, reason in refused.stderr) == (2, True)
    assert list(tmp_path.glob("x.pdf*")) == []


@pytest.mark.usefixtures("event")
def test_previews_and_pictures_are_written(ticketing: Ticketing, tmp_path: Path) -> None:
    sample, pictures = tmp_path / "sample.pdf", tmp_path / "pictures"

    written = ticketing("templates", "preview", "plain", *EVENT, "--out", str(sample))
    checked = ticketing("templates", "check", "plain", "--pictures", str(pictures))
    refused = ticketing("templates", "preview", "plain", *EVENT, "--out", "sample.gif")

    assert (written.returncode, checked.returncode, refused.returncode) == (0, 0, 2)
    assert qr_text_of(sample.read_bytes()) == SAMPLE_TICKET.qr_text
    assert (pictures / "plain.png").read_bytes().startswith(b"\x89PNG")
    assert "end it with .png or .pdf" in refused.stderr
