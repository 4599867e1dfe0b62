"""Prometheus gauges of the sync of payment records."""

from collections.abc import Iterator, Sequence
from functools import partial

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ticketing.monitoring import billing_queries
from ticketing.monitoring.billing_queries import SyncFigures
from ticketing.platform.db.database import Database
from ticketing.platform.http.metrics import CachedValue

COUNTED_EVERY_SECONDS = 30  # the query looks at every student


class BillingCollector(Collector):
    """Collects the figures of each source, cached for some seconds."""

    def __init__(self, database: Database) -> None:
        """Read the database when a scrape finds the cached values expired."""
        self._figures = CachedValue[Sequence[SyncFigures]](
            partial(database.run, billing_queries.list_sync_figures), (),
            seconds=COUNTED_EVERY_SECONDS,
        )  # fmt: skip

    def collect(self) -> Iterator[Metric]:
        """Yield students of the last run by state and class of failure, pace and ages."""
        by_state = _gauge("payment_sync_students", "Students of the last sync by state.", "state")
        by_class = _gauge("payment_sync_failures", "Failures of the last sync by class.", "failure")
        pace = _gauge("payment_sync_pace", "Requests a second that the source is asked.")
        completed = _gauge(
            "payment_sync_last_completed_timestamp_seconds",
            "When a sync was last completed; 0 if none was.",
        )
        oldest = _gauge(
            "payment_records_oldest_timestamp_seconds",
            "When the oldest record of a present student was confirmed; 0 if one never was.",
        )
        for one in self._figures.get():
            for state in ("succeeded", "failed", "open"):
                by_state.add_metric([one.source, state], getattr(one, state))
            for name, count in one.failures.items():
                by_class.add_metric([one.source, name], count)
            pace.add_metric([one.source], one.rate)
            completed.add_metric(
                [one.source], one.completed_at.timestamp() if one.completed_at else 0
            )
            known = one.oldest is not None and not one.never_fetched
            oldest.add_metric([one.source], one.oldest.timestamp() if known and one.oldest else 0)
        yield from (by_state, by_class, pace, completed, oldest)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=("source", *labels))
