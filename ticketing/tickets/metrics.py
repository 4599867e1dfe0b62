"""Prometheus metrics of generated tickets."""

from collections.abc import Iterator, Sequence
from functools import partial

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from ticketing.platform.db.database import Database
from ticketing.platform.http.metrics import CachedValue
from ticketing.tickets.reports import queries as report_queries
from ticketing.tickets.reports.queries import GenerationCount

GENERATION_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)


class TicketMetrics:
    """Durations of this service's tickets, and counts of all tickets from the database."""

    def __init__(self, registry: CollectorRegistry, database: Database) -> None:
        registry.register(_GeneratedTicketsCollector(database))
        self.generation_seconds = Histogram(
            "ticket_generation_duration_seconds",
            "Time from the request for a ticket to its PDF, in this service.",
            buckets=GENERATION_BUCKETS,
            registry=registry,
        )


class _GeneratedTicketsCollector(Collector):
    """Collects `tickets_generated_total` from the database, cached for some seconds."""

    def __init__(self, database: Database) -> None:
        self._counts = CachedValue[Sequence[GenerationCount]](
            partial(database.run, report_queries.count_generated_by_template), ()
        )

    def collect(self) -> Iterator[Metric]:
        """Yield one counter with a sample for each event, template and outcome."""
        family = CounterMetricFamily(
            "tickets_generated",
            "PDFs generated and failed attempts, by all interfaces.",
            labels=("event_id", "template_id", "status"),
        )
        for made in self._counts.get():
            labels = (str(made.event_id), made.template_id, made.status)
            family.add_metric(labels, made.tickets)
        yield family
