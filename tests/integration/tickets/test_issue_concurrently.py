"""Tests of concurrent and killed issuers: each guest gets exactly one ticket."""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from subprocess import PIPE

import pytest
from sqlalchemy import func, select

from tests.plugins.processes import ForkedProcess
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.tickets.missing import count_missing_tickets

AddGuests = Callable[..., list[int]]
NewJob = Callable[..., int]

ISSUER = """
import os, signal, sys
import psycopg
from datetime import datetime
from ticketing.platform.db.database import Database
from ticketing.events import queries as event_queries
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.crypto.keyring import KeyRing

url, job_id, at, where, when = sys.argv[1:]
calls = {"draw": 0, "write": 0, "progress": 0}

def die_at(place):
    calls[place] += 1
    if place == where and calls[place] == int(when):
        os.kill(os.getpid(), signal.SIGKILL)

def randomness(length):
    die_at("draw")
    return os.urandom(length)

send = psycopg.Copy.write

def write(copy, block):
    send(copy, block)
    die_at("write")

psycopg.Copy.write = write

database = Database.from_url(url)
with database.transaction() as connection:
    event = event_queries.get(connection, "wisuda-2026")
issue_tickets(
    database, event, keys=KeyRing(bytes(range(32))), job_id=int(job_id),
    at=datetime.fromisoformat(at), by="operator", chunk=50,
    randomness=randomness, on_progress=lambda _: die_at("progress"),
)
"""


@pytest.fixture
def tickets_by_person(database: Database) -> Callable[[], set[int]]:
    """Return a function that reads the set of live ticket counts per guest."""

    def count_them() -> set[int]:
        query = select(func.count(generated_tickets.c.id)).group_by(
            generated_tickets.c.entitlement_id
        )
        with database.transaction() as connection:
            return set(connection.execute(query).scalars())

    return count_them


@pytest.fixture
def start_issuer(
    database_url: str, now: datetime, start_script: Callable[..., ForkedProcess]
) -> Callable[..., ForkedProcess]:
    """Return a function that starts an issuer process, which may kill itself at a step."""

    def start(job_id: int, where: str = "nowhere", when: int = 0) -> ForkedProcess:
        arguments = [database_url, str(job_id), now.isoformat(), where, str(when)]
        return start_script(ISSUER, *arguments, stderr=PIPE)

    return start


def test_issuers_in_threads_share_the_work(
    *,
    database: Database,
    event: Event,
    add_guests: AddGuests,
    new_job: NewJob,
    keys: KeyRing,
    now: datetime,
    tickets_by_person: Callable[[], set[int]],
) -> None:
    add_guests(event, 400)
    jobs = [new_job(event) for _ in range(4)]

    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(
                issue_tickets,
                database,
                event,
                keys=keys,
                job_id=job,
                at=now,
                by="operator",
                chunk=7,
            )
            for job in jobs
        ]
        results = [run.result() for run in runs]

    assert sum(result.created for result in results) == 400
    assert [result.failed for result in results] == [0] * 4
    assert tickets_by_person() == {1}


def test_concurrent_issuers_of_the_same_guests_issue_each_ticket_once(
    *,
    database: Database,
    event: Event,
    add_guests: AddGuests,
    new_job: NewJob,
    keys: KeyRing,
    now: datetime,
    tickets_by_person: Callable[[], set[int]],
) -> None:
    guest_ids = add_guests(event, 100)
    jobs = [new_job(event) for _ in range(4)]

    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(
                issue_tickets, database, event, keys=keys, job_id=job, at=now, by="operator",
                guest_ids=guest_ids, chunk=7,
            )
            for job in jobs
        ]  # fmt: skip
        results = [run.result() for run in runs]

    assert sum(result.created for result in results) == 100
    assert sum(result.skipped for result in results) == 300
    assert tickets_by_person() == {1}


@pytest.mark.slow
def test_issuers_in_processes_share_the_work(
    *,
    database: Database,
    event: Event,
    add_guests: AddGuests,
    new_job: NewJob,
    now: datetime,
    start_issuer: Callable[..., ForkedProcess],
    tickets_by_person: Callable[[], set[int]],
) -> None:
    add_guests(event, 1000)

    issuers = [start_issuer(new_job(event)) for _ in range(2)]

    assert [issuer.communicate()[1] for issuer in issuers] == ["", ""]
    assert count_missing_tickets(database, event, at=now) == 0
    assert tickets_by_person() == {1}


@pytest.mark.parametrize(
    ("step", "when", "stored_count"),
    [
        pytest.param("draw", 1, 0, id="before the first ticket is written"),
        pytest.param("write", 3, 100, id="in the middle of the third chunk"),
        pytest.param("progress", 1, 50, id="right after the first chunk"),
        pytest.param("progress", 4, 200, id="right after the last chunk"),
    ],
)
@pytest.mark.kill
def test_a_killed_run_is_completed_by_the_next(
    *,
    database: Database,
    event: Event,
    add_guests: AddGuests,
    job_id: int,
    now: datetime,
    start_issuer: Callable[..., ForkedProcess],
    tickets_by_person: Callable[[], set[int]],
    step: str,
    when: int,
    stored_count: int,
) -> None:
    add_guests(event, 200)

    killed = start_issuer(job_id, step, when)
    killed.communicate()
    left = count_missing_tickets(database, event, at=now)
    again = start_issuer(job_id)
    again.communicate()

    assert (killed.returncode, again.returncode) == (-signal.SIGKILL, 0)
    assert left == 200 - stored_count
    assert count_missing_tickets(database, event, at=now) == 0
    assert tickets_by_person() == {1}
    with database.transaction() as connection:
        batch = batch_queries.find_by_id(connection, job_id)
    assert batch is not None
    assert (batch.total_count, batch.created_count, batch.skipped_count) == (200, 200, 0)
