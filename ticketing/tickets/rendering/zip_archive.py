"""All PDFs of an event as one ZIP, made while it is sent: no file of it is ever kept in memory."""

import zipfile
from collections.abc import Iterator
from io import RawIOBase

from ticketing.documents.file_store import DocumentFolder
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.tickets import ticket_queries
from ticketing.tickets.ticket_queries import TicketFile

PAGE_SIZE = 500  # tickets looked up at once, each page in a transaction of its own
MISSING_PDFS_FILE = "WITHOUT-PDF.txt"
FLUSH_BYTES = 256 * 1024


def stream_zip(database: Database, folder: DocumentFolder, event: Event) -> Iterator[bytes]:
    """The ZIP's bytes. Tickets without a PDF are listed in a text file at its end."""
    sink = _ChunkBuffer()
    absent = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archived:  # a PDF is compressed already
        for ticket in _iter_ticket_files(database, event):
            if not _add_pdf(archived, folder, ticket):
                absent.append(ticket.ticket_code)
            if sink.size >= FLUSH_BYTES:
                yield sink.drain()
        if absent:
            archived.writestr(MISSING_PDFS_FILE, "\n".join(absent) + "\n")
    yield sink.drain()


def _iter_ticket_files(database: Database, event: Event) -> Iterator[TicketFile]:
    after = 0
    while True:
        # never open while a slow client is being sent to
        with database.transaction() as connection:
            page = ticket_queries.list_ticket_files(
                connection, event.id, after=after, count=PAGE_SIZE
            )
        if not page:
            return
        yield from page
        after = page[-1].ticket_id


def _add_pdf(archived: zipfile.ZipFile, folder: DocumentFolder, ticket: TicketFile) -> bool:
    if ticket.path is None:
        return False
    try:
        archived.writestr(f"{ticket.ticket_code}.pdf", folder.read(ticket.path))
    except FileNotFoundError:
        return False
    return True


class _ChunkBuffer(RawIOBase):
    """Takes what the archive writes until somebody fetches it; it cannot go back."""

    def __init__(self) -> None:
        """Empty."""
        self._parts: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, part: object) -> int:
        """Keep a part until it is taken."""
        content = bytes(part)  # type: ignore[call-overload]  # any buffer
        self._parts.append(content)
        self.size += len(content)
        return len(content)

    def drain(self) -> bytes:
        """What was written since the last time."""
        content = b"".join(self._parts)
        self._parts.clear()
        self.size = 0
        return content
