"""Batches requested over HTTP: accept, report progress, cancel, and fail abandoned ones."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import NotFound
from ticketing.tickets.batches import lock_queries, queries, repair_queries
from ticketing.tickets.batches.batch import estimate_completion, hold_batch, require_same_request
from ticketing.tickets.batches.queries import Batch, BatchState
from ticketing.tickets.generate import GenerationRequest, select_guests
from ticketing.tickets.issuing.issue import build_queue

EXPECTED_COUNT_OPTION = "expected"  # option of a batch: expected number of people, before it starts


class UnknownBatch(NotFound):
    """No batch has that id."""


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """Progress of a batch.

    `processed` PDFs were rendered. At the end, they and the skipped and failed ones are the total.
    """

    batch: Batch
    total: int
    processed: int
    estimated_completion: datetime | None


@dataclass(frozen=True, slots=True)
class AcceptedBatch:
    """An accepted batch.

    The generation request is None when there is nothing left to do. The lock shows others that the
    batch is not abandoned; close it when the batch has ended.
    """

    batch: Batch
    total: int
    request: GenerationRequest | None
    lock: ExitStack


def accept_batch(
    database: Database, event: Event, request: GenerationRequest, *, priority: str
) -> AcceptedBatch:
    """Open a batch, or return the existing one; a running or completed one is not restarted."""
    key = request.key or f"batch-{uuid4()}"
    selected = select_guests(database, event, request).guest_ids
    total = database.run(build_queue, event, selected, limit=request.limit, at=request.at).total
    with database.transaction() as connection:
        lock_queries.fail_abandoned_batches(connection, event.id, at=request.at)
        existing = queries.find_by_key(connection, key)
        # a request that created the batch in the meantime is compared as well
        batch = existing or queries.get_or_create_batch(
            connection, key=key, event=event, template_id=request.template_id or event.template_id,
            options=request.options(), by=request.by, at=request.at, priority=priority,
        )  # fmt: skip
        require_same_request(batch, event, request.options())
        if existing is not None and existing.state in {BatchState.PROCESSING, BatchState.COMPLETED}:
            return AcceptedBatch(existing, _total_count(existing), None, ExitStack())
        if request.guest_ids is not None:
            repair_queries.store_guest_ids(connection, batch.id, request.guest_ids)
        queries.merge_options(connection, batch.id, {EXPECTED_COUNT_OPTION: total})
        audit_log.record(
            connection, actor=request.by, action="tickets.order", event_id=event.id, subject=key,
            items=total, details={"job_id": batch.id, "priority": priority},
        )  # fmt: skip
    lock = ExitStack()
    lock.enter_context(hold_batch(database, batch.id))
    return AcceptedBatch(batch, total, replace(request, key=key), lock)


def get_progress(database: Database, batch_key: str, *, at: datetime) -> BatchProgress:
    """Return the progress of a batch. Raises UnknownBatch."""
    batch = get_batch(database, batch_key)
    total = _total_count(batch)
    finished = batch.skipped_count + batch.failed_count
    processed = max(0, min(batch.rendered_count, total - finished))
    estimate = None
    if batch.state is BatchState.PROCESSING:
        estimate = estimate_completion(
            started_at=batch.started_at, at=at, processed=processed + finished, total=total
        )
    return BatchProgress(batch, total, processed, estimate)


def fail_abandoned_batches(database: Database, *, at: datetime) -> int:
    """Fail the batches of killed processes; return their number."""
    with database.transaction() as connection:
        return sum(
            len(lock_queries.fail_abandoned_batches(connection, event.id, at=at))
            for event in event_queries.list_events(connection)
        )


def get_batch(database: Database, batch_key: str) -> Batch:
    """Return the batch of that key. Raises UnknownBatch."""
    batch = database.run(queries.find_by_key, batch_key)
    if batch is None:
        raise UnknownBatch(f"no batch has the id {batch_key!r}", batch=batch_key)
    return batch


def _total_count(batch: Batch) -> int:
    expected = batch.options.get(EXPECTED_COUNT_OPTION)
    return batch.total_count or (expected if isinstance(expected, int) else 0)
