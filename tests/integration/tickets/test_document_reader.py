"""Tests of reading PDFs: a file that the disk lost or changed is rendered again and reported."""

import io
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select, text

from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.documents.templates import TemplateFolders
from ticketing.events.model import Event
from ticketing.platform.db import incidents
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
from ticketing.tickets.rendering.document_reader import DocumentReader, NoDocument
from ticketing.tickets.rendering.zip_archive import stream_zip

Damage = Callable[[Path], object]


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = pytest.mark.parametrize(
    "damage",
    [flip_a_bit, Path.unlink, lambda path: path.write_bytes(b"")],
    ids=["one bit", "missing", "empty"],
)


@pytest.fixture
def generation_context(database: Database, keys: KeyRing, tmp_path: Path) -> GenerationContext:
    folder = DocumentFolder(tmp_path, min_free_disk=0)
    return GenerationContext(database, keys, Renderer(TemplateFolders()), folder)


@pytest.fixture
def reader(generation_context: GenerationContext, now: datetime) -> DocumentReader:
    given = generation_context
    later = now + timedelta(minutes=5)
    return DocumentReader(given.database, given.folder, given.renderer, lambda: later)


@pytest.fixture
def generate(
    generation_context: GenerationContext, event: Event, now: datetime
) -> Callable[..., object]:
    """Return a function that generates the event's tickets, some minutes after the event before."""

    def run(minutes: int = 0) -> GenerationResult:
        request = GenerationRequest(by="test", at=now + timedelta(minutes=minutes))
        return generate_tickets(generation_context, event, request)

    return run


@pytest.fixture
def tickets(
    database: Database,
    event: Event,
    add_guests: Callable[..., list[int]],
    generate: Callable[..., GenerationResult],
) -> list[RecordedDocument]:
    """Generate the tickets of two guests; return the records of their PDFs."""
    add_guests(event, 2)
    generate()
    return list(database.run(ticket_queries.list_ticket_files, event.id, after=0, count=10))


@pytest.fixture
def open_incidents(database: Database) -> Callable[[], list[str]]:
    def read() -> list[str]:
        return [each.message for each in database.run(incidents.list_open)]

    return read


def test_an_unchanged_pdf_is_returned_as_it_is(
    reader: DocumentReader,
    tickets: list[RecordedDocument],
    tmp_path: Path,
    open_incidents: Callable[[], list[str]],
) -> None:
    contents = [reader.read(ticket) for ticket in tickets]

    assert contents == [(tmp_path / str(ticket.path)).read_bytes() for ticket in tickets]
    assert open_incidents() == []


@DAMAGES
def test_a_damaged_pdf_is_rendered_again_and_reported_until_a_run_finds_no_damage(
    reader: DocumentReader,
    tickets: list[RecordedDocument],
    tmp_path: Path,
    open_incidents: Callable[[], list[str]],
    generate: Callable[..., GenerationResult],
    damage: Damage,
) -> None:
    path = tmp_path / str(tickets[0].path)
    original = path.read_bytes()
    damage(path)

    content = reader.read(tickets[0])

    assert content == original
    assert path.read_bytes() == original
    (message,) = open_incidents()
    assert message.startswith(f"PDF of {tickets[0].ticket_code} was missing or changed on disk")
    generate(minutes=10)
    assert open_incidents() == []


@DAMAGES
def test_a_run_finds_every_damaged_pdf(
    tickets: list[RecordedDocument],
    tmp_path: Path,
    open_incidents: Callable[[], list[str]],
    generate: Callable[..., GenerationResult],
    damage: Damage,
) -> None:
    damage(tmp_path / str(tickets[1].path))

    first, second = generate(minutes=10), generate(minutes=20)

    assert (first.renewed, first.skipped) == (1, 1)
    assert (second.renewed, second.skipped) == (0, 2)
    assert open_incidents() == []


def test_an_archive_has_only_unchanged_pdfs(
    database: Database,
    event: Event,
    reader: DocumentReader,
    tickets: list[RecordedDocument],
    tmp_path: Path,
) -> None:
    flip_a_bit(tmp_path / str(tickets[0].path))

    content = b"".join(stream_zip(database, reader, event))

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        digests = {name: sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    assert digests == {f"{ticket.ticket_code}.pdf": ticket.sha256 for ticket in tickets}


def test_a_damaged_pdf_that_cannot_be_rendered_is_refused_with_its_reason(
    database: Database,
    reader: DocumentReader,
    tickets: list[RecordedDocument],
    tmp_path: Path,
    open_incidents: Callable[[], list[str]],
) -> None:
    (tmp_path / str(tickets[0].path)).unlink()
    with database.transaction() as connection:
        connection.execute(text("UPDATE guests SET full_name = 'Ayu ' || chr(57344)"))

    with pytest.raises(NoDocument, match=r"cannot be rendered again: .*U\+E000"):
        reader.read(tickets[0])

    with database.transaction() as connection:
        errors = connection.execute(select(generated_tickets.c.render_error)).scalars().all()
    assert ["U+E000" in str(error) for error in sorted(errors, key=str)] == [False, True]
    assert "cannot be rendered" in open_incidents()[0]


def test_a_pdf_deleted_by_retention_is_not_rendered_again(
    database: Database,
    reader: DocumentReader,
    tickets: list[RecordedDocument],
    tmp_path: Path,
    open_incidents: Callable[[], list[str]],
) -> None:
    (tmp_path / str(tickets[0].path)).unlink()
    with database.transaction() as connection:
        connection.execute(text("UPDATE generated_tickets SET pdf_removed_at = now()"))

    with pytest.raises(NoDocument, match="retention"):
        reader.read(tickets[0])

    assert open_incidents() == []
