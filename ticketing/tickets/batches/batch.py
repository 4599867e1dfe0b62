"""A batch under way: opened, held while its process lives, and ended as what it was.

When a batch under way will be done, as far as anybody can tell.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Unavailable
from ticketing.tickets.batches import lock_queries, queries
from ticketing.tickets.batches.queries import Batch, BatchState


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """Who asks for what, when. The same key again is the same batch."""

    key: str
    by: str
    at: datetime
    options: Mapping[str, object] = field(default_factory=dict)
    dagster_run_id: str | None = None
    notify_organiser: bool = False  # nobody watches it: the organiser is told how it ended


@contextmanager
def running_batch(database: Database, event: Event, spec: BatchSpec) -> Iterator[Batch]:
    """Open or take up a batch, and end it as completed, failed or cancelled.

    Batches that a killed process left claiming to be under way are ended first.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        with database.transaction() as connection:
            lock_queries.fail_abandoned_batches(connection, event.id, at=spec.at)
            batch = queries.get_or_create_batch(
                connection,
                key=spec.key,
                event=event,
                template_id=event.template_id,
                options=spec.options,
                by=spec.by,
                at=spec.at,
                dagster_run_id=spec.dagster_run_id,
            )
            queries.resume(connection, batch.id)
            # held before anybody else can see it
            stack.enter_context(lock_queries.hold_batch_lock(database, batch.id))
        state = BatchState.FAILED
        try:
            yield batch
            state = BatchState.COMPLETED
        except KeyboardInterrupt:
            state = BatchState.CANCELLED
            raise
        finally:
            ended = spec.at + timedelta(seconds=time.monotonic() - began)
            # with the database away the batch stays open, and the next attempt takes it up
            with suppress(Unavailable), database.transaction() as connection:
                closed = queries.close_batch(connection, batch.id, state=state, at=ended)
                made = closed.rendered_count - batch.rendered_count
                if spec.notify_organiser and made + closed.failed_count:
                    _enqueue_batch_notice(connection, closed, at=ended)


def _enqueue_batch_notice(connection: Connection, batch: Batch, *, at: datetime) -> None:
    """One message each time that it ends; what it says is read when it is sent."""
    outbox.enqueue(
        connection,
        event_id=batch.event_id,
        purpose=outbox.BATCH_FINISHED,
        subject=batch.batch_key,
        recipient=outbox.ORGANISER,
        payload={},
        revision=int(at.timestamp()),
    )


DEFAULT_SECONDS_PER_TICKET = 0.05  # one core prints about twenty a second


def estimate_completion(
    *, started_at: datetime, at: datetime, processed: int, total: int
) -> datetime:
    """At the pace so far; before there is one, at the usual pace."""
    left = max(0, total - processed)
    if processed <= 0:
        return at + timedelta(seconds=left * DEFAULT_SECONDS_PER_TICKET)
    return at + (at - started_at) / processed * left
