import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha512
from pathlib import Path
from subprocess import PIPE

import pytest
from sqlalchemy import RowMapping, func, select, update

from tests.plugins.processes import ForkedProcess
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.pdf_inspection import qr_text_of
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.documents.ticket_data import PrintedTicket
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events as events_table
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import batches, generated_tickets, ticket_generation_logs
from ticketing.platform.kernel.errors import TemplateBroken, Unavailable
from ticketing.tickets.issuing.ticket_write_queries import discard_documents
from ticketing.tickets.rendering.render import RenderResult, render_tickets

PAGE = "<p>{{ fullName }}{{ seat[0] if fullName == 'Budi' }}</p>{{ ticketCode }}{{ qr }}"
STYLE = "@page { size: 90mm 90mm; margin: 5mm } .qr { display: block; width: 50mm }"
ANOTHER_RUN = """
import os, pathlib, signal, sys
from datetime import UTC, datetime
from ticketing.documents import file_store
from ticketing.tickets.rendering import queries as rendering_queries
from ticketing.platform.db.database import Database
from ticketing.events import queries as event_queries
from ticketing.tickets.rendering.render import render_tickets
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.platform.kernel import json_logging

json_logging.configure("ERROR", pathlib.Path("-"))
url, root, own, step, count = sys.argv[1:]
steps = {"write": (file_store.DocumentFolder, "write"), "rename": (file_store.Path, "replace"),
         "stamp": (rendering_queries, "mark_rendered"),
         "fsync": (file_store.os, "fsync"), "never": (sys, "exit")}
home, name = steps[step]
original, left = getattr(home, name), [int(count)]

def counted(*arguments, **keywords):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **keywords)

setattr(home, name, counted)
database = Database.from_url(url)
with database.transaction() as connection:
    event = event_queries.get(connection, "wisuda-2026")
result = render_tickets(
    database, event, renderer=Renderer(TemplateFolders(pathlib.Path(own))),
    folder=file_store.DocumentFolder(pathlib.Path(root), min_free_disk=0),
    at=datetime(2026, 11, 20, 8, tzinfo=UTC), chunk=5)
print(result.rendered, result.unchanged, len(result.failed))
"""


@pytest.fixture
def own_templates(tmp_path: Path) -> Path:
    """Write a fast template that fails for a guest named Budi without a seat."""
    folder = tmp_path / "templates" / "small"
    folder.mkdir(parents=True)
    (folder / "ticket.html.j2").write_text(PAGE)
    (folder / "ticket.css").write_text(STYLE)
    return folder.parent


@pytest.fixture
def renderer(own_templates: Path) -> Renderer:
    return Renderer(TemplateFolders(own_templates))


@pytest.fixture
def folder(tmp_path: Path) -> DocumentFolder:
    return DocumentFolder(tmp_path / "documents", min_free_disk=0)


@pytest.fixture
def job_id(database: Database, event: Event, now: datetime) -> int:
    with database.transaction() as connection:
        return connection.execute(
            batches.insert()
            .values(
                batch_key="job",
                event_id=event.id,
                template_id="small",
                requested_by="test",
                started_at=now,
            )
            .returning(batches.c.id)
        ).scalar_one()


@pytest.fixture
def tickets(database: Database, event: Event, job_id: int, now: datetime) -> list[str]:
    """Issue twelve tickets; return their QR texts in order."""
    codes = [
        f"TC1{sha512(bytes([number])).hexdigest().upper()}{number:013}" for number in range(12)
    ]
    with database.transaction() as connection:
        kind = connection.execute(
            ticket_types.insert().values(event_id=event.id, name="Wisudawan")
        ).inserted_primary_key[0]
        for number, qr_text in enumerate(codes):
            person = connection.execute(
                guests.insert().values(
                    event_id=event.id, natural_key=f"id:{number}", full_name=f"Person {number}"
                )
            ).inserted_primary_key[0]
            attendee = connection.execute(
                entitlements.insert().values(
                    event_id=event.id, guest_id=person, ticket_type_id=kind, seat=f"A-{number}"
                )
            ).inserted_primary_key[0]
            connection.execute(
                generated_tickets.insert().values(
                    event_id=event.id,
                    entitlement_id=attendee,
                    guest_id=person,
                    job_id=job_id,
                    ticket_code=f"TC-2026-{number:08}",
                    token_id=number.to_bytes(10, "big"),
                    qr_code_data=qr_text,
                    key_generation=1,
                    valid_from=now,
                    valid_until=now + timedelta(days=60),
                    template_id="small",
                    issued_at=now,
                )
            )
    return codes


@pytest.fixture
def rows(database: Database) -> Callable[[], list[RowMapping]]:
    def read() -> list[RowMapping]:
        with database.transaction() as connection:
            query = select(generated_tickets).order_by(generated_tickets.c.id)
            return list(connection.execute(query).mappings())

    return read


@pytest.fixture
def render(
    database: Database,
    event: Event,
    renderer: Renderer,
    folder: DocumentFolder,
    now: datetime,
    tickets: list[str],
) -> Callable[..., RenderResult]:
    assert tickets

    def print_tickets(**changes: object) -> RenderResult:
        arguments: dict[str, object] = {"renderer": renderer, "folder": folder, "at": now}
        return render_tickets(database, event, **(arguments | {"chunk": 5} | changes))  # type: ignore[arg-type]

    return print_tickets


@pytest.fixture
def rename(database: Database) -> Callable[[str, str], None]:
    def change(old: str, new: str) -> None:
        with database.transaction() as connection:
            connection.execute(
                update(guests).where(guests.c.full_name == old).values(full_name=new)
            )

    return change


@pytest.fixture
def start_killed_run(
    database_url: str,
    folder: DocumentFolder,
    own_templates: Path,
    start_script: Callable[..., ForkedProcess],
) -> Callable[[str, int], ForkedProcess]:
    """Return a function that starts a rendering process, killed at the n-th step of a kind."""

    def start(step: str, count: int) -> ForkedProcess:
        arguments = [database_url, str(folder.root), str(own_templates), step, str(count)]
        return start_script(ANOTHER_RUN, *arguments, stdout=PIPE)

    return start


def test_every_ticket_gets_its_own_document(
    render: Callable[..., RenderResult],
    rows: Callable[[], list[RowMapping]],
    folder: DocumentFolder,
    tickets: list[str],
) -> None:
    result = render()

    assert result == RenderResult(total=12, created=0, rendered=12, unchanged=0, failed=())
    assert [qr_text_of(folder.read(row["pdf_file_path"])) for row in rows()] == tickets


def test_rows_store_hash_and_size_of_their_documents(
    render: Callable[..., RenderResult],
    rows: Callable[[], list[RowMapping]],
    folder: DocumentFolder,
    now: datetime,
) -> None:
    render()

    row = rows()[0]
    assert row["pdf_bytes"] == folder.size(row["pdf_file_path"])
    assert len(row["pdf_sha256"]) == len(row["document_key"]) == 64
    assert row["generated_at"] == now


def test_printing_again_changes_nothing(
    render: Callable[..., RenderResult], rows: Callable[[], list[RowMapping]], now: datetime
) -> None:
    render()
    before = rows()

    again = render(at=now + timedelta(days=1))

    assert (again.rendered, again.unchanged) == (0, 12)
    assert rows() == before


def test_only_the_ticket_with_a_changed_name_is_rendered_again(
    render: Callable[..., RenderResult],
    rename: Callable[[str, str], None],
    rows: Callable[[], list[RowMapping]],
) -> None:
    render()
    before = [row["pdf_sha256"] for row in rows()]
    rename("Person 3", "Ayu Dewi")

    result = render()

    after = [row["pdf_sha256"] for row in rows()]
    assert (result.rendered, result.unchanged) == (1, 11)
    assert [number for number in range(12) if after[number] != before[number]] == [3]


def test_a_pdf_that_is_discarded_while_it_is_rendered_is_never_recorded(
    database: Database,
    event: Event,
    own_templates: Path,
    render: Callable[..., RenderResult],
    rename: Callable[[str, str], None],
) -> None:
    class RenamedMeanwhile(Renderer):
        def render(self, ticket: PrintedTicket, template_id: str) -> bytes:
            content = super().render(ticket, template_id)
            if ticket.full_name == "Person 3":
                rename("Person 3", "Ayu Dewi")
                with database.transaction() as connection:
                    person = connection.scalars(
                        select(guests.c.id).where(guests.c.full_name == "Ayu Dewi")
                    ).all()
                    discard_documents(connection, event.id, person)
            return content

    result = render(renderer=RenamedMeanwhile(TemplateFolders(own_templates)))

    again = render()
    assert (result.rendered, result.total) == (12, 12)
    assert (again.rendered, again.unchanged) == (0, 12)


def test_a_changed_template_is_rendered_again(
    render: Callable[..., RenderResult], own_templates: Path
) -> None:
    render()
    (own_templates / "small" / "ticket.css").write_text(STYLE + " p { color: red }")

    assert render().rendered == 12


@pytest.mark.parametrize("damage", ["missing", "cut short"])
def test_a_lost_or_damaged_file_is_rendered_again(
    render: Callable[..., RenderResult],
    rows: Callable[[], list[RowMapping]],
    folder: DocumentFolder,
    damage: str,
) -> None:
    render()
    path = rows()[4]["pdf_file_path"]
    whole = folder.read(path)
    folder.delete(path) if damage == "missing" else folder.write(path, whole[:100])

    result = render()

    assert (result.rendered, result.unchanged) == (1, 11)
    assert folder.read(path) == whole


def test_overwriting_prints_everything_and_the_bytes_stay(
    render: Callable[..., RenderResult], rows: Callable[[], list[RowMapping]]
) -> None:
    render()
    before = [row["pdf_sha256"] for row in rows()]

    assert render(overwrite=True).rendered == 12
    assert [row["pdf_sha256"] for row in rows()] == before


def test_only_the_requested_tickets_are_rendered(
    render: Callable[..., RenderResult], rows: Callable[[], list[RowMapping]]
) -> None:
    wanted = [row["guest_id"] for row in rows()[2:4]]

    result = render(guest_ids=[*wanted, wanted[0], 10**12])

    assert (result.total, result.rendered) == (2, 2)


def test_revoked_tickets_are_not_rendered(
    render: Callable[..., RenderResult], database: Database, now: datetime
) -> None:
    with database.transaction() as connection:
        first = select(func.min(generated_tickets.c.id)).scalar_subquery()
        connection.execute(
            update(generated_tickets)
            .where(generated_tickets.c.id == first)
            .values(state="revoked", revoked_at=now)
        )

    assert render().total == 11


@pytest.mark.parametrize(("overwrite", "rendered"), [(False, 0), (True, 12)])
def test_documents_removed_by_retention_are_rendered_only_on_request(
    render: Callable[..., RenderResult],
    database: Database,
    rows: Callable[[], list[RowMapping]],
    now: datetime,
    overwrite: bool,
    rendered: int,
) -> None:
    with database.transaction() as connection:
        connection.execute(update(generated_tickets).values(pdf_removed_at=now))

    assert render(overwrite=overwrite).rendered == rendered
    assert [row["pdf_removed_at"] is None for row in rows()] == [overwrite] * 12


def test_a_failed_ticket_stops_no_other(
    render: Callable[..., RenderResult],
    rename: Callable[[str, str], None],
    rows: Callable[[], list[RowMapping]],
) -> None:
    rename("Person 6", "Ayu \ue000")

    result = render()

    ((failure),) = result.failed
    row = rows()[6]
    assert (result.rendered, failure.ticket_id, failure.guest_id) == (
        11,
        row["id"],
        row["guest_id"],
    )
    assert "U+E000" in failure.message
    assert row["render_error"] == failure.message
    assert row["pdf_file_path"] is None


def test_a_failure_is_in_the_jobs_log_and_counted_without_a_name(
    render: Callable[..., RenderResult],
    rename: Callable[[str, str], None],
    database: Database,
    job_id: int,
) -> None:
    rename("Person 6", "Ayu \ue000")

    render(job_id=job_id)

    with database.transaction() as connection:
        (line,) = connection.execute(select(ticket_generation_logs)).mappings()
        counts = connection.execute(select(batches)).mappings().one()
    assert (line["job_id"], line["status"]) == (job_id, "failed")
    assert "U+E000" in line["message"]
    assert "Ayu" not in str(dict(line))
    assert (counts["rendered_count"], counts["failed_count"]) == (11, 1)


def test_a_corrected_name_is_rendered_and_its_error_cleared(
    render: Callable[..., RenderResult],
    rename: Callable[[str, str], None],
    rows: Callable[[], list[RowMapping]],
) -> None:
    rename("Person 6", "Ayu \ue000")
    render()
    rename("Ayu \ue000", "Ayu")

    assert render().rendered == 1
    assert [row["render_error"] for row in rows()] == [None] * 12


def test_a_template_that_fails_for_one_guest_fails_that_ticket_only(
    render: Callable[..., RenderResult],
    rename: Callable[[str, str], None],
    database: Database,
) -> None:
    rename("Person 6", "Budi")
    with database.transaction() as connection:
        connection.execute(update(entitlements).values(seat=""))

    result = render()

    assert (result.rendered, len(result.failed)) == (11, 1)
    assert "ticket.html.j2:1" in result.failed[0].message


def test_a_template_that_is_broken_for_all_stops_the_run_without_failing_tickets(
    render: Callable[..., RenderResult],
    own_templates: Path,
    rows: Callable[[], list[RowMapping]],
) -> None:
    (own_templates / "small" / "ticket.html.j2").write_text("{{ nobody }}")

    with pytest.raises(TemplateBroken, match=r"ticket\.html\.j2:1"):
        render()

    assert [row["render_error"] for row in rows()] == [None] * 12


def test_a_full_disk_stops_the_run_and_keeps_rendered_documents(
    render: Callable[..., RenderResult],
    folder: DocumentFolder,
    rows: Callable[[], list[RowMapping]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = folder.write
    room = iter([True] * 7)

    def write(relative: str, content: bytes) -> None:
        if not next(room, False):
            raise Unavailable("the disk is nearly full")
        original(relative, content)

    monkeypatch.setattr(folder, "write", write)

    with pytest.raises(Unavailable):
        render()

    assert [row["pdf_file_path"] is not None for row in rows()] == [True] * 7 + [False] * 5


def test_progress_is_reported_after_every_chunk(render: Callable[..., RenderResult]) -> None:
    told: list[RenderResult] = []

    result = render(on_progress=told.append)

    assert [step.rendered for step in told][:3] == [5, 10, 12]
    assert told[-1] == result


@pytest.mark.parametrize(
    ("step", "count"),
    [("write", 1), ("write", 4), ("fsync", 3), ("rename", 7), ("stamp", 1), ("stamp", 2)],
)
@pytest.mark.kill
def test_a_killed_run_is_finished_by_the_next(
    start_killed_run: Callable[[str, int], ForkedProcess],
    render: Callable[..., RenderResult],
    rows: Callable[[], list[RowMapping]],
    folder: DocumentFolder,
    tickets: list[str],
    step: str,
    count: int,
) -> None:
    killed = start_killed_run(step, count)
    assert killed.communicate(timeout=60) == ("", None)
    assert killed.returncode == -signal.SIGKILL

    result = render()

    files = [path for path in folder.root.rglob("*") if path.is_file()]
    assert result.rendered + result.unchanged == 12
    assert len(files) == 12
    assert [qr_text_of(folder.read(row["pdf_file_path"])) for row in rows()] == tickets
    assert render().unchanged == 12


def test_concurrent_runs_render_every_ticket_once(
    start_killed_run: Callable[[str, int], ForkedProcess],
    tickets: list[str],
    rows: Callable[[], list[RowMapping]],
) -> None:
    both = [start_killed_run("never", 0) for _ in range(2)]

    counts = [tuple(map(int, run.communicate(timeout=60)[0].split())) for run in both]

    assert sum(rendered for rendered, _, _ in counts) == len(tickets)
    assert [sum(count) for count in counts] == [12, 12]
    assert all(row["pdf_sha256"] for row in rows())


def test_a_ticket_locked_by_another_run_is_checked_once_more(
    render: Callable[..., RenderResult],
    database: Database,
    rows: Callable[[], list[RowMapping]],
) -> None:
    from ticketing.tickets.rendering import queries as queries_module  # noqa: PLC0415

    with database.transaction() as other:
        queries_module.claim(other, [rows()[0]["id"]], wait=False)
        results: list[RenderResult] = []
        run = threading.Thread(target=lambda: results.append(render()))
        run.start()
        deadline = time.monotonic() + 60
        while rows()[11]["pdf_file_path"] is None and time.monotonic() < deadline:
            time.sleep(0.05)
        waiting = run.is_alive()
        held = rows()[0]["pdf_file_path"], rows()[11]["pdf_file_path"] is not None
    run.join(timeout=60)

    assert waiting
    assert held == (None, True)
    assert results[0].rendered == 12


def test_another_events_tickets_are_left_alone(
    render: Callable[..., RenderResult], database: Database, event: Event
) -> None:
    with database.transaction() as connection:
        values = {name: getattr(event, name) for name in ("name", "starts_at", "ends_at")}
        values |= {name: getattr(event, name) for name in ("time_zone", "locale", "venue")}
        other_id = connection.execute(
            events_table.insert().values(slug="another", region="ID", **values)
        ).inserted_primary_key[0]

    assert render().total == 12
    assert replace(event, id=other_id) != event
