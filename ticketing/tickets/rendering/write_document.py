"""Render one ticket and write its PDF; the record is stored by the caller."""

import time
from dataclasses import dataclass
from hashlib import sha256

import structlog

from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.platform.kernel.log_sampler import LogSampler
from ticketing.tickets.rendering.queries import RenderedDocument, TicketDocument

MAX_LINES_PER_SECOND = 50
_LOG_SAMPLER = LogSampler(
    structlog.stdlib.get_logger("ticketing.tickets"), max_per_second=MAX_LINES_PER_SECOND
)


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
    ticket, began = document.ticket, time.monotonic()
    content = renderer.render(ticket, document.template_id)
    path = folder.path_for(ticket.event_slug, ticket.ticket_code)
    folder.write(path, content)
    digest, seconds = sha256(content).hexdigest(), time.monotonic() - began
    _LOG_SAMPLER.info(
        "ticket rendered",
        ticketId=ticket.ticket_id,
        ticketCode=ticket.ticket_code,
        generationTime=round(seconds * 1000),
        pdfSize=len(content),
    )
    return WrittenDocument(
        content,
        RenderedDocument(
            ticket.ticket_id, document.revision, path, digest, len(content), key, seconds
        ),
    )
