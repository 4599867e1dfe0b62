"""Measure a sync of many students from the simulated billing API over HTTP, and a job for each.

    python -m benchmarks.payment_sync [--students 100000] [--jobs 5000] [--limit 2000]

The simulator runs as another process, answers after 20 ms and has no limit of its own. The sync
asks it at most --limit times a second; meanwhile the progress, as the page polls it, and the first
page of the list of students are read every two seconds. Then the same process does --jobs students
in the other way: a job for each student, claimed and finished in a transaction of its own, with a
counter that each job raises. Both use eight connections and check the same bodies as JSON.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
from sqlalchemy import text

from chaos.payment_sync import clock, fresh_database
from ticketing.billing.pages import student_queries
from ticketing.billing.sources.http.authorization import BillingCredentials
from ticketing.billing.sources.http.source import HttpSource
from ticketing.billing.sources.mapping.load import load_mapping
from ticketing.billing.sync.control import start_run
from ticketing.billing.sync.drive import BillingConnector, drive_next
from ticketing.billing.sync.progress import progress
from ticketing.billing.sync.progress_json import progress_to_json
from ticketing.platform.db.database import Database
from ticketing.platform.paths import TEMPLATES

CONNECTIONS, LOOK_SECONDS, PARTS = 8, 2.0, 5
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_JOBS = """
CREATE TABLE jobs (external_id TEXT PRIMARY KEY, is_reserved BOOLEAN DEFAULT false NOT NULL);
CREATE TABLE job_results (external_id TEXT PRIMARY KEY, pembayaran JSON NOT NULL);
CREATE TABLE job_counter (done BIGINT NOT NULL);
INSERT INTO job_counter VALUES (0);
"""
_RESERVE = text("""
UPDATE jobs SET is_reserved = true WHERE external_id = (
    SELECT external_id FROM jobs WHERE NOT is_reserved LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING external_id
""")
_FINISH = (
    text("INSERT INTO job_results VALUES (:id, :body)"),
    text("UPDATE job_counter SET done = done + 1"),
    text("DELETE FROM jobs WHERE external_id = :id"),
)


@contextmanager
def simulator(students: int) -> Iterator[str]:
    """Run the simulated billing API; yield its address."""
    command = [sys.executable, "-m", "simulators.billing", "--port", "0", "--rate", "0",
               "--students", str(students)]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        found = re.search(r"http://[0-9.:]+", process.stdout.readline())
        assert found is not None
        try:
            yield found[0]
        finally:
            process.terminate()


class Looks:
    """Looks at the run as the pages do, with the seconds of each look and the memory."""

    def __init__(self, database: Database, source: str) -> None:
        self._database, self._source = database, source
        self.progress: list[float] = []
        self.students: list[float] = []
        self.memory: list[float] = []
        self.ended = threading.Event()

    def work(self) -> None:
        """Look until `ended`."""
        while not self.ended.wait(LOOK_SECONDS):
            began = time.perf_counter()
            progress_to_json(progress(self._database, self._source, at=clock()), "en")
            middle = time.perf_counter()
            self._database.run(
                student_queries.list_students, self._source, search="", after_id=None
            )
            self.progress.append(middle - began)
            self.students.append(time.perf_counter() - middle)
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            self.memory.append(pages * PAGE_BYTES / 2**20)

    def print(self) -> None:
        """Print the memory in parts of the run, and how long the looks took."""
        size = max(len(self.memory) // PARTS, 1)
        means = [
            sum(part) / len(part)
            for part in (self.memory[at : at + size] for at in range(0, len(self.memory), size))
        ]
        print("  memory by part of the run, MiB:", ", ".join(f"{mean:.0f}" for mean in means))
        for name, seconds in (("progress", self.progress), ("students", self.students)):
            ordered = sorted(seconds)
            print(
                f"  {name}: median {1000 * ordered[len(ordered) // 2]:.1f} ms,"
                f" longest {1000 * ordered[-1]:.1f} ms of {len(ordered)} looks"
            )


def measure(name: str, students: int, work: Callable[[], None]) -> None:
    """Print wall and processor time of this process for each student."""
    began, cpu = time.monotonic(), time.process_time()
    work()
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    print(
        f"{name}: {students:,} students in {seconds:.1f} s, {students / seconds:.0f} a second,"
        f" {1000 * cpu / students:.2f} ms of CPU each; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def sync(database: Database, connector: BillingConnector) -> None:
    """Start and drive a run."""
    start_run(database, connector.name, limit=connector.limit, by="benchmark", at=clock())
    run = drive_next(database, connector, clock=clock)
    assert run is not None
    assert (run.succeeded, run.failed) == (run.total, 0), run


def do_jobs(database: Database, url: str) -> None:
    """Do all jobs with threads, as a queue with a job for each student does."""

    def work() -> None:
        with httpx.Client(timeout=30) as client:
            while True:
                with database.transaction() as connection:
                    student = connection.execute(_RESERVE).scalar_one_or_none()
                if student is None:
                    return
                body = client.get(f"{url}/payments/{student}").raise_for_status().text
                assert all(one["idperson"] == student for one in json.loads(body)["data"])
                with database.transaction() as connection:
                    for statement in _FINISH:
                        connection.execute(statement, {"id": student, "body": body})

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    """Run the sync, then the jobs, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--limit", type=float, default=2000)
    options = parser.parse_args()
    with simulator(options.students) as url, fresh_database() as (database, _):
        mapping = load_mapping(TEMPLATES / "billing" / "pesantren.toml", url)
        limits = mapping.limits.model_copy(update={"connections": CONNECTIONS})
        mapping = mapping.model_copy(update={"limits": limits})
        connector = BillingConnector(
            mapping.name,
            lambda gate: HttpSource(url, mapping, BillingCredentials(), gate=gate),
            limit=options.limit,
            concurrency=CONNECTIONS,
        )
        looks = Looks(database, mapping.name)
        thread = threading.Thread(target=looks.work)
        thread.start()
        measure("sync", options.students, partial(sync, database, connector))
        looks.ended.set()
        thread.join()
        looks.print()
        with database.transaction() as connection:
            connection.execute(text(_JOBS))
            connection.execute(
                text("INSERT INTO jobs SELECT external_id FROM students ORDER BY id LIMIT :jobs"),
                {"jobs": options.jobs},
            )
        measure("a job for each student", options.jobs, partial(do_jobs, database, url))


if __name__ == "__main__":
    main()
