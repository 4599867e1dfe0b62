"""Tests of batches: found by key, counted, and ended once."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.tickets import ticket_generation_logs
from ticketing.platform.kernel.errors import Refused
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.batches.batch import BatchOfAnotherEvent, BatchSpec, running_batch
from ticketing.tickets.batches.queries import Batch, BatchState


@pytest.fixture
def batch(database: Database, event: Event, now: datetime) -> Batch:
    """Create a batch requested by Dagster."""
    with database.transaction() as connection:
        return batch_queries.get_or_create_batch(
            connection,
            key="batch-789",
            event=event,
            template_id="classic",
            options={"limit": 500},
            by="siti",
            at=now,
            dagster_run_id="0af1",
            priority="high",
        )


def test_a_new_batch_is_processing_with_zero_counts(batch: Batch, event: Event) -> None:
    assert (batch.state, batch.event_id, batch.completed_at) == (
        BatchState.PROCESSING,
        event.id,
        None,
    )
    assert (batch.options, batch.priority, batch.dagster_run_id) == ({"limit": 500}, "high", "0af1")
    assert (batch.total_count, batch.created_count, batch.failed_count) == (0, 0, 0)


def test_the_same_key_is_the_same_batch(
    database: Database, event: Event, batch: Batch, now: datetime
) -> None:
    with database.transaction() as connection:
        again = batch_queries.get_or_create_batch(
            connection,
            key="batch-789",
            event=event,
            template_id="other",
            options={},
            by="budi",
            at=now + timedelta(hours=1),
        )

    assert again == batch


def test_a_key_of_another_event_is_refused(
    *, database: Database, other_event: Event, batch: Batch, now: datetime
) -> None:
    spec = BatchSpec(key=batch.batch_key, by="siti", at=now)

    with (
        pytest.raises(BatchOfAnotherEvent, match="belongs to another event than 'reuni-2026'"),
        running_batch(database, other_event, spec),
    ):
        pass


def test_an_unknown_key_finds_nothing(database: Database) -> None:
    with database.transaction() as connection:
        assert batch_queries.find_by_key(connection, "batch-1") is None
        assert batch_queries.find_by_id(connection, 1) is None


def test_counts_add_up(database: Database, batch: Batch) -> None:
    with database.transaction() as connection:
        batch_queries.add_counts(connection, batch.id, created=3, failed=1)
        batch_queries.add_counts(connection, batch.id, rendered=2, skipped=4)
        counted = batch_queries.find_by_key(connection, "batch-789")

    assert counted is not None
    assert (counted.created_count, counted.rendered_count) == (3, 2)
    assert (counted.skipped_count, counted.failed_count) == (4, 1)


@pytest.mark.parametrize("state", [BatchState.COMPLETED, BatchState.FAILED, BatchState.CANCELLED])
def test_a_batch_ends_once(
    database: Database, batch: Batch, now: datetime, state: BatchState
) -> None:
    later = now + timedelta(minutes=1)
    with database.transaction() as connection:
        batch_queries.add_counts(connection, batch.id, created=3)
        ended = batch_queries.close_batch(connection, batch.id, state=state, at=later)
        again = batch_queries.close_batch(connection, batch.id, state=BatchState.FAILED, at=now)
        history = connection.execute(
            select(ticket_generation_logs.c.status, ticket_generation_logs.c.details)
        ).all()

    assert (ended.state, ended.completed_at) == (state, later)
    assert again == ended
    assert history == [
        (state, {"total": 0, "created": 3, "rendered": 0, "skipped": 0, "failed": 0})
    ]


def test_a_batch_begun_again_is_processing_again(
    database: Database, batch: Batch, now: datetime
) -> None:
    with database.transaction() as connection:
        batch_queries.add_counts(connection, batch.id, created=3, failed=2)
        batch_queries.close_batch(connection, batch.id, state=BatchState.FAILED, at=now)
        begun = batch_queries.mark_started(connection, batch.id, total=5, skipped=0)

    assert (begun.state, begun.completed_at) == (BatchState.PROCESSING, None)
    assert (begun.total_count, begun.created_count, begun.failed_count) == (5, 3, 0)


def test_a_failure_is_logged_by_ids(database: Database, event: Event, batch: Batch) -> None:
    with database.transaction() as connection:
        batch_queries.log_failure(
            connection,
            job_id=batch.id,
            event_id=event.id,
            guest_id=12,
            ticket_id=None,
            message="on hold",
            details={"attempt": 2},
        )
        line = connection.execute(select(ticket_generation_logs)).mappings().one()

    assert (line["status"], line["guest_id"], line["ticket_id"]) == ("failed", 12, None)
    assert (line["message"], line["details"]) == ("on hold", {"attempt": 2})


def test_ending_an_unknown_batch_is_refused(database: Database, now: datetime) -> None:
    with database.transaction() as connection, pytest.raises(Refused, match="job id 77"):
        batch_queries.close_batch(connection, 77, state=BatchState.FAILED, at=now)
