"""Prometheus counter of the scans at gates."""

from collections.abc import Iterator, Mapping
from functools import partial

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from ticketing.checkin import count_queries
from ticketing.platform.db.database import Database
from ticketing.platform.http.metrics import CachedValue

COUNTED_EVERY_SECONDS = 10


class CheckInCollector(Collector):
    """Counts the recorded scans, cached for some seconds."""

    def __init__(self, database: Database) -> None:
        """Read the database when a scrape finds the cached values expired."""
        self._counts = CachedValue[Mapping[tuple[str, str], int]](
            partial(database.run, count_queries.count_by_verdict), {},
            seconds=COUNTED_EVERY_SECONDS,
        )  # fmt: skip

    def collect(self) -> Iterator[Metric]:
        """Yield the number of scans by direction and verdict."""
        scans = CounterMetricFamily(
            "ticket_scans", "Scans of tickets at gates.", labels=("direction", "verdict")
        )
        for (direction, verdict), number in self._counts.get().items():
            scans.add_metric([direction, verdict], number)
        yield scans
