"""Tests of the batch lock: a batch is processing while its process lives, and ends once."""

import os
import signal
from collections.abc import Callable, Iterator
from datetime import datetime
from subprocess import PIPE

import pytest
from sqlalchemy import make_url

from tests.plugins.processes import ForkedProcess
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.batches.batch import BatchCancelled, BatchSpec, running_batch
from ticketing.tickets.batches.queries import BatchState

# a deadlock ends as an error instead of a hanging test
NO_LONG_WAIT = {"options": "-c lock_timeout=10s"}
WORK = """
import sys, time
from datetime import UTC, datetime
from ticketing.platform.db.database import Database
from ticketing.events import queries as event_queries
from ticketing.tickets.batches.batch import running_batch
from ticketing.tickets.batches.batch import BatchSpec

database = Database.from_url(sys.argv[1])
with database.transaction() as connection:
    event = event_queries.get(connection, "wisuda-2026")
with running_batch(database, event, BatchSpec(key="other", by="t", at=datetime.now(UTC))):
    print("under way", flush=True)
    time.sleep(120)
"""


@pytest.fixture
def batch_spec(now: datetime) -> BatchSpec:
    """Return the specification of a batch called `ours`."""
    return BatchSpec(key="ours", by="test", at=now)


@pytest.fixture
def worker(
    event: Event,  # noqa: ARG001 - its event
    database_url: str,
    start_script: Callable[..., ForkedProcess],
) -> Iterator[ForkedProcess]:
    """Start a process that works on a batch called `other`."""
    process = start_script(WORK, database_url, stdout=PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "under way\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def state_of(database: Database, key: str) -> BatchState:
    with database.transaction() as connection:
        batch = batch_queries.find_by_key(connection, key)
    assert batch is not None
    return batch.state


def test_a_batch_is_processing_inside_the_lock_and_completed_after_it(
    database: Database, event: Event, batch_spec: BatchSpec
) -> None:
    with running_batch(database, event, batch_spec):
        assert state_of(database, "ours") is BatchState.PROCESSING

    assert state_of(database, "ours") is BatchState.COMPLETED


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (RuntimeError, BatchState.FAILED),
        (BatchCancelled, BatchState.CANCELLED),
        (SystemExit, BatchState.CANCELLED),
    ],
)
def test_an_error_fails_a_batch_and_an_interrupt_cancels_it(
    database: Database,
    event: Event,
    batch_spec: BatchSpec,
    error: type[BaseException],
    state: BatchState,
) -> None:
    with pytest.raises(error), running_batch(database, event, batch_spec):
        raise error

    assert state_of(database, "ours") is state


@pytest.mark.usefixtures("worker")
def test_a_new_batch_leaves_a_running_one_unchanged(
    database: Database, event: Event, batch_spec: BatchSpec
) -> None:
    with running_batch(database, event, batch_spec):
        assert state_of(database, "other") is BatchState.PROCESSING


def test_a_batch_of_a_killed_process_is_ended_by_the_next_batch(
    database: Database, event: Event, batch_spec: BatchSpec, worker: ForkedProcess
) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()

    with running_batch(database, event, batch_spec):
        assert state_of(database, "other") is BatchState.FAILED


def test_the_key_of_a_killed_batch_continues_it(
    database_url: str, event: Event, worker: ForkedProcess, now: datetime
) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    impatient = Database.from_url(make_url(database_url).update_query_dict(NO_LONG_WAIT))

    with running_batch(impatient, event, BatchSpec(key="other", by="test", at=now)):
        assert state_of(impatient, "other") is BatchState.PROCESSING

    assert state_of(impatient, "other") is BatchState.COMPLETED
    impatient.dispose()


@pytest.mark.usefixtures("worker")
def test_two_processes_may_share_a_batch(database: Database, event: Event, now: datetime) -> None:
    with running_batch(database, event, BatchSpec(key="other", by="test", at=now)) as batch:
        assert batch.batch_key == "other"
