"""Prometheus metrics of generated tickets."""

from collections.abc import Iterator, Sequence
from functools import partial

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ticketing.platform.db.database import Database
from ticketing.platform.http.metrics import CachedValue
from ticketing.tickets.rendering import duration_queries
from ticketing.tickets.rendering.duration_queries import DurationHistogram
from ticketing.tickets.reports import queries as report_queries
from ticketing.tickets.reports.queries import GenerationCount


class TicketCollector(Collector):
    """Collects numbers and durations of tickets, of all processes, cached for some seconds."""

    def __init__(self, database: Database) -> None:
        """Read the database when a scrape finds the cached values expired."""
        self._durations = CachedValue[DurationHistogram](
            partial(database.run, duration_queries.fetch), DurationHistogram((), 0.0, 0)
        )
        self._counts = CachedValue[Sequence[GenerationCount]](
            partial(database.run, report_queries.count_generated_by_template), ()
        )

    def collect(self) -> Iterator[Metric]:
        """Yield a counter by event, template and outcome, and the histogram of durations."""
        family = CounterMetricFamily(
            "tickets_generated",
            "PDFs generated and failed attempts, by all interfaces.",
            labels=("event_id", "template_id", "status"),
        )
        for made in self._counts.get():
            labels = (str(made.event_id), made.template_id, made.status)
            family.add_metric(labels, made.tickets)
        yield family
        durations = self._durations.get()
        histogram = HistogramMetricFamily(
            "ticket_generation_duration_seconds", "Time to render and write the PDF of a ticket."
        )
        if durations.buckets:
            histogram.add_metric([], durations.buckets, durations.seconds)
        yield histogram
        in_full = CounterMetricFamily(
            "tickets_rendered_in_full",
            "PDFs that were not stamped, which takes hundreds of times longer.",
        )
        in_full.add_metric([], durations.in_full)
        yield in_full
