"""Tests of print runs of an event: order, what is left out, and what a killed run leaves."""

import itertools
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pypdfium2
import pytest
from sqlalchemy import text

from ticketing.crypto.keyring import KeyRing
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.binary_file import write_complete_file
from ticketing.platform.kernel.errors import Refused
from ticketing.tickets.guest_filter import UnusableFilter, parse_filter
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.tickets.printing import print_tickets as printing
from ticketing.tickets.printing.print_tickets import (
    NothingToPrint,
    PrintedTickets,
    print_tickets,
)


@pytest.fixture
def renderer() -> Renderer:
    return Renderer(TemplateFolders())


@pytest.fixture
def issued(
    database: Database,
    event: Event,
    keys: KeyRing,
    now: datetime,
    add_guests: Callable[..., list[int]],
    job_id: int,
) -> Event:
    """Issue tickets for seats A-10, A-9 and A-2, in this order."""
    for seat in ("A-10", "A-9", "A-2"):
        add_guests(event, 1, seat=seat)
    issue_tickets(database, event, keys=keys, job_id=job_id, at=now, by="test")
    return event


def _texts(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    return [page.get_textpage().get_text_range() for page in document]


def test_tickets_are_printed_in_the_order_of_a_column(
    database: Database, renderer: Renderer, issued: Event
) -> None:
    wanted = parse_filter(None, ["seat"])

    pages = _texts(b"".join(print_tickets(database, renderer, issued, wanted=wanted)))

    seats = [seat for page in pages for seat in ("A-10", "A-9", "A-2") if seat in page]
    assert seats == ["A-2", "A-9", "A-10"]


def test_chunks_change_neither_order_nor_number(
    database: Database, renderer: Renderer, issued: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _texts(b"".join(print_tickets(database, renderer, issued)))
    monkeypatch.setattr(printing, "CHUNK", 2)  # three tickets would need 501 of them

    assert _texts(b"".join(print_tickets(database, renderer, issued))) == whole
    assert len(whole) == 3


def test_a_ticket_that_cannot_be_printed_is_on_the_last_page(
    database: Database, renderer: Renderer, issued: Event
) -> None:
    with database.transaction() as connection:
        connection.execute(
            text("UPDATE guests SET full_name = 'Ayu ' || chr(57344) WHERE full_name = 'Guest 2'")
        )
    counts = PrintedTickets()

    pages = _texts(b"".join(print_tickets(database, renderer, issued, counts=counts)))

    assert (counts.total, counts.printed, len(pages)) == (3, 2, 3)
    assert counts.left_out[0].ticket_code in pages[-1]
    assert "U+E000" in pages[-1]


def test_nothing_to_print_and_unknown_columns_are_refused_at_once(
    database: Database, renderer: Renderer, event: Event
) -> None:
    with pytest.raises(NothingToPrint, match="generate-tickets"):
        print_tickets(database, renderer, event)
    with pytest.raises(UnusableFilter, match="colour"):
        print_tickets(database, renderer, event, wanted=parse_filter(None, ["colour"]))


def test_a_killed_run_leaves_the_old_file_and_the_next_one_completes_it(tmp_path: Path) -> None:
    """The process is killed after the second of three parts."""
    target = tmp_path / "run.pdf"
    target.write_bytes(b"old")
    program = """
        import os, signal, sys
        from pathlib import Path
        from ticketing.platform.kernel.binary_file import write_complete_file
        def parts():
            yield b"a" * 100_000
            yield b"b" * 100_000
            os.kill(os.getpid(), signal.SIGKILL)
        write_complete_file(Path(sys.argv[1]), parts())
    """
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), target], check=False, env=os.environ
    )

    after_kill = target.read_bytes()
    write_complete_file(target, [b"new"])

    assert (killed.returncode, after_kill) == (-signal.SIGKILL, b"old")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"new"]


def test_two_processes_never_mix_their_parts(tmp_path: Path) -> None:
    target = tmp_path / "run.pdf"

    def parts() -> itertools.chain[bytes]:
        with pytest.raises(Refused, match="another process"):
            write_complete_file(target, [b"other"])
        return itertools.chain([b"mine"])

    write_complete_file(target, (part for _ in range(1) for part in parts()))

    assert target.read_bytes() == b"mine"
