"""Batches of ticket generation, their log, and the tickets of a job.

`details` hold ids and counts, never a name, token or phone number, because they are also logged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    cast,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from ticketing.events.model import Event
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.tickets import batches, generated_tickets, ticket_generation_logs
from ticketing.platform.kernel.errors import Refused

# the same log as the table, for log files
_LOG = structlog.stdlib.get_logger("ticketing.batches")


TEMPLATE_OPTION = "template"  # option of a batch: the template that its request chose


class BatchState(StrEnum):
    """State of a batch; an ended one can be continued with the same key."""

    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch. `id` is the job id of its tickets and log entries."""

    id: int
    batch_key: str
    event_id: int
    state: BatchState
    template_id: str
    priority: str
    options: Mapping[str, object]
    total_count: int
    created_count: int
    rendered_count: int
    skipped_count: int
    failed_count: int
    requested_by: str
    dagster_run_id: str | None
    started_at: datetime
    completed_at: datetime | None
    dismissed_at: datetime | None

    @property
    def chosen_template(self) -> str | None:
        """Return the template that its request chose, None for the event's own."""
        chosen = self.options.get(TEMPLATE_OPTION)
        return chosen if isinstance(chosen, str) else None


COLUMNS = columns_of(Batch, batches)  # without the guests, who may be 100,000


def batch_from_row(row: RowMapping) -> Batch:
    """Return the batch from a row of `COLUMNS`."""
    return Batch(**{**row, "state": BatchState(row["state"])})


def get_or_create_batch(
    connection: Connection,
    *,
    key: str,
    event: Event,
    template_id: str,
    options: Mapping[str, object],
    by: str,
    at: datetime,
    dagster_run_id: str | None = None,
    priority: str = "normal",
) -> Batch:
    """Return the batch of that key, created if needed. It may be another event's."""
    connection.execute(
        upsert(batches)
        .values(
            batch_key=key,
            event_id=event.id,
            template_id=template_id,
            priority=priority,
            options=dict(options),
            requested_by=by,
            dagster_run_id=dagster_run_id,
            started_at=at,
        )
        .on_conflict_do_nothing(index_elements=["batch_key"])
    )
    batch = find_by_key(connection, key)
    if batch is None:
        raise Refused(f"batch {key!r} has just been deleted")
    return batch


def find_by_key(connection: Connection, key: str) -> Batch | None:
    """Return the batch of that key, or None."""
    return _find(connection, batches.c.batch_key == key)


def find_by_id(connection: Connection, job_id: int) -> Batch | None:
    """Return the batch of that job id, or None."""
    return _find(connection, batches.c.id == job_id)


def _find(connection: Connection, condition: ColumnElement[bool]) -> Batch | None:
    row = connection.execute(select(*COLUMNS).where(condition)).mappings().one_or_none()
    return None if row is None else batch_from_row(row)


def mark_started(connection: Connection, job_id: int, *, total: int, skipped: int) -> Batch:
    """Set the total and log the start; a continued batch keeps its count of created tickets."""
    row = connection.execute(
        update(batches)
        .where(batches.c.id == job_id)
        .values(
            state=BatchState.PROCESSING,
            completed_at=None,
            total_count=total,
            skipped_count=0,
            failed_count=0,
        )
        .returning(*COLUMNS)
    ).mappings()
    batch = batch_from_row(row.one())
    totals = {"total": total, "skipped": skipped}
    log_status(connection, job_id=job_id, event_id=batch.event_id, status="started", details=totals)
    return batch


def resume(connection: Connection, job_id: int) -> None:
    """Mark an ended batch as processing again, with its counts unchanged."""
    connection.execute(
        update(batches)
        .where(batches.c.id == job_id)
        .values(state=BatchState.PROCESSING, completed_at=None, dismissed_at=None)
    )


def merge_options(connection: Connection, job_id: int, options: Mapping[str, object]) -> None:
    """Add to the options of a batch, for when it is continued."""
    query = update(batches).where(batches.c.id == job_id)
    connection.execute(query.values(options=batches.c.options + cast(dict(options), JSONB)))


def add_counts(
    connection: Connection,
    job_id: int,
    *,
    created: int = 0,
    rendered: int = 0,
    skipped: int = 0,
    failed: int = 0,
) -> None:
    """Add to the counts, in the transaction that did the work."""
    connection.execute(
        update(batches)
        .where(batches.c.id == job_id)
        .values(
            created_count=batches.c.created_count + created,
            rendered_count=batches.c.rendered_count + rendered,
            skipped_count=batches.c.skipped_count + skipped,
            failed_count=batches.c.failed_count + failed,
        )
    )


def close_batch(connection: Connection, job_id: int, *, state: BatchState, at: datetime) -> Batch:
    """End a batch and log its counts; a second call has no effect."""
    ended = connection.execute(
        update(batches)
        .where(batches.c.id == job_id, batches.c.state == BatchState.PROCESSING)
        .values(state=state, completed_at=at)
    ).rowcount
    batch = find_by_id(connection, job_id)
    if batch is None:
        raise Refused(f"no batch has the job id {job_id}")
    if ended:
        log_status(
            connection,
            job_id=job_id,
            event_id=batch.event_id,
            status=state,
            details={
                "total": batch.total_count,
                "created": batch.created_count,
                "rendered": batch.rendered_count,
                "skipped": batch.skipped_count,
                "failed": batch.failed_count,
            },
        )
    return batch


def log_status(
    connection: Connection,
    *,
    job_id: int,
    event_id: int,
    status: str,
    details: Mapping[str, object] | None = None,
) -> None:
    """Add an entry to the log of a job."""
    _LOG.info(f"tickets {status}", job_id=job_id, event_id=event_id, **(details or {}))
    connection.execute(
        insert(ticket_generation_logs).values(
            job_id=job_id,
            event_id=event_id,
            status=status,
            message="",
            details=dict(details or {}),
        )
    )


def log_failure(
    connection: Connection,
    *,
    job_id: int,
    event_id: int,
    guest_id: int | None,
    ticket_id: int | None,
    message: str,
    details: Mapping[str, object] | None = None,
) -> None:
    """Add a failed ticket to the log of a job, by ids."""
    ids = {"job_id": job_id, "event_id": event_id, "guest_id": guest_id, "ticket_id": ticket_id}
    _LOG.warning("ticket failed", **ids, error=message)
    connection.execute(
        insert(ticket_generation_logs).values(
            **ids, status="failed", message=message, details=dict(details or {})
        )
    )


def record_totals(connection: Connection, job_id: int, *, total: int, failed: int) -> None:
    """Set the counts of a batch that has done everything; what it did not change was skipped."""
    done = func.least(batches.c.rendered_count, total - failed)
    connection.execute(
        update(batches)
        .where(batches.c.id == job_id)
        .values(total_count=total, failed_count=failed, skipped_count=total - failed - done)
    )


def count_issued(connection: Connection, job_id: int) -> int:
    """Return the number of tickets that the job has issued."""
    query = select(func.count()).where(generated_tickets.c.job_id == job_id)
    return connection.execute(query).scalar_one()


def list_guest_ids(connection: Connection, job_id: int) -> list[int]:
    """Return the guests with tickets of the job, each once."""
    query = (
        select(generated_tickets.c.guest_id)
        .where(generated_tickets.c.job_id == job_id)
        .order_by(generated_tickets.c.guest_id)
        .distinct()
    )
    return list(connection.execute(query).scalars())


def count_failures_by_message(
    connection: Connection, job_id: int, *, limit: int = 5
) -> list[tuple[str, int]]:
    """Return the most frequent failure messages of a job with their counts."""
    query = (
        select(ticket_generation_logs.c.message, func.count().label("times"))
        .where(
            ticket_generation_logs.c.job_id == job_id, ticket_generation_logs.c.status == "failed"
        )
        .group_by(ticket_generation_logs.c.message)
        .order_by(func.count().desc(), ticket_generation_logs.c.message)
        .limit(limit)
    )
    return [(message, times) for message, times in connection.execute(query)]
