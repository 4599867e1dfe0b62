"""Tests of PDFs in packs: path, hash and size are true; damage and retention as in files."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select, text

from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder, DocumentSink
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets import ticket_queries
from ticketing.tickets.generate import (
    GenerationContext,
    GenerationRequest,
    GenerationResult,
    generate_tickets,
)
from ticketing.tickets.model import RecordedDocument
from ticketing.tickets.rendering.document_reader import DocumentReader
from ticketing.tickets.rendering.retention_queries import delete_expired_documents
from ticketing.tickets.rendering.zip_archive import stream_zip

Generate = Callable[[], GenerationResult]


@pytest.fixture
def folder(tmp_path: Path) -> DocumentFolder:
    return DocumentFolder(tmp_path, min_free_disk=0, sink=DocumentSink.PACKS)


@pytest.fixture
def generate(
    database: Database, event: Event, keys: KeyRing, folder: DocumentFolder, now: datetime
) -> Generate:
    """Return a function that generates the missing and stale tickets of the event."""
    context = GenerationContext(database, keys, Renderer(TemplateFolders()), folder)
    return lambda: generate_tickets(context, event, GenerationRequest(by="test", at=now))


@pytest.fixture
def tickets(
    database: Database, event: Event, add_guests: Callable[..., list[int]], generate: Generate
) -> list[RecordedDocument]:
    add_guests(event, 3)
    generate()
    return list(database.run(ticket_queries.list_ticket_files, event.id, after=0, count=10))


@pytest.fixture
def reader(database: Database, folder: DocumentFolder, now: datetime) -> DocumentReader:
    return DocumentReader(database, folder, Renderer(TemplateFolders()), lambda: now)


def test_path_hash_and_size_are_those_of_the_document(
    database: Database, folder: DocumentFolder, tickets: list[RecordedDocument], tmp_path: Path
) -> None:
    with database.transaction() as connection:
        sizes = connection.execute(
            select(generated_tickets.c.pdf_bytes).order_by(generated_tickets.c.id)
        ).scalars()
        recorded = [(each.sha256, size) for each, size in zip(tickets, sizes, strict=True)]
    contents = [folder.read(str(each.path)) for each in tickets]

    assert [(sha256(each).hexdigest(), len(each)) for each in contents] == recorded
    assert [path.suffix for path in (tmp_path / "wisuda-2026").iterdir()] == [".pack"]


def test_the_next_run_renders_only_what_is_stale(
    database: Database, tickets: list[RecordedDocument], generate: Generate, event: Event
) -> None:
    again = generate()
    with database.transaction() as connection:
        connection.execute(
            text(
                "UPDATE guests SET full_name = 'Ayu Lestari' WHERE id ="
                " (SELECT guest_id FROM generated_tickets ORDER BY id LIMIT 1)"
            )
        )
    after_change = generate()

    now_recorded = database.run(ticket_queries.list_ticket_files, event.id, after=0, count=10)
    assert (again.renewed, again.skipped) == (0, 3)
    assert (after_change.renewed, after_change.skipped) == (1, 2)
    assert [new == old for new, old in zip(now_recorded, tickets, strict=True)] == [
        False, True, True,
    ]  # fmt: skip


def test_a_zip_has_the_documents_of_a_damaged_pack(
    database: Database,
    event: Event,
    reader: DocumentReader,
    tickets: list[RecordedDocument],
    tmp_path: Path,
) -> None:
    """A byte of each record changes on the disk; all tickets are rendered again."""
    (pack,) = tmp_path.rglob("*.pack")
    content = pack.read_bytes()
    pack.write_bytes(content.replace(b"obj", b"obk"))

    archive = zipfile.ZipFile(io.BytesIO(b"".join(stream_zip(database, reader, event))))

    digests = {name: sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    assert digests == {f"{each.ticket_code}.pdf": each.sha256 for each in tickets}


def test_retention_deletes_the_pack(
    database: Database,
    folder: DocumentFolder,
    event: Event,
    tickets: list[RecordedDocument],
    tmp_path: Path,
) -> None:
    (removal,) = delete_expired_documents(
        database, folder, at=event.ends_at + timedelta(days=31), days=30, by="test"
    )

    assert removal.documents == len(tickets)
    assert list(tmp_path.rglob("*.pack")) == []


def test_files_stay_where_they_are_when_new_documents_go_to_packs(
    database: Database, event: Event, keys: KeyRing, tmp_path: Path, now: datetime,
    add_guests: Callable[..., list[int]], generate: Generate,
) -> None:  # fmt: skip
    add_guests(event, 2)
    files = DocumentFolder(tmp_path, min_free_disk=0)
    context = GenerationContext(database, keys, Renderer(TemplateFolders()), files)
    generate_tickets(context, event, GenerationRequest(by="test", at=now))
    add_guests(event, 1)

    done = generate()

    recorded = database.run(ticket_queries.list_ticket_files, event.id, after=0, count=10)
    assert (done.created, done.skipped) == (1, 2)
    assert [".pack/" in str(each.path) for each in recorded] == [False, False, True]


KILLED = """
    import os, signal, sys
    from datetime import datetime
    from pathlib import Path
    from ticketing.crypto.keyring import KeyRing
    from ticketing.documents.file_store import DocumentFolder, DocumentSink
    from ticketing.documents.renderer import Renderer
    from ticketing.documents.templates import TemplateFolders
    from ticketing.events import queries
    from ticketing.platform.db.database import Database
    from ticketing.tickets.generate import GenerationContext, GenerationRequest, generate_tickets

    class Folder(DocumentFolder):
        def append(self, *arguments):
            paths = super().append(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)

    url, folder, at = sys.argv[1:]
    database = Database.from_url(url)
    sink = Folder(Path(folder), min_free_disk=0, sink=DocumentSink.PACKS)
    keys = KeyRing(bytes(range(32)))
    context = GenerationContext(database, keys, Renderer(TemplateFolders()), sink)
    event = database.run(queries.get, "wisuda-2026")
    generate_tickets(context, event, GenerationRequest(by="test", at=datetime.fromisoformat(at)))
"""


def test_a_run_killed_between_pack_and_record_is_completed_by_the_next(
    database: Database,
    database_url: str,
    event: Event,
    reader: DocumentReader,
    generate: Generate,
    add_guests: Callable[..., list[int]],
    tmp_path: Path,
    now: datetime,
) -> None:
    add_guests(event, 3)
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), database_url, tmp_path, now.isoformat()],
        check=False, env=os.environ,
    )  # fmt: skip

    done = generate()

    recorded = database.run(ticket_queries.list_ticket_files, event.id, after=0, count=10)
    contents = [sha256(reader.read(each)).hexdigest() for each in recorded]
    assert killed.returncode == -signal.SIGKILL
    assert (done.failed, len(recorded)) == (0, 3)
    assert contents == [each.sha256 for each in recorded]
