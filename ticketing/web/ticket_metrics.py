"""Measure for Prometheus the tickets that were made, whoever made them."""

from collections.abc import Iterator, Sequence
from functools import partial

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from ticketing.store import counts
from ticketing.store.counts import Made
from ticketing.store.database import Database
from ticketing.web.metrics import Recent

GENERATION_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)


class TicketMetrics:
    """Time this service's tickets and count everybody's; the database knows the latter."""

    def __init__(self, registry: CollectorRegistry, database: Database) -> None:
        """Add the metrics to a registry."""
        registry.register(_TicketsMade(database))
        self.generation_seconds = Histogram(
            "ticket_generation_duration_seconds",
            "From being asked for a ticket to its PDF, in this service.",
            buckets=GENERATION_BUCKETS,
            registry=registry,
        )


class _TicketsMade(Collector):
    """`tickets_generated_total`, at most some seconds old."""

    def __init__(self, database: Database) -> None:
        self._made: Recent[Sequence[Made]] = Recent(partial(_made_in_all, database), ())

    def collect(self) -> Iterator[Metric]:
        """One counter with a sample for each event, template and outcome."""
        family = CounterMetricFamily(
            "tickets_generated",
            "PDFs made (generated) and attempts that failed, by every way of asking.",
            labels=("event_id", "template_id", "status"),
        )
        for made in self._made.latest():
            labels = (str(made.event_id), made.template_id, made.status)
            family.add_metric(labels, made.tickets)
        yield family


def _made_in_all(database: Database) -> Sequence[Made]:
    with database.transaction() as connection:
        return counts.made_in_all(connection)
