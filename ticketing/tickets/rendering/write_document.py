"""Render one ticket and write its PDF; the record is stored by the caller."""

import time
from dataclasses import dataclass

import structlog

from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.rendered_ticket import RenderedTicket
from ticketing.documents.template_renderer import TemplateRenderer
from ticketing.platform.kernel.log_sampler import LogSampler
from ticketing.tickets.rendering.queries import RenderedDocument, TicketDocument

MAX_LINES_PER_SECOND = 50
_LOG_SAMPLER = LogSampler(
    structlog.stdlib.get_logger("ticketing.tickets"), max_per_second=MAX_LINES_PER_SECOND
)


@dataclass(frozen=True, slots=True)
class WrittenDocument:
    """A PDF that was written, and its record."""

    ticket: RenderedTicket
    record: RenderedDocument


def write_document(
    template: TemplateRenderer, folder: DocumentFolder, document: TicketDocument, *, key: str
) -> WrittenDocument:
    """Render a ticket and write the file; `key` is the key of the document.

    Raises the errors of `TemplateRenderer` and `DocumentFolder`.
    """
    ticket, began = document.ticket, time.monotonic()
    rendered = template.render(ticket, key)
    path = folder.path_for(ticket.event_slug, ticket.ticket_code)
    folder.write(path, (rendered.shared, rendered.own))
    seconds = time.monotonic() - began
    _LOG_SAMPLER.info(
        "ticket rendered",
        ticketId=ticket.ticket_id,
        ticketCode=ticket.ticket_code,
        generationTime=round(seconds * 1000),
        pdfSize=rendered.size,
    )
    record = RenderedDocument(
        ticket.ticket_id, document.revision, path, rendered.sha256, rendered.size, key, seconds,
        rendered.in_full,
    )  # fmt: skip
    return WrittenDocument(rendered, record)
