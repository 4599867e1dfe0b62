"""Tests of rendering by several processes: the same result, and none outlives its parent."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder, DocumentSink
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Unavailable
from ticketing.tickets import ticket_queries
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.tickets.rendering.render import RenderResult, render_tickets
from ticketing.tickets.rendering.render_processes import process_count

Render = Callable[..., RenderResult]
# a filter on a slot: stamping needs not be compiled
PAGE = "<p>{{ fullName | upper }} {{ fullName }}</p>{{ ticketCode }}{{ qr }}"
STYLE = "@page { size: 90mm 90mm; margin: 5mm } .qr { display: block; width: 50mm }"
MARK = "RENDERING_TEST"
MAX_SECONDS_TO_END = 8


@pytest.fixture
def folder(tmp_path: Path) -> DocumentFolder:
    return DocumentFolder(tmp_path / "documents", min_free_disk=0, sink=DocumentSink.PACKS)


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """Write a template that a process loads in a third of the time of a built-in one."""
    folder = tmp_path / "templates" / "classic"
    folder.mkdir(parents=True)
    (folder / "ticket.html.j2").write_text(PAGE)
    (folder / "ticket.css").write_text(STYLE)
    return folder.parent


@pytest.fixture
def issued(
    database: Database,
    event: Event,
    keys: KeyRing,
    job_id: int,
    now: datetime,
    add_guests: Callable[..., list[int]],
) -> int:
    """Issue tickets of guests."""
    add_guests(event, 24)
    issue_tickets(database, event, keys=keys, job_id=job_id, at=now, by="test")
    return 24


@pytest.fixture
def render(
    database: Database,
    event: Event,
    folder: DocumentFolder,
    templates: Path,
    job_id: int,
    now: datetime,
) -> Render:
    def run(**changes: object) -> RenderResult:
        arguments = {"chunk": 4, "processes": 2, "job_id": job_id, "at": now} | changes
        renderer = Renderer(TemplateFolders(templates))
        return render_tickets(database, event, renderer=renderer, folder=folder, **arguments)  # type: ignore[arg-type]

    return run


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    """Mark the processes that the test starts in their environment."""
    value = uuid4().hex
    monkeypatch.setenv(MARK, value)
    return value


def _living(mark: str) -> list[int]:
    """Return the processes with a mark, but this one."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_marked = wanted in (folder / "environ").read_bytes()
        except OSError:
            continue  # ended, or of another user
        if is_marked and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def _seconds_until_ended(mark: str) -> float:
    began = time.monotonic()
    while _living(mark) and time.monotonic() - began < MAX_SECONDS_TO_END:
        time.sleep(0.02)
    return time.monotonic() - began


def test_two_processes_render_what_one_would(
    database: Database, event: Event, render: Render, folder: DocumentFolder, issued: int
) -> None:
    done = render()
    again = render(processes=1)

    tickets = database.run(ticket_queries.list_ticket_files, event.id, after=0, count=100)
    digests = [sha256(folder.read(str(each.path))).hexdigest() for each in tickets]
    assert (done.rendered, done.created, done.failed) == (issued, issued, ())
    assert (again.rendered, again.unchanged) == (0, issued)
    assert digests == [each.sha256 for each in tickets]


@pytest.mark.usefixtures("issued")
def test_a_cancelled_run_ends_its_processes_at_once_and_is_completed_by_the_next(
    render: Render, mark: str
) -> None:
    class Cancelled(BaseException):
        pass

    def cancel(_: RenderResult) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        render(on_progress=cancel)

    assert _seconds_until_ended(mark) < MAX_SECONDS_TO_END
    completed = render(processes=1)
    assert (completed.rendered > 0, completed.rendered + completed.unchanged) == (True, 24)


@pytest.mark.usefixtures("issued")
def test_a_killed_process_fails_the_run_which_the_next_completes(render: Render, mark: str) -> None:
    def kill(_: RenderResult) -> None:
        for process in _living(mark):
            os.kill(process, signal.SIGKILL)

    with pytest.raises(Unavailable, match="rendering process was ended"):
        render(on_progress=kill)

    completed = render(processes=1)
    assert completed.rendered + completed.unchanged == 24


PARENT = """
    import os, signal, sys
    from datetime import datetime
    from pathlib import Path
    from ticketing.documents.file_store import DocumentFolder
    from ticketing.documents.renderer import Renderer
    from ticketing.documents.templates import TemplateFolders
    from ticketing.events import queries
    from ticketing.platform.db.database import Database
    from ticketing.tickets.rendering.render import render_tickets

    url, folder, templates, at = sys.argv[1:]
    database = Database.from_url(url)
    render_tickets(
        database, database.run(queries.get, "wisuda-2026"),
        renderer=Renderer(TemplateFolders(Path(templates))),
        folder=DocumentFolder(Path(folder), min_free_disk=0), at=datetime.fromisoformat(at),
        chunk=4, processes=2, on_progress=lambda _: os.kill(os.getpid(), signal.SIGKILL),
    )
"""


@pytest.mark.usefixtures("issued")
def test_no_process_outlives_a_killed_run(
    render: Render, mark: str, database_url: str, tmp_path: Path, templates: Path, now: datetime
) -> None:
    killed = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(PARENT),
            database_url,
            tmp_path / "documents",
            templates,
            now.isoformat(),
        ],
        check=False,
    )

    assert killed.returncode == -signal.SIGKILL
    assert _seconds_until_ended(mark) < MAX_SECONDS_TO_END
    completed = render(processes=1)
    assert completed.rendered + completed.unchanged == 24


@pytest.mark.parametrize(("tickets", "expected"), [(0, 1), (5_999, 1), (10**6, None)])
def test_processes_are_started_for_thousands_of_tickets(tickets: int, expected: int | None) -> None:
    assert process_count(tickets) == (expected or len(os.sched_getaffinity(0)))
