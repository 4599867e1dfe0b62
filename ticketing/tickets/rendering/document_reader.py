"""Read the PDFs of tickets for a person: only unchanged ones leave the document folder.

Every interface reads through `DocumentReader`. A file that is missing or differs from its recorded
hash is rendered again at once, and an incident tells the operator that the disk changed it.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection

from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import IncidentKind, Occurrence
from ticketing.platform.kernel.errors import NotFound, Refused
from ticketing.tickets.model import RecordedDocument
from ticketing.tickets.rendering import queries
from ticketing.tickets.rendering.queries import TicketDocument
from ticketing.tickets.rendering.write_document import write_document


class NoDocument(NotFound):
    """The ticket has no PDF: not rendered yet, deleted by retention, or impossible to render."""


class DocumentReader:
    """Reads PDFs whose hash is the recorded one, and renders damaged ones again. Thread-safe."""

    def __init__(
        self,
        database: Database,
        folder: DocumentFolder,
        renderer: Renderer,
        clock: Callable[[], datetime],
    ) -> None:
        """The renderer is used for damaged PDFs only."""
        self._database, self._folder, self._clock = database, folder, clock
        self._renderer = renderer
        self._lock = threading.Lock()

    def read(self, recorded: RecordedDocument) -> bytes:
        """Return the PDF, unchanged since it was recorded or rendered again. Raises NoDocument."""
        if recorded.path is None:
            raise _no_document(recorded, "not rendered yet; run `ticketing generate-tickets`")
        content = read_unchanged(self._folder, recorded.path, recorded.sha256)
        return self._restore(recorded) if content is None else content

    def _restore(self, recorded: RecordedDocument) -> bytes:
        with self._lock, self._database.transaction() as connection:
            queries.claim(connection, [recorded.ticket_id], wait=True)
            documents = queries.list_documents(connection, [recorded.ticket_id])
            if not documents or documents[0].is_removed:
                raise _no_document(recorded, "deleted by retention, or revoked and damaged")
            content = self._render_unless_unchanged(connection, documents[0])
        if isinstance(content, Refused):
            raise _no_document(recorded, f"damaged, and cannot be rendered again: {content}")
        return content

    def _render_unless_unchanged(
        self, connection: Connection, document: TicketDocument
    ) -> bytes | Refused:
        """Return the PDF, or the reason why there is none, which is recorded as well."""
        # whoever held the claim may have written the file before its record
        if document.path is not None:
            content = read_unchanged(self._folder, document.path, document.sha256)
            if content is not None:
                return content
        at = self._clock()
        try:
            template = self._renderer.open(document.template_id)
            key = template.document_key(document.ticket)
            rendered = write_document(template, self._folder, document, key=key)
        except Refused as refusal:
            queries.mark_render_failed(connection, document.ticket.ticket_id, str(refusal))
            record_damage(connection, document, at=at, result=f"cannot be rendered: {refusal}")
            return refusal
        if not queries.mark_rendered(connection, [rendered.record], at=at):
            return Refused("the ticket was changed meanwhile; it is rendered by the next run")
        record_damage(connection, document, at=at, result="was rendered again")
        return rendered.ticket.content


def read_unchanged(folder: DocumentFolder, path: str, digest: str | None) -> bytes | None:
    """Return the document, or None when it is missing or has another SHA-256."""
    try:
        content = folder.read(path)
    except FileNotFoundError:
        return None
    return content if sha256(content).hexdigest() == digest else None


def record_damage(
    connection: Connection, document: TicketDocument, *, at: datetime, result: str
) -> None:
    """Open or count the event's incident of damaged PDFs."""
    slug = document.ticket.event_slug
    message = (
        f"PDF of {document.ticket.ticket_code} was missing or changed on disk, and {result};"
        f" check the disk, then `ticketing generate-tickets --event {slug}` checks all PDFs"
    )
    incidents.record_occurrence(
        connection, Occurrence(damage_cause(slug), IncidentKind.DOCUMENT, message, at, slug)
    )


def damage_cause(event_slug: str) -> str:
    """Return the cause of the incident of an event's damaged PDFs."""
    return f"documents {event_slug}"


def _no_document(recorded: RecordedDocument, reason: str) -> NoDocument:
    return NoDocument(
        f"ticket {recorded.ticket_code} has no PDF: {reason}", ticket=recorded.ticket_id
    )
