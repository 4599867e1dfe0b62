"""Measure the answers to scans: ten phones, an event with 100,000 tickets, then a burst of batches.

    python -m benchmarks.check_in [--tickets 100000] [--scans 5000] [--phones 10]

Runs `ticketing serve` on a new embedded PostgreSQL with default settings (fsync on). Each phone
scans without a pause on one connection, every tenth time a ticket that another phone has scanned.
Then the phones send as many scans again in batches of 200, as after an outage. Prints the times of
answers and the size of the gate pack.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

import httpx
from sqlalchemy import select

from benchmarks.issue import KEYS, NOW, create_guests, machine
from ticketing.access.caller import Role
from ticketing.access.keys.key_queries import add_key
from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.migrate import upgrade
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.issuing.issue import issue_tickets

EVENT, PORT = "arena", 18_472
BATCH = 200
MASTER_SECRET = bytes(range(32)).hex()  # that of `KEYS`


def prepare(database: Database, size: int, phones: int) -> tuple[list[str], list[str]]:
    """Issue the tickets; return the texts of their QR codes, and a key for each phone."""
    with database.transaction() as connection:
        event = create_guests(connection, EVENT, size)
        batch = batch_queries.get_or_create_batch(
            connection,
            key=EVENT,
            event=event,
            template_id="classic",
            options={},
            by="bench",
            at=NOW,
        )
    issued_at = datetime.now(UTC)
    issue_tickets(database, event, keys=KEYS, job_id=batch.id, at=issued_at, by="bench")
    with database.transaction() as connection:
        texts = list(connection.execute(select(generated_tickets.c.qr_code_data)).scalars())
    keys = [
        add_key(
            database, name=f"Gate {number}", role=Role.GATE, by="bench", event_ids=[event.id]
        ).secret
        for number in range(phones)
    ]
    return texts, keys


def scan(number: int, key: str, texts: Sequence[str]) -> list[float]:
    """Scan tickets one after the other; return the seconds of each answer."""
    seconds = []
    with httpx.Client(headers={"X-API-Key": key}, timeout=60) as phone:
        for place, text in enumerate(texts):
            body = {"eventId": EVENT, "nonce": f"phone{number}-{place:08}", "code": text}
            began = time.perf_counter()
            phone.post(f"http://127.0.0.1:{PORT}/api/checkins", json=body).raise_for_status()
            seconds.append(time.perf_counter() - began)
    return seconds


def send_batches(number: int, key: str, texts: Sequence[str]) -> int:
    """Send scans that were made without network; return how many."""
    scans = [
        {"nonce": f"late{number}-{place:08}", "code": text, "offline": True}
        for place, text in enumerate(texts)
    ]
    with httpx.Client(headers={"X-API-Key": key}, timeout=600) as phone:
        for start in range(0, len(scans), BATCH):
            body = {"eventId": EVENT, "scans": scans[start : start + BATCH]}
            phone.post(f"http://127.0.0.1:{PORT}/api/checkins/batch", json=body).raise_for_status()
    return len(scans)


def measure(texts: list[str], keys: list[str], scans: int) -> None:
    """Scan, send batches, fetch the pack; print the figures."""
    draw = random.Random(1)
    draw.shuffle(texts)
    each = scans // len(keys)
    shared = texts[: each // 10]
    own = [
        [*texts[(number + 1) * each : (number + 2) * each - len(shared)], *shared]
        for number in range(len(keys))
    ]
    with ThreadPoolExecutor(len(keys)) as phones:
        began = time.perf_counter()
        seconds = [one for part in phones.map(scan, range(len(keys)), keys, own) for one in part]
        rate = len(seconds) / (time.perf_counter() - began)
        cuts = [1000 * cut for cut in quantiles(seconds, n=100)]
        print(f"{len(seconds):,} scans, {len(keys)} phones without a pause: {rate:,.0f}/s;"
              f" p50 {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms, p99 {cuts[98]:.1f} ms")  # fmt: skip
        late = texts[-scans:]
        parts = [late[number :: len(keys)] for number in range(len(keys))]
        began = time.perf_counter()
        sent = sum(phones.map(send_batches, range(len(keys)), keys, parts))
        print(
            f"{sent:,} scans in batches of {BATCH}: {sent / (time.perf_counter() - began):,.0f}/s"
        )
    for names in (False, True):
        began = time.perf_counter()
        pack = httpx.get(
            f"http://127.0.0.1:{PORT}/api/events/{EVENT}/gate-pack", timeout=60,
            params={"names": names}, headers={"X-API-Key": keys[0]},
        )  # fmt: skip
        print(f"gate pack{' with names' if names else ''}: {len(pack.content) / 1e6:.1f} MB,"
              f" {time.perf_counter() - began:.2f} s")  # fmt: skip


def main() -> None:
    """Print the machine and the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=100_000)
    parser.add_argument("--scans", type=int, default=5_000)
    parser.add_argument("--phones", type=int, default=10)
    asked = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder, EmbeddedServer(Path(folder)) as server:
        database = Database.from_url(server.url())
        upgrade(database)
        texts, keys = prepare(database, asked.tickets, asked.phones)
        database.dispose()
        environment = os.environ | {
            "DATABASE_URL": server.url().render_as_string(hide_password=False),
            "TICKETING_MASTER_SECRET": MASTER_SECRET,
            "TICKETING_DATA": f"{folder}/data",
            "WEB_REQUESTS_A_MINUTE": "1000000",
        }
        command = [sys.executable, "-m", "ticketing", "serve", "--quiet", "--port", str(PORT)]
        web = subprocess.Popen(command, env=environment)  # noqa: S603 - ourselves
        try:
            wait_for_service()
            measure(texts, keys, asked.scans)
        finally:
            web.terminate()
            web.wait()


def wait_for_service() -> None:
    """Wait until the web service answers."""
    for _ in range(300):
        try:
            httpx.get(f"http://127.0.0.1:{PORT}/health").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the web service does not answer")


if __name__ == "__main__":
    main()
