"""Render tickets and write their PDFs to files or packs; records are stored by the caller."""

import time
from collections import defaultdict
from dataclasses import dataclass, field, replace

import structlog

from ticketing.documents.file_store import DocumentFolder, DocumentSink
from ticketing.documents.packs.pack_file import PackedDocument
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


@dataclass(slots=True)
class DocumentWriter:
    """Writes the documents of one chunk: files at once, packs when the chunk is complete."""

    folder: DocumentFolder
    records: list[RenderedDocument] = field(default_factory=list)  # of what is written
    _waiting: defaultdict[tuple[str, str], list[tuple[RenderedDocument, PackedDocument]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def write(
        self, template: TemplateRenderer, document: TicketDocument, *, key: str
    ) -> RenderedTicket:
        """Render a ticket; `key` is the key of the document.

        Raises the errors of `TemplateRenderer` and `DocumentFolder`.
        """
        ticket, began = document.ticket, time.monotonic()
        rendered = template.render(ticket, key)
        path = self.folder.path_for(ticket.event_slug, ticket.ticket_code)
        is_packed = self.folder.sink is DocumentSink.PACKS
        if is_packed:
            self.folder.require_size(path, rendered.size)
        else:
            self.folder.write(path, (rendered.shared, rendered.own))
        seconds = time.monotonic() - began
        _LOG_SAMPLER.info(
            "ticket rendered",
            ticketId=ticket.ticket_id,
            ticketCode=ticket.ticket_code,
            generationTime=round(seconds * 1000),
            pdfSize=rendered.size,
        )
        record = RenderedDocument(
            ticket.ticket_id, document.revision, path, rendered.sha256, rendered.size, key,
            seconds, rendered.in_full,
        )  # fmt: skip
        if is_packed:
            pack = ticket.event_slug, template.template.version
            packed = PackedDocument(f"{ticket.ticket_code}.pdf", rendered.shared, rendered.own)
            self._waiting[pack].append((record, packed))
        else:
            self.records.append(record)
        return rendered

    def finish(self) -> list[RenderedDocument]:
        """Write what waits, and return the records of all documents.

        Raises Unavailable; `records` has those of what was written before.
        """
        while self._waiting:
            (event_slug, version), waiting = next(iter(self._waiting.items()))
            paths = self.folder.append(event_slug, version, [packed for _, packed in waiting])
            self.records += [
                replace(record, path=path) for (record, _), path in zip(waiting, paths, strict=True)
            ]
            del self._waiting[event_slug, version]
        return self.records


def write_document(
    template: TemplateRenderer, folder: DocumentFolder, document: TicketDocument, *, key: str
) -> WrittenDocument:
    """Render and write one ticket. Raises what `DocumentWriter` raises."""
    writer = DocumentWriter(folder)
    rendered = writer.write(template, document, key=key)
    (record,) = writer.finish()
    return WrittenDocument(rendered, record)
