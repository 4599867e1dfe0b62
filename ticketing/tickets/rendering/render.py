"""Render the PDFs of live tickets that are missing or stale.

Each chunk is claimed, its files are written atomically, and recorded in one commit. After a kill
before the commit, the next run writes the same bytes again; after a kill while writing, it deletes
the leftover.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.documents.template_renderer import TemplateRenderer
from ticketing.documents.ticket_data import PrintedTicket
from ticketing.events.model import Event
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import TicketingError, Unavailable
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.rendering import queries
from ticketing.tickets.rendering.document_reader import (
    damage_cause,
    read_unchanged,
    record_damage,
)
from ticketing.tickets.rendering.queries import TicketDocument
from ticketing.tickets.rendering.write_document import DocumentWriter


@dataclass(frozen=True, slots=True)
class RenderFailure:
    """A ticket that could not be rendered, by ids, and the reason."""

    guest_id: int
    ticket_id: int
    message: str


@dataclass(frozen=True, slots=True)
class RenderResult:
    """Counts of a run so far, of `total` tickets."""

    total: int
    created: int  # of the rendered ones: issued by this batch, and rendered for the first time
    rendered: int
    unchanged: int
    failed: tuple[RenderFailure, ...]


@dataclass(slots=True)
class _RenderRun:
    """A run in progress: its dependencies and counts."""

    event: Event
    renderer: Renderer
    folder: DocumentFolder
    at: datetime
    job_id: int | None
    overwrite: bool
    template_id: str | None = None
    total: int = 0
    created: int = 0
    rendered: int = 0
    unchanged: int = 0
    damaged: int = 0
    failures: list[RenderFailure] = field(default_factory=list)
    templates: dict[str, TemplateRenderer] = field(default_factory=dict)  # of the present chunk
    left: list[int] = field(default_factory=list)  # claimed by another run, or outdated

    def result(self) -> RenderResult:
        return RenderResult(
            self.total, self.created, self.rendered, self.unchanged, tuple(self.failures)
        )


@dataclass(slots=True)
class _RenderedChunk:
    """Results of one chunk, recorded together."""

    writer: DocumentWriter
    unchanged: int = 0
    created: set[int] = field(default_factory=set)
    damaged: list[TicketDocument] = field(default_factory=list)
    failures: list[RenderFailure] = field(default_factory=list)


def render_tickets(  # noqa: PLR0913 - all options of the API, the command and the asset
    database: Database,
    event: Event,
    *,
    renderer: Renderer,
    folder: DocumentFolder,
    at: datetime,
    job_id: int | None = None,
    guest_ids: Iterable[int] | None = None,
    overwrite: bool = False,
    template_id: str | None = None,
    chunk: int = 100,
    on_progress: Callable[[RenderResult], None] | None = None,
) -> RenderResult:
    """Render missing and stale PDFs; safe to repeat, to run concurrently and to kill.

    `overwrite` renders everything again, also PDFs removed by retention. `template_id` is chosen
    for these tickets, None keeps their own or that of the event. A failure of one ticket
    does not affect others; it is in its row, in the log of the job and in the result. Raises
    TemplateBroken when a template fails for everyone, Unavailable when the disk is full.
    """
    people = None if guest_ids is None else sorted(set(guest_ids))
    run = _RenderRun(event, renderer, folder, at, job_id, overwrite, template_id)
    folder.delete_partial_files(event.slug)
    run.total = database.run(
        queries.count_to_render, event.id, guest_ids=people, include_removed=overwrite
    )
    after = 0
    while True:
        with database.transaction() as connection:
            listed = queries.list_ticket_ids_to_render(
                connection,
                event.id,
                guest_ids=people,
                include_removed=overwrite,
                after=after,
                count=chunk,
            )
            claimed = queries.claim(connection, listed, wait=False)
            stopped_by = _render_chunk(connection, run, claimed)
        _report_progress(run, stopped_by, on_progress)
        if not listed:
            break
        after = listed[-1]
        run.left += set(listed) - set(claimed)
    # another run that had claimed them may have been killed, so they are checked again
    left = sorted(run.left)
    for start in range(0, len(left), chunk):
        with database.transaction() as connection:
            claimed = queries.claim(connection, left[start : start + chunk], wait=True)
            stopped_by = _render_chunk(connection, run, claimed)
        _report_progress(run, stopped_by, on_progress)
    if people is None and not run.damaged:
        with database.transaction() as connection:  # every PDF of the event was compared
            incidents.resolve(connection, damage_cause(event.slug), at=at)
    return run.result()


def _report_progress(
    run: _RenderRun,
    stopped_by: TicketingError | None,
    on_progress: Callable[[RenderResult], None] | None,
) -> None:
    if on_progress is not None:
        on_progress(run.result())
    if stopped_by is not None:
        raise stopped_by


def _render_chunk(
    connection: Connection, run: _RenderRun, ticket_ids: list[int]
) -> TicketingError | None:
    """Render a claimed chunk and record the PDFs.

    Returns a fatal error instead of raising it, which would roll back the records of the chunk.
    """
    chunk = _RenderedChunk(DocumentWriter(run.folder))
    stopped_by = None
    if run.template_id is not None:
        queries.choose_template(connection, ticket_ids, run.template_id)
    documents = queries.list_documents(connection, ticket_ids)
    run.templates.clear()  # files may have changed
    _prepare(run, documents)
    for document in documents:
        try:
            _render_one(run, document, chunk)
        except _FatalRenderError as stop:
            stopped_by = stop.reason
            break
        except Exception as error:  # noqa: BLE001 - a failure of one ticket is recorded in its row
            failure = RenderFailure(
                document.guest_id, document.ticket.ticket_id, _error_message(error)
            )
            chunk.failures.append(failure)
    try:
        rendered = chunk.writer.finish()
    except Unavailable as error:
        stopped_by, rendered = error, chunk.writer.records
    recorded = queries.mark_rendered(connection, rendered, at=run.at)
    run.left += {each.ticket_id for each in rendered} - recorded
    for document in chunk.damaged:
        record_damage(connection, document, at=run.at, result="was rendered again")
    for failure in chunk.failures:
        _record_failure(connection, run, failure)
    if run.job_id is not None:
        batch_queries.add_counts(
            connection, run.job_id, rendered=len(recorded), failed=len(chunk.failures)
        )
    run.created += len(chunk.created & recorded)
    run.rendered += len(recorded)
    run.unchanged += chunk.unchanged
    run.damaged += len(chunk.damaged)
    run.failures += chunk.failures
    return stopped_by


def _prepare(run: _RenderRun, documents: Iterable[TicketDocument]) -> None:
    """Have the QR codes of new tickets made together."""
    new = defaultdict[str, list[PrintedTicket]](list)
    for document in documents:
        if run.overwrite or document.document_key is None:
            new[document.template_id].append(document.ticket)
    for template_id, tickets in new.items():
        with suppress(_FatalRenderError):  # raised again by the first of these tickets
            _open_template(run, template_id).prepare(tickets)


class _FatalRenderError(Exception):
    """An error that would fail every following ticket as well."""

    def __init__(self, reason: TicketingError) -> None:
        self.reason = reason


def _render_one(run: _RenderRun, document: TicketDocument, chunk: _RenderedChunk) -> None:
    """Render and write the PDF unless it is up to date."""
    template = _open_template(run, document.template_id)
    ticket = document.ticket
    key = template.document_key(ticket)
    path = document.path or ""
    is_recorded = (
        not run.overwrite
        and document.document_key == key
        and document.render_error is None
        and run.folder.is_place_of(path, ticket.event_slug, ticket.ticket_code)
    )
    if is_recorded and read_unchanged(run.folder, path, document.sha256) is not None:
        chunk.unchanged += 1
        return
    try:
        chunk.writer.write(template, document, key=key)
    except Unavailable as error:
        raise _FatalRenderError(error) from error
    if document.job_id == run.job_id and not document.is_rendered:
        chunk.created.add(ticket.ticket_id)
    if is_recorded:
        chunk.damaged.append(document)


def _open_template(run: _RenderRun, template_id: str) -> TemplateRenderer:
    template = run.templates.get(template_id)
    if template is None:
        try:
            template = run.templates[template_id] = run.renderer.check_template(template_id)
        except TicketingError as error:
            raise _FatalRenderError(error) from error
    return template


def _record_failure(connection: Connection, run: _RenderRun, failure: RenderFailure) -> None:
    queries.mark_render_failed(connection, failure.ticket_id, failure.message)
    if run.job_id is not None:
        batch_queries.log_failure(
            connection,
            job_id=run.job_id,
            event_id=run.event.id,
            guest_id=failure.guest_id,
            ticket_id=failure.ticket_id,
            message=failure.message,
        )


def _error_message(error: Exception) -> str:
    """Return the message of our own errors; of others only the class, as they may quote data."""
    if isinstance(error, TicketingError):
        return str(error)
    return f"rendering failed with {type(error).__name__}"
