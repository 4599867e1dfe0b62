"""Tests of the work queue: one holder for each row, and no claim of a dead process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    Table,
    Text,
    insert,
    select,
    text,
)

from ticketing.platform.db.database import Database
from ticketing.platform.db.work_queue import WorkQueue

LEASE = timedelta(minutes=5)
JOBS = Table(
    "jobs",
    MetaData(),
    Column("id", BigInteger, primary_key=True),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("busy_until", DateTime(timezone=True)),
    Column("busy_by", Integer),
    Column("attempts", Integer, nullable=False, server_default="0"),
)
QUEUE = WorkQueue(
    table=JOBS,
    is_open=JOBS.c.state == "waiting",
    lease=LEASE,
    claimed_until=JOBS.c.busy_until,
    claimed_by=JOBS.c.busy_by,
    attempt_count=JOBS.c.attempts,
)
HOLDER = """
import sys, time
from datetime import datetime
sys.path.insert(0, sys.argv[3])
from ticketing.platform.db.database import Database
from test_work_queue import claim

database = Database.from_url(sys.argv[1])
with database.transaction() as connection:
    claim(connection, datetime.fromisoformat(sys.argv[2]))
print("claimed", flush=True)
time.sleep(600)
"""

pytestmark = pytest.mark.usefixtures("fresh_database_url")


def claim(connection: Connection, at: datetime, limit: int = 10) -> list[int]:
    """Claim the oldest jobs; return their ids."""
    due = select(JOBS.c.id).where(QUEUE.is_claimable(at)).order_by(JOBS.c.id).limit(limit)
    return [row.id for row in QUEUE.claim(connection, due, at=at)]


@pytest.fixture
def jobs(database: Database, database_url: str) -> str:
    """Create a table of three jobs; return the database's address."""
    with database.transaction() as connection:
        JOBS.create(connection)
        connection.execute(insert(JOBS), [{"id": number} for number in (1, 2, 3)])
    return database_url


@pytest.fixture
def other_process(jobs: str, now: datetime) -> Iterator[subprocess.Popen[str]]:
    """Start a process that claims all jobs and keeps running."""
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", HOLDER, jobs, now.isoformat(), here]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        yield process
        process.kill()


@pytest.fixture
def row(database: Database) -> Callable[[int], tuple[object, ...]]:
    """Return a function that reads state, end of the claim and attempts of a job."""

    def find(job_id: int) -> tuple[object, ...]:
        query = select(JOBS.c.state, JOBS.c.busy_until, JOBS.c.attempts)
        with database.transaction() as connection:
            return tuple(connection.execute(query.where(JOBS.c.id == job_id)).one())

    return find


@pytest.mark.usefixtures("jobs")
def test_each_row_is_claimed_once_even_by_many_at_once(database: Database, now: datetime) -> None:
    def claim_one(_: int) -> list[int]:
        with database.transaction() as connection:
            return claim(connection, now, limit=1)

    with ThreadPoolExecutor(8) as pool:
        claimed = [job_id for ids in pool.map(claim_one, range(12)) for job_id in ids]

    assert sorted(claimed) == [1, 2, 3]


@pytest.mark.usefixtures("jobs")
def test_a_living_process_keeps_its_claim_until_the_lease_ends(
    database: Database, now: datetime
) -> None:
    second = timedelta(seconds=1)
    rounds = []
    for at in (now, now + LEASE - second, now + LEASE):
        with database.transaction() as connection:
            rounds.append(claim(connection, at))

    assert rounds == [[1, 2, 3], [], [1, 2, 3]]


def test_another_process_keeps_its_claim_as_long_as_it_lives(
    other_process: subprocess.Popen[str], database: Database, now: datetime
) -> None:
    with database.transaction() as connection:
        assert claim(connection, now + timedelta(seconds=1)) == []
    assert other_process.poll() is None


def test_the_claims_of_a_killed_process_are_taken_over_within_seconds(
    other_process: subprocess.Popen[str], database: Database, now: datetime,
    row: Callable[[int], tuple[object, ...]],
) -> None:  # fmt: skip
    os.kill(other_process.pid, signal.SIGKILL)
    other_process.wait()

    claimed, deadline = list[int](), time.monotonic() + 10
    while not claimed and time.monotonic() < deadline:
        with database.transaction() as connection:
            claimed = claim(connection, now + timedelta(seconds=1))
        time.sleep(0.02)

    assert claimed == [1, 2, 3]
    assert row(1) == ("waiting", now + timedelta(seconds=1) + LEASE, 2)


@pytest.mark.usefixtures("jobs")
def test_a_process_that_lost_its_session_claims_under_another_number(
    database: Database, now: datetime
) -> None:
    hang_up = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'ticketing lease holder' AND datname = current_database()"
    )
    with database.transaction() as connection:
        first = claim(connection, now)
    with database.transaction() as connection:
        connection.execute(text(hang_up))
    time.sleep(0.2)

    with database.transaction() as connection:
        again = claim(connection, now)
    with database.transaction() as connection:
        third = claim(connection, now)

    assert (first, again, third) == ([1, 2, 3], [1, 2, 3], [])


@pytest.mark.usefixtures("jobs")
def test_an_ended_claim_can_be_taken_at_once_or_when_it_was_postponed_to(
    database: Database, now: datetime, row: Callable[[int], tuple[object, ...]]
) -> None:
    minute = timedelta(minutes=1)
    with database.transaction() as connection:
        claim(connection, now)
        open_before = [
            QUEUE.end_claim(connection, 1),
            QUEUE.end_claim(connection, 2, until=now + minute),
            QUEUE.end_claim(connection, 3, {"state": "done"}),
            QUEUE.end_claim(connection, 3, {"state": "failed"}),
        ]
        at_once, later = claim(connection, now), claim(connection, now + minute)

    assert open_before == [True, True, True, False]
    assert (at_once, later) == ([1], [2])
    assert row(3) == ("done", None, 1)


@pytest.mark.usefixtures("jobs")
def test_a_postponed_row_stays_postponed_when_its_last_holder_dies(
    database: Database, now: datetime
) -> None:
    with database.transaction() as connection:
        claim(connection, now)
        QUEUE.end_claim(connection, 2, until=now + timedelta(minutes=1))
    database.dispose()

    with database.transaction() as connection:
        assert claim(connection, now) == [1, 3]


@pytest.mark.usefixtures("jobs")
def test_one_row_is_claimed_by_its_id(database: Database, now: datetime) -> None:
    with database.transaction() as connection:
        first = QUEUE.claim_row(connection, 2, JOBS.c.id, JOBS.c.attempts, at=now)
        second = QUEUE.claim_row(connection, 2, JOBS.c.id, at=now)
        others = claim(connection, now)

    assert first is not None
    assert (tuple(first), second, others) == ((2, 1), None, [1, 3])
