"""Measure how fast tickets are signed and written, and the memory it takes.

    python -m benchmarks.issue [--people 10000 100000] [--runs 3]

Each size runs in its own process on a new embedded PostgreSQL with default settings (fsync on);
each run uses another event of one database. Prints medians and our own peak memory.
"""

import argparse
import logging
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import Connection, insert, literal, select
from sqlalchemy import func as sql

from ticketing.crypto.keyring import KeyRing
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.migrate import upgrade
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events as events_table
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.issuing.issue import issue_tickets

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
KEYS = KeyRing(bytes(range(32)))


def create_guests(connection: Connection, slug: str, size: int) -> Event:
    """Create an event with `size` entitled guests."""
    starts_at = NOW + timedelta(days=22)
    connection.execute(
        insert(events_table).values(
            slug=slug, name=slug, starts_at=starts_at, ends_at=starts_at, time_zone="Asia/Jakarta",
            locale="id", venue="", region="ID",
        )
    )  # fmt: skip
    event = event_queries.get(connection, slug)
    kind = connection.execute(
        insert(ticket_types).values(event_id=event.id, name="Guest").returning(ticket_types.c.id)
    ).scalar_one()
    number = sql.generate_series(1, size).column_valued("number")
    key = sql.concat("id:", number)
    connection.execute(
        insert(guests).from_select(
            ["event_id", "natural_key", "full_name"], select(literal(event.id), key, key)
        )
    )
    connection.execute(
        insert(entitlements).from_select(
            ["event_id", "guest_id", "ticket_type_id"],
            select(guests.c.event_id, guests.c.id, literal(kind)).where(
                guests.c.event_id == event.id
            ),
        )
    )
    return event


def tickets_per_second(database: Database, slug: str, size: int) -> float:
    """Issue all tickets of a new event and return tickets per second."""
    with database.transaction() as connection:
        event = create_guests(connection, slug, size)
        batch = batch_queries.get_or_create_batch(
            connection, key=slug, event=event, template_id="classic", options={}, by="bench", at=NOW
        )
    began = time.perf_counter()
    result = issue_tickets(database, event, keys=KEYS, job_id=batch.id, at=NOW, by="bench")
    seconds = time.perf_counter() - began
    assert result.created == size
    return size / seconds


def measure_size(size: int, runs: int) -> None:
    """Run all measurements of one size in this process."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder)) as server:
        database = Database.from_url(server.url())
        upgrade(database)
        rates = [tickets_per_second(database, f"run-{run}", size) for run in range(runs)]
        database.dispose()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    each = ", ".join(f"{rate:,.0f}" for rate in rates)
    print(
        f"{size:>9,} people: {statistics.median(rates):>7,.0f} tickets/s (median of {each});",
        end=" ",
    )
    print(f"peak memory {peak:.0f} MiB", flush=True)


def machine() -> str:
    """Return a description of the machine."""
    models = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    name = models[0].split(":")[1].strip() if models else platform.processor()
    return (
        f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    )


def main() -> None:
    """Print the machine, then one line per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    if len(asked.people) == 1:
        measure_size(asked.people[0], asked.runs)
        return
    print(machine(), flush=True)
    for size in asked.people:
        again = [sys.executable, "-m", "benchmarks.issue", "--runs", str(asked.runs)]
        subprocess.run([*again, "--people", str(size)], check=True)  # noqa: S603 - ourselves


if __name__ == "__main__":
    main()
