"""Render one ticket and write its PDF; the record is stored by the caller."""

from dataclasses import dataclass
from hashlib import sha256

from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.tickets.rendering.queries import RenderedDocument, TicketDocument


@dataclass(frozen=True, slots=True)
class WrittenDocument:
    """A PDF that was written, and its record."""

    content: bytes
    record: RenderedDocument


def write_document(
    renderer: Renderer, folder: DocumentFolder, document: TicketDocument, *, key: str
) -> WrittenDocument:
    """Render a ticket and write the file; `key` is the renderer's key of the document.

    Raises the errors of `Renderer` and `DocumentFolder`.
    """
    ticket = document.ticket
    content = renderer.render(ticket, document.template_id)
    path = folder.path_for(ticket.event_slug, ticket.ticket_code)
    folder.write(path, content)
    digest = sha256(content).hexdigest()
    return WrittenDocument(
        content, RenderedDocument(ticket.ticket_id, path, digest, len(content), key)
    )
