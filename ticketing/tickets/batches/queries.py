"""Batches of ticket generation and their log: the story of a job, in ids and counts.

Never a name, a token or a phone number: `details` are read by whoever reads logs.

The tickets of one job: whose they are, how many are printed, and why others are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog
from sqlalchemy import Connection, RowMapping, cast, func, insert, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from ticketing.events.model import Event
from ticketing.platform.db.tables.tickets import batches, generated_tickets, ticket_generation_logs
from ticketing.platform.kernel.errors import Refused

# the same story for whoever follows a file instead of a table
_LOG = structlog.stdlib.get_logger("ticketing.batches")


class BatchState(StrEnum):
    """A batch is processing until it ended; the same key may set it going again."""

    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Batch:
    """One order to generate tickets. `id` is the job id on every ticket and log line."""

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


def _batch_from_row(row: RowMapping) -> Batch:
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
    """The batch of that key, made when there is none: asking twice changes nothing."""
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
    if batch is None or batch.event_id != event.id:
        raise Refused(f"batch {key!r} belongs to another event than {event.slug!r}")
    return batch


def find_by_key(connection: Connection, key: str) -> Batch | None:
    """The batch of that key."""
    query = select(*batches.c).where(batches.c.batch_key == key)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _batch_from_row(row)


def find_by_id(connection: Connection, job_id: int) -> Batch | None:
    """The batch of that job id."""
    query = select(*batches.c).where(batches.c.id == job_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _batch_from_row(row)


def mark_started(connection: Connection, job_id: int, *, total: int, skipped: int) -> Batch:
    """Set the total and log the start; a batch begun again keeps count of what it has created."""
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
        .returning(*batches.c)
    ).mappings()
    batch = _batch_from_row(row.one())
    totals = {"total": total, "skipped": skipped}
    log_status(connection, job_id=job_id, event_id=batch.event_id, status="started", details=totals)
    return batch


def resume(connection: Connection, job_id: int) -> None:
    """Set an ended batch going again with its counts as they are: another step adds to them."""
    connection.execute(
        update(batches)
        .where(batches.c.id == job_id)
        .values(state=BatchState.PROCESSING, completed_at=None)
    )


def merge_options(connection: Connection, job_id: int, options: Mapping[str, object]) -> None:
    """Keep something with the batch's options, for when it is begun again."""
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
    """Count what was just done, in the transaction that did it."""
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
    """End the batch and log its counts; closing it twice logs once."""
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
            details=_counts(batch),
        )
    return batch


def _counts(batch: Batch) -> dict[str, object]:
    return {
        "total": batch.total_count,
        "created": batch.created_count,
        "rendered": batch.rendered_count,
        "skipped": batch.skipped_count,
        "failed": batch.failed_count,
    }


def log_status(
    connection: Connection,
    *,
    job_id: int,
    event_id: int,
    status: str,
    message: str = "",
    details: Mapping[str, object] | None = None,
) -> None:
    """Add one line to a job's story."""
    _LOG.info(f"tickets {status}", job_id=job_id, event_id=event_id, **(details or {}))
    connection.execute(
        insert(ticket_generation_logs).values(
            job_id=job_id,
            event_id=event_id,
            status=status,
            message=message,
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
    """Add the failure of one person's ticket, by ids."""
    _LOG.warning(
        "ticket failed",
        job_id=job_id,
        event_id=event_id,
        guest_id=guest_id,
        ticket_id=ticket_id,
        why=message,
    )
    connection.execute(
        insert(ticket_generation_logs).values(
            job_id=job_id,
            event_id=event_id,
            guest_id=guest_id,
            ticket_id=ticket_id,
            status="failed",
            message=message,
            details=dict(details or {}),
        )
    )


def count_rendered(connection: Connection, job_id: int) -> int:
    """How many tickets that the job issued have a PDF."""
    query = select(func.count()).where(
        generated_tickets.c.job_id == job_id, generated_tickets.c.generated_at.is_not(None)
    )
    return connection.execute(query).scalar_one()


def list_guest_ids(connection: Connection, job_id: int) -> list[int]:
    """The people whose tickets the job issued, each once."""
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
    """Why a job's tickets failed, and how many for each reason: the most frequent ones."""
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
