"""Render one chunk of tickets: claim them, write what is stale, and record it in one commit."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.documents.template_renderer import TemplateRenderer
from ticketing.documents.ticket_data import PrintedTicket
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import TicketingError, Unavailable
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.rendering import queries
from ticketing.tickets.rendering.document_reader import read_unchanged, record_damage
from ticketing.tickets.rendering.queries import TicketDocument
from ticketing.tickets.rendering.write_document import DocumentWriter


@dataclass(frozen=True, slots=True)
class RenderFailure:
    """A ticket that could not be rendered, by ids, and the reason."""

    guest_id: int
    ticket_id: int
    message: str


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """What is rendered: `overwrite` also what is up to date, `template_id` with this template."""

    event: Event
    at: datetime
    job_id: int | None
    overwrite: bool
    template_id: str | None


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """Counts of a chunk. `left` was claimed by others, or outdated when it was recorded.

    `created` are those of `rendered` that the job issued, `stopped_by` would fail every ticket.
    """

    created: int
    rendered: int
    unchanged: int
    damaged: int
    failures: tuple[RenderFailure, ...]
    left: tuple[int, ...]
    stopped_by: TicketingError | None


@dataclass(slots=True)
class _Chunk:
    """A chunk in progress."""

    writer: DocumentWriter
    unchanged: int = 0
    created: set[int] = field(default_factory=set)
    damaged: list[TicketDocument] = field(default_factory=list)
    failures: list[RenderFailure] = field(default_factory=list)
    templates: dict[str, TemplateRenderer] = field(default_factory=dict)  # as their files are now
    stopped_by: TicketingError | None = None


class _FatalRenderError(Exception):
    """An error that would fail every following ticket as well."""

    def __init__(self, reason: TicketingError) -> None:
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ChunkRenderer:
    """Renders chunks of a request. It can be sent to another process."""

    database: Database
    renderer: Renderer
    folder: DocumentFolder
    request: RenderRequest

    def render(self, ticket_ids: Sequence[int], *, wait: bool) -> ChunkResult:
        """Render the tickets that no other run has claimed, or `wait` for the others.

        A fatal error is returned, because raising it would roll back the records of the chunk.
        """
        with self.database.transaction() as connection:
            claimed = queries.claim(connection, ticket_ids, wait=wait)
            chunk = self._render_all(connection, claimed)
            return self._record(connection, chunk, set(ticket_ids) - set(claimed))

    def _render_all(self, connection: Connection, ticket_ids: list[int]) -> _Chunk:
        chunk = _Chunk(DocumentWriter(self.folder))
        if self.request.template_id is not None:
            queries.choose_template(connection, ticket_ids, self.request.template_id)
        documents = queries.list_documents(connection, ticket_ids)
        self._prepare(chunk, documents)
        for document in documents:
            try:
                self._render_one(chunk, document)
            except _FatalRenderError as stop:
                chunk.stopped_by = stop.reason
                break
            except Exception as error:  # noqa: BLE001 - a failure of one ticket is in its row
                message = _error_message(error)
                chunk.failures.append(
                    RenderFailure(document.guest_id, document.ticket.ticket_id, message)
                )
        return chunk

    def _record(self, connection: Connection, chunk: _Chunk, left: set[int]) -> ChunkResult:
        try:
            rendered = chunk.writer.finish()
        except Unavailable as error:
            chunk.stopped_by, rendered = error, chunk.writer.records
        recorded = queries.mark_rendered(connection, rendered, at=self.request.at)
        for document in chunk.damaged:
            record_damage(connection, document, at=self.request.at, result="was rendered again")
        for failure in chunk.failures:
            self._record_failure(connection, failure)
        if self.request.job_id is not None:
            batch_queries.add_counts(
                connection, self.request.job_id,
                rendered=len(recorded), failed=len(chunk.failures),
            )  # fmt: skip
        outdated = {each.ticket_id for each in rendered} - recorded
        return ChunkResult(
            len(chunk.created & recorded), len(recorded), chunk.unchanged, len(chunk.damaged),
            tuple(chunk.failures), tuple(left | outdated), chunk.stopped_by,
        )  # fmt: skip

    def _prepare(self, chunk: _Chunk, documents: Iterable[TicketDocument]) -> None:
        """Have the QR codes of new tickets made together."""
        new = defaultdict[str, list[PrintedTicket]](list)
        for document in documents:
            if self.request.overwrite or document.document_key is None:
                new[document.template_id].append(document.ticket)
        for template_id, tickets in new.items():
            with suppress(_FatalRenderError):  # raised again by the first of these tickets
                self._open_template(chunk, template_id).prepare(tickets)

    def _render_one(self, chunk: _Chunk, document: TicketDocument) -> None:
        """Render and write the PDF unless it is up to date."""
        template = self._open_template(chunk, document.template_id)
        ticket, path = document.ticket, document.path or ""
        key = template.document_key(ticket)
        is_recorded = (
            not self.request.overwrite
            and document.document_key == key
            and document.render_error is None
            and self.folder.is_place_of(path, ticket.event_slug, ticket.ticket_code)
        )
        if is_recorded and read_unchanged(self.folder, path, document.sha256) is not None:
            chunk.unchanged += 1
            return
        try:
            chunk.writer.write(template, document, key=key)
        except Unavailable as error:
            raise _FatalRenderError(error) from error
        if document.job_id == self.request.job_id and not document.is_rendered:
            chunk.created.add(ticket.ticket_id)
        if is_recorded:
            chunk.damaged.append(document)

    def _open_template(self, chunk: _Chunk, template_id: str) -> TemplateRenderer:
        template = chunk.templates.get(template_id)
        if template is None:
            try:
                template = self.renderer.check_template(template_id)
            except TicketingError as error:
                raise _FatalRenderError(error) from error
            chunk.templates[template_id] = template
        return template

    def _record_failure(self, connection: Connection, failure: RenderFailure) -> None:
        queries.mark_render_failed(connection, failure.ticket_id, failure.message)
        if self.request.job_id is not None:
            batch_queries.log_failure(
                connection,
                job_id=self.request.job_id,
                event_id=self.request.event.id,
                guest_id=failure.guest_id,
                ticket_id=failure.ticket_id,
                message=failure.message,
            )


def _error_message(error: Exception) -> str:
    """Return the message of our own errors; of others only the class, as they may quote data."""
    if isinstance(error, TicketingError):
        return str(error)
    return f"rendering failed with {type(error).__name__}"
