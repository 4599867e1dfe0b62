"""Measure how fast a roster is imported, and the memory it takes.

    python -m benchmarks.import_roster [--rows 100000 1000000] [--runs 3]

Each size runs in its own process on a new embedded PostgreSQL with default settings (fsync on);
each run uses another event of one database. Measures a first import, the same file again, and a
file in which one row in a hundred has another seat. Prints medians and our own peak memory.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from benchmarks.issue import machine
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.migrate import upgrade
from ticketing.platform.db.tables.events import events as events_table
from ticketing.roster.import_result import ImportOptions, ImportResult
from ticketing.roster.import_roster import import_roster
from ticketing.roster.model import ImportCounts
from ticketing.roster.sources.roster_file import roster_file

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
HEADER = "NIM;Nama Lengkap;Email;No HP;Jenis Tiket;Kursi\r\n"
DOMAINS = ["mail.example.ac.id", "example.org", "students.example.edu"]


def write_roster(path: Path, rows: int, *, moved: bool) -> None:
    """Write rows as an Indonesian campus exports them: phones without zero, unordered ids."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.write(HEADER)
        file.writelines(";".join(row) + "\r\n" for row in roster_rows(rows, moved=moved))


def roster_rows(rows: int, *, moved: bool) -> Iterator[list[str]]:
    """Yield the cells of each person."""
    for number in range(rows):
        nim = 10_000_000 + number * 7919 % 10_000_019
        seat = f"B{number}" if moved and number % 100 == 0 else f"A{number}"
        address = f"budi.{nim}@{DOMAINS[number % 3]}"
        phone = f"81{20_000_000 + number}"
        yield [str(nim), f"Budi Santoso {number}", address, phone, "Wisudawan", seat]


def new_event(database: Database, slug: str) -> Event:
    """Create an event without guests."""
    starts_at = NOW + timedelta(days=22)
    with database.transaction() as connection:
        connection.execute(
            insert(events_table).values(
                slug=slug, name=slug, starts_at=starts_at, ends_at=starts_at, region="ID",
                time_zone="Asia/Jakarta", locale="id", venue="",
            )
        )  # fmt: skip
        return event_queries.get(connection, slug)


def imported(database: Database, event: Event, path: Path) -> ImportResult:
    """Import a file as the command line does."""
    return import_roster(
        database, event, roster_file(path), options=ImportOptions(), at=NOW, by="bench"
    )


def measure(folder: Path, rows: int, runs: int) -> None:
    """Measure all three imports for `runs` new events."""
    first, changed = folder / "first.csv", folder / "changed.csv"
    write_roster(first, rows, moved=False)
    write_roster(changed, rows, moved=True)
    expected = {
        "first import": (first, ImportCounts(inserted=rows)),
        "the same again": (first, ImportCounts(unchanged=rows)),
        "1 % changed": (changed, ImportCounts(updated=rows // 100, unchanged=rows - rows // 100)),
    }
    rates: dict[str, list[float]] = {name: [] for name in expected}
    with EmbeddedServer(folder / "pg") as server:
        database = Database.from_url(server.url())
        upgrade(database)
        for run in range(runs):
            event = new_event(database, f"run-{run}")
            for name, (path, counts) in expected.items():
                result = imported(database, event, path)
                assert result.counts == counts
                rates[name].append(rows / result.seconds)
        database.dispose()
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    medians = "  ".join(f"{name} {statistics.median(r):>7,.0f}/s" for name, r in rates.items())
    print(f"{rows:>9,} rows  {medians}  peak {peak_mib:.0f} MiB  ({runs} runs)", flush=True)


def main() -> None:
    """Measure each size in its own process, so that memory peaks are separate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    if len(arguments.rows) == 1:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), arguments.rows[0], arguments.runs)
        return
    print(machine(), flush=True)
    for rows in arguments.rows:
        command = [sys.executable, "-m", "benchmarks.import_roster", "--rows", str(rows)]
        subprocess.run([*command, "--runs", str(arguments.runs)], check=True)  # noqa: S603 - ourselves


if __name__ == "__main__":
    main()
