"""Kill a sync of payment records again and again, then let it finish, and check every count.

    python -m chaos.payment_sync [--students 5000] [--kills 10] [--seed 1]

The source is in memory; each killed process is a real one with `kill -9` at a random moment. It
fails unless every student has exactly one item, one version and one bill in the end.
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import text

from ticketing.billing.sources.contract import (
    Bill,
    FetchedRecord,
    FetchOutcome,
    ListedStudent,
    PaymentState,
)
from ticketing.billing.sync.control import start_run
from ticketing.billing.sync.drive import BillingConnector, drive_next
from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.migrate import upgrade

SOURCE, LIMIT = "school", 1500.0
CHECK = """
SELECT (SELECT count(*) FROM students), run.total, run.succeeded, run.failed,
    (SELECT count(*) FROM sync_items), (SELECT count(DISTINCT student_id) FROM sync_items
        WHERE state = 'succeeded'),
    (SELECT count(*) FROM payment_record_versions), (SELECT count(*) FROM payment_records)
FROM sync_runs AS run
"""


class MemorySource:
    """Students with one bill each, and answers at once."""

    name = SOURCE
    mapping_version = "memory"

    def __init__(self, count: int) -> None:
        self._count = count

    async def list_students(self) -> AsyncIterator[ListedStudent]:
        """Yield the students."""
        for number in range(self._count):
            yield ListedStudent(f"{number:07}", f"Siswa {number}", f"{number % 12 + 1} A")

    async def fetch_record(self, external_id: str, etag: str | None) -> FetchOutcome:  # noqa: ARG002
        """Return the record of a student."""
        bill = Bill(f"SPP:{external_id}", "SPP", "2026-07", Decimal(350_000), Decimal(0),
                    PaymentState.UNPAID, None, None)  # fmt: skip
        raw = json.dumps({"idperson": external_id, "filler": "x" * 1500})
        checksum = hashlib.sha256(raw.encode()).hexdigest()
        return FetchedRecord(external_id, raw, checksum, None, (bill,))

    async def aclose(self) -> None:
        """Have nothing to close."""


def clock() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)


@contextmanager
def fresh_database() -> Iterator[tuple[Database, str]]:
    """Start a server with a migrated database; yield the database and its address."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)  # root's server runs as somebody else
        with EmbeddedServer(Path(name)) as server:
            url = server.url().render_as_string(hide_password=False)
            database = Database.from_url(url)
            upgrade(database)
            yield database, url
            database.dispose()


def drive(url: str, students: int) -> None:
    """Drive the run that was started."""
    connector = BillingConnector(SOURCE, lambda _gate: MemorySource(students), limit=LIMIT)
    drive_next(Database.from_url(url), connector, clock=clock)


def kill_again_and_again(url: str, students: int, kills: int, chance: random.Random) -> int:
    """Start and kill drivers, then let one finish; return how many were killed at work."""
    killed = 0
    while True:
        process = subprocess.Popen(  # noqa: S603 - this module
            [
                sys.executable,
                "-m",
                "chaos.payment_sync",
                "--drive",
                url,
                "--students",
                str(students),
            ]
        )
        if killed == kills:
            process.wait()
            return killed
        time.sleep(chance.uniform(1.0, 3.0))
        killed += process.poll() is None
        process.kill()
        process.wait()


def main() -> None:
    """Run it, print the counts, and exit with 1 if one is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--drive", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        drive(options.drive, options.students)
        return
    with fresh_database() as (database, url):
        start_run(database, SOURCE, limit=LIMIT, by="chaos", at=clock())
        chance = random.Random(options.seed)  # noqa: S311 - when to kill
        killed = kill_again_and_again(url, options.students, options.kills, chance)
        with database.transaction() as connection:
            counts = tuple(connection.execute(text(CHECK)).one())
    expected = tuple(0 if place == 3 else options.students for place in range(len(counts)))  # noqa: PLR2004 - failed
    sys.stdout.write(f"killed {killed} times, load {os.getloadavg()[0]:.1f}: {counts}\n")
    sys.exit(0 if counts == expected else 1)


if __name__ == "__main__":
    main()
