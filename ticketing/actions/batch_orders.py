"""Batches ordered from outside: taken on, followed, and ended when their process was killed."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from uuid import uuid4

from ticketing.actions.generate import Order
from ticketing.actions.missing import is_over
from ticketing.domain.errors import Refused
from ticketing.domain.events import Event
from ticketing.domain.progress import estimated_completion
from ticketing.store import audit, batch_holders, batches, events, issued, job_tickets, missing
from ticketing.store.batches import Batch, BatchState
from ticketing.store.database import Database
from ticketing.store.issued import BatchFailure, BatchTicket

EXPECTED = "expected"  # among a batch's options: how many people it is about, before it begins


class UnknownBatch(Refused):
    """No batch has that id."""

    status = HTTPStatus.NOT_FOUND


class BatchOfAnotherEvent(Refused):
    """The batch id was used for another event."""

    status = HTTPStatus.CONFLICT


@dataclass(frozen=True, slots=True)
class Progress:
    """A batch as it stands; `processed` are those with a PDF, skipped or failed."""

    batch: Batch
    total: int
    processed: int
    estimated_completion: datetime | None


@dataclass(frozen=True, slots=True)
class Taken:
    """A batch taken on: `order` is what to carry out, None when there is nothing left to do.

    `hold` keeps others from believing the batch abandoned; close it when the batch has ended.
    """

    batch: Batch
    total: int
    order: Order | None
    hold: ExitStack


def take_on(database: Database, event: Event, order: Order, *, priority: str) -> Taken:
    """Open the batch, or find it: one that is under way or done is not begun again."""
    key = order.key or f"batch-{uuid4()}"
    total = _expected(database, event, order)
    with ExitStack() as stack, database.transaction() as connection:
        known = batches.find(connection, key)
        if known is not None and known.event_id != event.id:
            raise BatchOfAnotherEvent(f"batch {key!r} belongs to another event", batch=key)
        if known is not None and known.state in {BatchState.PROCESSING, BatchState.COMPLETED}:
            return Taken(known, _total(known), None, ExitStack())
        batch = batches.open_batch(
            connection, key=key, event=event, template_id=event.template_id,
            options=order.options(), by=order.by, at=order.at, priority=priority,
        )  # fmt: skip
        batches.note(connection, batch.id, {EXPECTED: total})
        batches.resume(connection, batch.id)
        audit.record(
            connection, actor=order.by, action="tickets.order", event_id=event.id, subject=key,
            items=total, details={"job_id": batch.id, "priority": priority},
        )  # fmt: skip
        stack.enter_context(batch_holders.held(database, batch.id))
        return Taken(batch, total, replace(order, key=key), stack.pop_all())


def _expected(database: Database, event: Event, order: Order) -> int:
    """How many people the batch will turn out to be about, counted as issuing counts them."""
    if order.guest_ids is not None:
        return len(set(order.guest_ids))
    with database.transaction() as connection:
        gap = missing.gap(connection, event.id, over=is_over(event, order.at))
    return gap.missing + gap.has_ticket


def progress(database: Database, batch_key: str, *, at: datetime) -> Progress:
    """How far a batch is."""
    batch = _batch(database, batch_key)
    with database.transaction() as connection:
        printed = job_tickets.printed(connection, batch.id)
    total = _total(batch)
    processed = min(total, printed + batch.skipped_count + batch.failed_count)
    estimate = None
    if batch.state is BatchState.PROCESSING:
        estimate = estimated_completion(
            started_at=batch.started_at, at=at, processed=processed, total=total
        )
    return Progress(batch, total, processed, estimate)


def tickets_of(
    database: Database, batch: Batch, *, limit: int, offset: int
) -> Sequence[BatchTicket]:
    """A page of the tickets that the batch issued."""
    with database.transaction() as connection:
        return issued.of_batch(connection, batch.id, limit=limit, offset=offset)


def failures_of(
    database: Database, batch: Batch, *, limit: int, offset: int
) -> Sequence[BatchFailure]:
    """A page of what the batch could not do."""
    with database.transaction() as connection:
        return issued.failures_of_batch(connection, batch.id, limit=limit, offset=offset)


def end_abandoned(database: Database, *, at: datetime) -> int:
    """End as failed what a killed process left claiming to be under way; how many these were."""
    with database.transaction() as connection:
        return sum(
            len(batch_holders.close_abandoned(connection, event.id, at=at))
            for event in events.everything(connection)
        )


def cancel(database: Database, batch: Batch, *, at: datetime) -> None:
    """End a batch that was taken on and never begun."""
    with database.transaction() as connection:
        batches.close(connection, batch.id, state=BatchState.CANCELLED, at=at)


def _batch(database: Database, batch_key: str) -> Batch:
    with database.transaction() as connection:
        batch = batches.find(connection, batch_key)
    if batch is None:
        raise UnknownBatch(f"no batch has the id {batch_key!r}", batch=batch_key)
    return batch


def _total(batch: Batch) -> int:
    expected = batch.options.get(EXPECTED)
    return batch.total_count or (expected if isinstance(expected, int) else 0)
