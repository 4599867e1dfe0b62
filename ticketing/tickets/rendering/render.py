"""Render the PDFs of live tickets that are missing or stale.

Each chunk is claimed, its files are written atomically, and recorded in one commit. After a kill
before the commit, the next run writes the same bytes again; after a kill while writing, it deletes
the leftover. Many tickets are rendered by all processors, one process on each.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.events.model import Event
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.tickets.rendering import queries
from ticketing.tickets.rendering.document_reader import damage_cause
from ticketing.tickets.rendering.render_chunk import (
    ChunkRenderer,
    ChunkResult,
    RenderFailure,
    RenderRequest,
)
from ticketing.tickets.rendering.render_processes import process_count, render_in_processes


@dataclass(frozen=True, slots=True)
class RenderResult:
    """Counts of a run so far, of `total` tickets."""

    total: int
    created: int  # of the rendered ones: issued by this batch, and rendered for the first time
    rendered: int
    unchanged: int
    failed: tuple[RenderFailure, ...]


@dataclass(slots=True)
class _Counts:
    """Counts of a run in progress."""

    total: int
    created: int = 0
    rendered: int = 0
    unchanged: int = 0
    damaged: int = 0
    failures: list[RenderFailure] = field(default_factory=list)
    left: list[int] = field(default_factory=list)

    def add(self, chunk: ChunkResult) -> None:
        self.created += chunk.created
        self.rendered += chunk.rendered
        self.unchanged += chunk.unchanged
        self.damaged += chunk.damaged
        self.failures += chunk.failures
        self.left += chunk.left

    def result(self) -> RenderResult:
        return RenderResult(
            self.total, self.created, self.rendered, self.unchanged, tuple(self.failures)
        )


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
    processes: int | None = None,
    on_progress: Callable[[RenderResult], None] | None = None,
) -> RenderResult:
    """Render missing and stale PDFs; safe to repeat, to run concurrently and to kill.

    `overwrite` renders everything again, also PDFs removed by retention. `template_id` is chosen
    for these tickets, None keeps their own or that of the event. `processes` are as many as the
    processors if it is None and there are thousands of tickets. A failure of one ticket
    does not affect others; it is in its row, in the log of the job and in the result. Raises
    TemplateBroken when a template fails for everyone, Unavailable when the disk is full. What
    `on_progress` raises ends the run within seconds.
    """
    people = None if guest_ids is None else sorted(set(guest_ids))
    folder.delete_partial_files(event.slug)
    counts = _Counts(
        database.run(queries.count_to_render, event.id, guest_ids=people, include_removed=overwrite)
    )
    work = ChunkRenderer(
        database, renderer, folder, RenderRequest(event, at, job_id, overwrite, template_id)
    )
    chunks = _list_chunks(database, event, people, include_removed=overwrite, size=chunk)
    count = process_count(counts.total) if processes is None else processes
    if count > 1:
        with closing(render_in_processes(work, chunks, count)) as completed:
            _count_all(completed, counts, on_progress)
    else:
        done = (work.render(ids, wait=False) for ids in chunks)
        _count_all(done, counts, on_progress)
    # another run that had claimed them may have been killed, so they are checked again
    left = sorted(counts.left)
    again = (left[start : start + chunk] for start in range(0, len(left), chunk))
    _count_all((work.render(ids, wait=True) for ids in again), counts, on_progress)
    if people is None and not counts.damaged:
        with database.transaction() as connection:  # every PDF of the event was compared
            incidents.resolve(connection, damage_cause(event.slug), at=at)
    return counts.result()


def _list_chunks(
    database: Database,
    event: Event,
    people: Sequence[int] | None,
    *,
    include_removed: bool,
    size: int,
) -> Iterator[list[int]]:
    """Yield the tickets to render by id, also those that are issued meanwhile."""
    after = 0
    while True:
        listed = database.run(
            queries.list_ticket_ids_to_render, event.id, guest_ids=people,
            include_removed=include_removed, after=after, count=size,
        )  # fmt: skip
        if not listed:
            return
        yield listed
        after = listed[-1]


def _count_all(
    done: Iterable[ChunkResult],
    counts: _Counts,
    on_progress: Callable[[RenderResult], None] | None,
) -> None:
    for chunk in done:
        counts.add(chunk)
        if on_progress is not None:
            on_progress(counts.result())
        if chunk.stopped_by is not None:
            raise chunk.stopped_by
