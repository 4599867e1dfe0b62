"""Run a batch: open it, lock it while the process runs, record its end, estimate completion."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Conflict, Unavailable
from ticketing.tickets.batches import lock_queries, queries, repair_queries
from ticketing.tickets.batches.queries import Batch, BatchState


class BatchCancelled(BaseException):
    """The process is told to stop between two chunks; the batch can be continued.

    Not an `Exception`, so that no handler of one ticket's failure catches it.
    """


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """Parameters of a batch. A repeated key continues the same batch."""

    key: str
    by: str
    at: datetime
    options: Mapping[str, object] = field(default_factory=dict)
    guest_ids: Sequence[int] | None = None  # None: all missing
    dagster_run_id: str | None = None
    notify_organiser: bool = False  # the organiser gets a message when it ends


class BatchOfAnotherEvent(Conflict):
    """The batch id was used for another event."""


class BatchOfAnotherRequest(Conflict):
    """The batch id was used for a request with other guests or options."""


def require_same_request(batch: Batch, event: Event, options: Mapping[str, object]) -> None:
    """Refuse to continue a batch of another event, or with other options."""
    key = batch.batch_key
    if batch.event_id != event.id:
        message = f"batch {key!r} belongs to another event than {event.slug!r}"
        raise BatchOfAnotherEvent(message, batch=key)
    changed = [name for name, value in options.items() if batch.options.get(name) != value]
    if changed:
        raise BatchOfAnotherRequest(
            f"batch {key!r} was requested with other {', '.join(changed)};"
            " repeat it unchanged, or use another batch id",
            batch=key,
        )


@contextmanager
def hold_batch(database: Database, job_id: int) -> Iterator[None]:
    """Lock a committed batch, and mark it as processing.

    The lock belongs to a session of its own. A transaction that waited for it would be part of a
    deadlock that PostgreSQL cannot detect, so none is open here, and the row is marked afterwards:
    another process may have failed the batch as abandoned before it was locked.
    """
    with lock_queries.hold_batch_lock(database, job_id):
        with database.transaction() as connection:
            queries.resume(connection, job_id)
        yield


@contextmanager
def running_batch(database: Database, event: Event, spec: BatchSpec) -> Iterator[Batch]:
    """Open or continue a batch, and end it as completed, failed or cancelled.

    Batches of killed processes that are still marked as processing are failed first.
    """
    began = time.monotonic()
    batch = _open_batch(database, event, spec)
    with hold_batch(database, batch.id):
        state = BatchState.FAILED
        try:
            yield batch
            state = BatchState.COMPLETED
        except BaseException as error:
            if not isinstance(error, Exception):  # cancelled, interrupted or exited from outside
                state = BatchState.CANCELLED
            raise
        finally:
            ended = spec.at + timedelta(seconds=time.monotonic() - began)
            # without a database the batch stays open, and the next attempt continues it
            with suppress(Unavailable), database.transaction() as connection:
                closed = queries.close_batch(connection, batch.id, state=state, at=ended)
                made = closed.rendered_count - batch.rendered_count
                if spec.notify_organiser and made + closed.failed_count:
                    _enqueue_batch_notice(connection, closed, at=ended)


def _open_batch(database: Database, event: Event, spec: BatchSpec) -> Batch:
    with database.transaction() as connection:
        lock_queries.fail_abandoned_batches(connection, event.id, at=spec.at)
        batch = queries.get_or_create_batch(
            connection,
            key=spec.key,
            event=event,
            template_id=str(spec.options.get(queries.TEMPLATE_OPTION) or event.template_id),
            options=spec.options,
            by=spec.by,
            at=spec.at,
            dagster_run_id=spec.dagster_run_id,
        )
    require_same_request(batch, event, spec.options)
    if spec.guest_ids is not None:
        database.run(repair_queries.store_guest_ids, batch.id, spec.guest_ids)
    return batch


def _enqueue_batch_notice(connection: Connection, batch: Batch, *, at: datetime) -> None:
    """Queue a message about the end of a batch; its content is read when it is sent."""
    outbox.enqueue(
        connection,
        event_id=batch.event_id,
        purpose=outbox.BATCH_FINISHED,
        subject=batch.batch_key,
        recipient=outbox.ORGANISER,
        payload={},
        revision=int(at.timestamp()),
    )


DEFAULT_SECONDS_PER_TICKET = 0.05  # one core renders about 20 per second


def estimate_completion(
    *, started_at: datetime, at: datetime, processed: int, total: int
) -> datetime:
    """Estimate the end from the speed so far, or from the usual speed at the start."""
    left = max(0, total - processed)
    if processed <= 0:
        return at + timedelta(seconds=left * DEFAULT_SECONDS_PER_TICKET)
    return at + (at - started_at) / processed * left
