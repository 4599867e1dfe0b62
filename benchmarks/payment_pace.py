"""Measure how much of a source's limit a sync of payment records uses, and its memory.

    python -m benchmarks.payment_pace [--students 5000] [--limit 500] [--limiter bucket|window]

The source is in memory, answers after 20 ms, and refuses with `Retry-After: 1` what its limiter
does not let through: a token bucket of a tenth of a second, or a window of a second. Printed are
the requests a second that went through between the first and the last one, as a share of the limit,
the refusals, and the memory of the process in parts of the run.
"""

import argparse
import asyncio
import os
import threading
import time
from pathlib import Path

from chaos.payment_sync import SOURCE, MemorySource, clock, fresh_database
from ticketing.billing.sources.contract import FailedFetch, FailureClass, FetchOutcome
from ticketing.billing.sync.control import start_run
from ticketing.billing.sync.drive import BillingConnector, drive_next

LATENCY_SECONDS, MEMORY_SECONDS = 0.02, 2.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class LimitedSource(MemorySource):
    """A source with a limiter."""

    def __init__(self, students: int, limit: float, *, has_window: bool) -> None:
        super().__init__(students)
        self._limit, self._has_window = limit, has_window
        self._tokens, self._at, self._window = limit / 10, time.monotonic(), (0, 0)
        self.passed: list[float] = []
        self.refused = 0

    async def fetch_record(self, external_id: str, etag: str | None) -> FetchOutcome:
        """Return a record, or refuse."""
        if not self._lets_through():
            self.refused += 1
            return FailedFetch(external_id, FailureClass.THROTTLED, "429", retry_after=1.0)
        self.passed.append(time.monotonic())
        await asyncio.sleep(LATENCY_SECONDS)
        return await super().fetch_record(external_id, etag)

    def _lets_through(self) -> bool:
        now = time.monotonic()
        if self._has_window:
            second, count = self._window
            self._window = (int(now), count + 1 if second == int(now) else 1)
            return self._window[1] <= self._limit
        most = max(self._limit / 10, 1.0)
        self._tokens = min(most, self._tokens + (now - self._at) * self._limit)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def watch_memory(ended: threading.Event) -> None:
    """Print the resident memory every two seconds."""
    while not ended.wait(MEMORY_SECONDS):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        print(f"  memory {pages * PAGE_BYTES / 2**20:.1f} MiB", flush=True)


def main() -> None:
    """Run one sync and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=5000)
    parser.add_argument("--limit", type=float, default=500)
    parser.add_argument("--limiter", choices=("bucket", "window"), default="bucket")
    options = parser.parse_args()
    source = LimitedSource(options.students, options.limit, has_window=options.limiter == "window")
    connector = BillingConnector(SOURCE, lambda _gate: source, limit=options.limit)
    ended = threading.Event()
    with fresh_database() as (database, _):
        start_run(database, SOURCE, limit=options.limit, by="benchmark", at=clock())
        threading.Thread(target=watch_memory, args=[ended]).start()
        began, cpu = time.monotonic(), time.process_time()
        run = drive_next(database, connector, clock=clock)
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
        ended.set()
    assert run is not None
    rate = (len(source.passed) - 1) / (source.passed[-1] - source.passed[0])
    print(
        f"{run.succeeded} of {run.total} in {seconds:.1f} s: {rate:.1f} requests a second,"
        f" {rate / options.limit:.1%} of the limit, {source.refused} refused,"
        f" {1000 * cpu / run.total:.2f} ms of CPU each; load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
