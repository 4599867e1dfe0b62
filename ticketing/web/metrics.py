"""What Prometheus is told. Tickets are counted in the database, whoever made them."""

import time
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from ticketing.domain.errors import TicketingError
from ticketing.store import counts
from ticketing.store.counts import Made
from ticketing.store.database import Database

ASKED_EVERY_SECONDS = 10
GENERATION_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """One service's metrics, in a registry of their own."""

    def __init__(self, database: Database) -> None:
        """Everything at nought."""
        self.registry = CollectorRegistry()
        self.registry.register(_TicketsMade(database))
        self.generation_seconds = Histogram(
            "ticket_generation_duration_seconds",
            "From being asked for a ticket to its PDF, in this service.",
            buckets=GENERATION_BUCKETS,
            registry=self.registry,
        )
        self.requests = Counter(
            "ticketing_http_requests_total",
            "Requests answered.",
            ("method", "route", "code"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "ticketing_http_request_duration_seconds",
            "From a request's head to the end of its answer.",
            ("method", "route"),
            buckets=REQUEST_BUCKETS,
            registry=self.registry,
        )

    def text(self) -> bytes:
        """The exposition, as Prometheus' text format."""
        return generate_latest(self.registry)


class _TicketsMade(Collector):
    """`tickets_generated_total`, at most some seconds old."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked_at = float("-inf")
        self._made: Sequence[Made] = ()

    def collect(self) -> Iterator[Metric]:
        """One counter with a sample for each event, template and outcome."""
        family = CounterMetricFamily(
            "tickets_generated",
            "PDFs made (generated) and attempts that failed, by every way of asking.",
            labels=("event_id", "template_id", "status"),
        )
        for made in self._latest():
            labels = (str(made.event_id), made.template_id, made.status)
            family.add_metric(labels, made.tickets)
        yield family

    def _latest(self) -> Sequence[Made]:
        at = time.monotonic()
        if at - self._asked_at >= ASKED_EVERY_SECONDS:
            try:
                with self._database.transaction() as connection:
                    self._made = counts.made_in_all(connection)
            except TicketingError:
                return self._made  # a scrape shows what is known when the database is away
            self._asked_at = at
        return self._made
