"""The PDFs of an event as a ZIP file, streamed while it is created."""

import zipfile
from collections.abc import Iterator
from io import RawIOBase

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.paging import iter_rows
from ticketing.tickets import ticket_queries
from ticketing.tickets.guest_filter import EVERYBODY, GuestFilter
from ticketing.tickets.model import RecordedDocument
from ticketing.tickets.rendering.document_reader import DocumentReader, NoDocument

PAGE_SIZE = 500  # tickets per query, each page in its own transaction
MISSING_PDFS_FILE = "WITHOUT-PDF.txt"
FLUSH_BYTES = 256 * 1024


def stream_zip(
    database: Database, reader: DocumentReader, event: Event, wanted: GuestFilter = EVERYBODY
) -> Iterator[bytes]:
    """Yield the ZIP file in parts. Tickets without a PDF are listed in a text file at its end."""
    tickets = iter_rows(
        database,
        lambda connection, last_id: ticket_queries.list_ticket_files(
            connection, event.id, wanted, after=last_id, count=PAGE_SIZE
        ),
        key=lambda ticket: ticket.ticket_id,
    )
    sink = _ChunkBuffer()
    absent = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archived:  # PDFs are already compressed
        for ticket in tickets:
            if not _add_pdf(archived, reader, ticket):
                absent.append(ticket.ticket_code)
            if sink.size >= FLUSH_BYTES:
                yield sink.drain()
        if absent:
            archived.writestr(MISSING_PDFS_FILE, "\n".join(absent) + "\n")
    yield sink.drain()


def _add_pdf(archived: zipfile.ZipFile, reader: DocumentReader, ticket: RecordedDocument) -> bool:
    try:
        archived.writestr(f"{ticket.ticket_code}.pdf", reader.read(ticket))
    except NoDocument:
        return False
    return True


class _ChunkBuffer(RawIOBase):
    """Write buffer of the archive; not seekable."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, part: object) -> int:
        """Append a part."""
        content = bytes(part)  # type: ignore[call-overload]  # any buffer
        self._parts.append(content)
        self.size += len(content)
        return len(content)

    def drain(self) -> bytes:
        """Return and clear the content written since the last call."""
        content = b"".join(self._parts)
        self._parts.clear()
        self.size = 0
        return content
