"""Generate tickets: issue missing ones, render their PDFs, and count the results.

Every person is counted once. After a kill at any point, the same request completes the rest:
issuing finds people without a ticket, rendering finds tickets without a PDF.
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
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.change_plan import digest
from ticketing.tickets import eligibility_queries
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.batches.batch import BatchSpec, running_batch
from ticketing.tickets.batches.queries import TEMPLATE_OPTION
from ticketing.tickets.guest_filter import EVERYBODY, GuestFilter
from ticketing.tickets.issuing.create_tickets import IssueFailure
from ticketing.tickets.issuing.issue import IssueResult, issue_tickets
from ticketing.tickets.issuing.reissue import apply_reissue
from ticketing.tickets.rendering.render import RenderResult, render_tickets

MAX_FAILURES_REPORTED = 1000
REISSUE_PREFIX = "reissue-"  # of the key of a batch that applies a plan
MIN_ISSUE_CHUNK = 1000  # larger than for rendering, because signing is much faster


@dataclass(frozen=True, slots=True)
class GenerationContext:
    """The objects that generation needs."""

    database: Database
    keys: KeyRing
    renderer: Renderer
    folder: DocumentFolder


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A request. `guest_ids` None means all missing; a repeated `key` continues the batch.

    `wanted` restricts it to the eligible guests who match when it runs.
    `template_id` is chosen for new tickets, and with `overwrite` for existing ones; tickets without
    a chosen template follow that of the event.
    """

    by: str
    at: datetime
    guest_ids: Sequence[int] | None = None
    limit: int | None = None
    chunk: int = 100
    overwrite: bool = False
    key: str | None = None
    template_id: str | None = None
    wanted: GuestFilter = EVERYBODY

    def options(self) -> dict[str, object]:
        """Return the options to store with the batch; a repeated key must have the same."""
        guests = None if self.guest_ids is None else digest(sorted(set(self.guest_ids)))
        return {
            "limit": self.limit,
            "overwrite": self.overwrite,
            "guests": guests,
            "where": {name: list(values) for name, values in self.wanted.where.items()} or None,
            TEMPLATE_OPTION: self.template_id,
        }


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """Result of a generation; every person is counted once.

    Created: a new ticket with its PDF. Renewed: an existing ticket whose PDF was missing, stale or
    requested again. Skipped: had both. Failed: lacks one of them; `failures` has guest id and
    reason of the first thousand, the log table has all.
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
        """Return the number of people of the request."""
        return self.created + self.renewed + self.skipped + self.failed

    @property
    def tickets_per_second(self) -> float:
        """Return the tickets per second, created and renewed."""
        return (self.created + self.renewed) / self.seconds if self.seconds else 0.0


def select_guests(
    database: Database, event: Event, request: GenerationRequest
) -> GenerationRequest:
    """Return the request with the guests who match its filter now. Raises UnusableFilter."""
    if not request.wanted.where:
        return request
    matching = database.run(eligibility_queries.list_eligible_guest_ids, event.id, request.wanted)
    among = set(matching if request.guest_ids is None else request.guest_ids)
    return replace(request, guest_ids=[each for each in matching if each in among])


def generate_tickets(
    context: GenerationContext,
    event: Event,
    request: GenerationRequest,
    *,
    on_issue_progress: Callable[[IssueResult], None] | None = None,
    on_render_progress: Callable[[RenderResult], None] | None = None,
) -> GenerationResult:
    """Generate tickets; a failure for one person does not affect others."""
    with _running_job(context.database, event, request) as job:
        request = select_guests(context.database, event, request)
        issued = issue_tickets(
            context.database,
            event,
            keys=context.keys,
            job_id=job.id,
            at=request.at,
            by=request.by,
            guest_ids=request.guest_ids,
            limit=request.limit,
            chunk=max(request.chunk, MIN_ISSUE_CHUNK),
            on_progress=on_issue_progress,
        )
        guest_ids = request.guest_ids if request.limit is None else job.guest_ids(context.database)
        printed = _render(
            context, event, request, job.id, guest_ids=guest_ids, on_progress=on_render_progress
        )
        result = job.result(printed, issued.failed, issued.failures, attempted=issued.total)
        job.record_totals(context.database, event, result, by=request.by)
    return result


def reissue_tickets(
    context: GenerationContext,
    event: Event,
    request: GenerationRequest,
    *,
    plan_hash: str,
    reason: str,
    on_render_progress: Callable[[RenderResult], None] | None = None,
) -> GenerationResult:
    """Apply a reissue plan, and render the new tickets.

    Repeating the same plan continues after an interruption.
    """
    named = replace(request, key=f"{REISSUE_PREFIX}{plan_hash}")
    with _running_job(context.database, event, named) as job:
        request = select_guests(context.database, event, request)
        done = apply_reissue(
            context.database, event, plan_hash=plan_hash, keys=context.keys, job_id=job.id,
            at=request.at, by=request.by, reason=reason, guest_ids=request.guest_ids,
        )  # fmt: skip
        guest_ids = job.guest_ids(context.database)
        printed = _render(
            context, event, request, job.id, guest_ids=guest_ids, on_progress=on_render_progress
        )
        result = job.result(printed, len(done.failures), done.failures)
        job.record_totals(context.database, event, result, by=request.by)
    return result


def _render(
    context: GenerationContext,
    event: Event,
    request: GenerationRequest,
    job_id: int,
    *,
    guest_ids: Sequence[int] | None,
    on_progress: Callable[[RenderResult], None] | None,
) -> RenderResult:
    return render_tickets(
        context.database,
        event,
        renderer=context.renderer,
        folder=context.folder,
        at=request.at,
        job_id=job_id,
        guest_ids=guest_ids,
        overwrite=request.overwrite,
        template_id=request.template_id if request.overwrite else None,
        chunk=request.chunk,
        on_progress=on_progress,
    )


@dataclass(frozen=True, slots=True)
class _RunningJob:
    """A running batch."""

    id: int
    key: str
    began: float

    def guest_ids(self, database: Database) -> Sequence[int]:
        return database.run(batch_queries.list_guest_ids, self.id)

    def record_totals(
        self, database: Database, event: Event, result: GenerationResult, *, by: str
    ) -> None:
        """Store the totals of the batch, and the audit entry that Dagster reports."""
        counts = {
            "created": result.created, "renewed": result.renewed, "failed": result.failed
        }  # fmt: skip
        with database.transaction() as connection:
            batch_queries.record_totals(
                connection, self.id, total=result.total, failed=result.failed
            )
            audit_log.record(
                connection, by, audit_log.GENERATE_TICKETS_ACTION, event_id=event.id,
                subject=self.key, items=sum(counts.values()), details=counts,
            )  # fmt: skip

    def result(
        self,
        printed: RenderResult,
        not_issued: int,
        failures: Sequence[IssueFailure],
        *,
        attempted: int = 0,
    ) -> GenerationResult:
        named = [(failure.guest_id, failure.message) for failure in failures]
        named += [(failure.guest_id, failure.message) for failure in printed.failed]
        failed = not_issued + len(printed.failed)
        # whoever was served by another run meanwhile was attempted, and counts as skipped
        total = max(attempted, printed.total + not_issued)
        return GenerationResult(
            job_id=self.id,
            batch_key=self.key,
            created=printed.created,
            renewed=printed.rendered - printed.created,
            skipped=total - printed.rendered - failed,
            failed=failed,
            failures=tuple(named[:MAX_FAILURES_REPORTED]),
            seconds=time.monotonic() - self.began,
        )


@contextmanager
def _running_job(
    database: Database, event: Event, request: GenerationRequest
) -> Iterator[_RunningJob]:
    """Run the batch of a request."""
    began = time.monotonic()
    key = request.key or f"batch-{uuid4()}"
    named = request.key is not None  # the caller will ask for its result
    opening = BatchSpec(
        key=key, by=request.by, at=request.at, options=request.options(),
        guest_ids=request.guest_ids, notify_organiser=named,
    )  # fmt: skip
    with running_batch(database, event, opening) as batch:
        yield _RunningJob(batch.id, batch.batch_key, began)
