"""One order to generate tickets, from the gap to the files: issue what is missing, print it, count.

A person counts once. Killed anywhere, the same order again finishes what is left: issuing finds
who still lacks a ticket, printing finds which ticket still lacks its PDF.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.tickets.batches import queries as batche_queries
from ticketing.tickets.batches.batch import BatchSpec, running_batch
from ticketing.tickets.create_tickets import IssueFailure
from ticketing.tickets.issue import IssueResult, issue_tickets
from ticketing.tickets.reissue import apply_reissue
from ticketing.tickets.rendering.render import RenderResult, render_tickets

MAX_FAILURES_REPORTED = 1000
MIN_ISSUE_CHUNK = 1000  # signing is so much faster than printing that it takes larger chunks


@dataclass(frozen=True, slots=True)
class GenerationContext:
    """What generating works with."""

    database: Database
    keys: KeyRing
    renderer: Renderer
    folder: DocumentFolder


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What is asked for. `guest_ids` None is everyone missing; `key` again is the same batch."""

    by: str
    at: datetime
    guest_ids: Sequence[int] | None = None
    limit: int | None = None
    chunk: int = 100
    overwrite: bool = False
    key: str | None = None

    def options(self) -> dict[str, object]:
        """What the batch remembers of it."""
        people = None if self.guest_ids is None else len(self.guest_ids)
        return {"limit": self.limit, "overwrite": self.overwrite, "guests": people}


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """What became of everyone the order was about.

    Created: a new ticket with its PDF. Renewed: an old ticket whose PDF was missing, stale or asked
    for anew. Skipped: had both. Failed: lacks one of them, and `failures` says why (guest id,
    reason; the first thousand, the rest is in the log table).
    """

    job_id: int
    batch_key: str
    created: int
    renewed: int
    skipped: int
    failed: int
    failures: tuple[tuple[int, str], ...]
    seconds: float

    @property
    def total(self) -> int:
        """Everyone the order was about."""
        return self.created + self.renewed + self.skipped + self.failed

    @property
    def per_second(self) -> float:
        """Tickets made a second, new and renewed."""
        return (self.created + self.renewed) / self.seconds if self.seconds else 0.0


def generate_tickets(
    means: GenerationContext,
    event: Event,
    order: GenerationRequest,
    *,
    issuing: Callable[[IssueResult], None] | None = None,
    printing: Callable[[RenderResult], None] | None = None,
) -> GenerationResult:
    """Do what was ordered; one person's failure stops nobody else."""
    with _running_job(means.database, event, order) as job:
        issued = issue_tickets(
            means.database, event, keys=means.keys, job_id=job.id, at=order.at, by=order.by,
            guest_ids=order.guest_ids, limit=order.limit, chunk=max(order.chunk, MIN_ISSUE_CHUNK),
            progress=issuing,
        )  # fmt: skip
        printed = _render(
            means, event, order, job.id, ids=_guest_ids_to_render(means.database, order, job.id),
            progress=printing,
        )  # fmt: skip
    return job.result(means.database, printed, issued.failed, issued.failures)


def reissue_tickets(
    means: GenerationContext,
    event: Event,
    order: GenerationRequest,
    *,
    plan_hash: str,
    reason: str,
    printing: Callable[[RenderResult], None] | None = None,
) -> GenerationResult:
    """Give new identities to those whom a plan of `reissue` named, and print their tickets.

    The same plan again goes on where it was interrupted.
    """
    named = replace(order, key=f"reissue-{plan_hash}")
    with _running_job(means.database, event, named) as job:
        done = apply_reissue(
            means.database, event, plan_hash=plan_hash, keys=means.keys, job_id=job.id,
            at=order.at, by=order.by, reason=reason, guest_ids=order.guest_ids,
        )  # fmt: skip
        ids = _list_guest_ids(means.database, job.id)
        printed = _render(means, event, order, job.id, ids=ids, progress=printing)
    return job.result(means.database, printed, len(done.failures), done.failures)


def _render(
    means: GenerationContext,
    event: Event,
    order: GenerationRequest,
    job_id: int,
    *,
    ids: Sequence[int] | None,
    progress: Callable[[RenderResult], None] | None,
) -> RenderResult:
    return render_tickets(
        means.database, event, renderer=means.renderer, folder=means.folder, at=order.at,
        job_id=job_id, ids=ids, overwrite=order.overwrite, chunk=order.chunk, progress=progress,
    )  # fmt: skip


def _guest_ids_to_render(
    database: Database, order: GenerationRequest, job_id: int
) -> Sequence[int] | None:
    """Whose PDFs belong to the order: all of the event's, unless it was about some people."""
    return order.guest_ids if order.limit is None else _list_guest_ids(database, job_id)


def _list_guest_ids(database: Database, job_id: int) -> Sequence[int]:
    with database.transaction() as connection:
        return batche_queries.list_guest_ids(connection, job_id)


@dataclass(frozen=True, slots=True)
class _RunningJob:
    """A batch under way, and how many of its tickets were printed before this run of it."""

    id: int
    key: str
    printed_before: int
    began: float

    def result(
        self,
        database: Database,
        printed: RenderResult,
        not_issued: int,
        failures: Sequence[IssueFailure],
    ) -> GenerationResult:
        with database.transaction() as connection:
            created = batche_queries.count_rendered(connection, self.id) - self.printed_before
        named = [(failure.guest_id, failure.message) for failure in failures]
        named += [(failure.guest_id, failure.message) for failure in printed.failed]
        return GenerationResult(
            job_id=self.id,
            batch_key=self.key,
            created=created,
            renewed=printed.rendered - created,
            skipped=printed.unchanged,
            failed=not_issued + len(printed.failed),
            failures=tuple(named[:MAX_FAILURES_REPORTED]),
            seconds=time.monotonic() - self.began,
        )


@contextmanager
def _running_job(
    database: Database, event: Event, order: GenerationRequest
) -> Iterator[_RunningJob]:
    """The order's batch under way."""
    began = time.monotonic()
    key = order.key or f"batch-{uuid4()}"
    named = order.key is not None  # by somebody who comes back for it
    opening = BatchSpec(
        key=key, by=order.by, at=order.at, options=order.options(), is_announced=named
    )
    with running_batch(database, event, opening) as batch:
        with database.transaction() as connection:
            printed_before = batche_queries.count_rendered(connection, batch.id)
        yield _RunningJob(batch.id, batch.batch_key, printed_before, began)
