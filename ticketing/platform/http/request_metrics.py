"""Prometheus metrics of the requests that all processes of the web service have answered."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import inf

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ticketing.platform.db.database import Database
from ticketing.platform.db.web_process_queries import (
    RequestSeries,
    RequestTotal,
    add_request_counts,
    list_request_counts,
)
from ticketing.platform.http.metrics import REQUEST_BUCKETS, Metrics
from ticketing.platform.kernel.errors import TicketingError

Totals = Sequence[tuple[RequestSeries, RequestTotal]]


class RequestCollector(Collector):
    """Collects the shared counts. While the database is unavailable, those of the last time."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database, self._metrics = database, metrics
        self._known: Totals = []

    def share(self) -> None:
        """Add what this process has counted. Raises Unavailable, and keeps the counts then."""
        counts = self._metrics.take_counts()
        if not counts:
            return
        try:
            self._database.run(add_request_counts, counts)
        except TicketingError:
            self._metrics.put_back(counts)
            raise

    def collect(self) -> Iterator[Metric]:
        """Yield the number of requests by result, and a histogram of their time."""
        try:
            self.share()
            self._known = self._database.run(list_request_counts)
        except TicketingError:
            pass  # Prometheus would take an error for the end of the service
        yield _requests(self._known)
        yield _request_seconds(self._known)

    def describe(self) -> list[Metric]:
        """Return the metrics without values; asking the database at registration would be early."""
        return [_requests([]), _request_seconds([])]


def _requests(totals: Totals) -> CounterMetricFamily:
    found: Counter[tuple[str, str, str]] = Counter()
    for series, total in totals:
        found[series.method, series.route, series.code] += total.requests
    family = CounterMetricFamily(
        "ticketing_http_requests_total", "Completed requests.", labels=("method", "route", "code")
    )
    for labels, count in found.items():
        family.add_metric(labels, count)
    return family


def _request_seconds(totals: Totals) -> HistogramMetricFamily:
    buckets: defaultdict[tuple[str, str], Counter[float]] = defaultdict(Counter)
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    for series, total in totals:
        labels = series.method, series.route
        buckets[labels][series.at_most] += total.requests
        seconds[labels] += total.seconds
    family = HistogramMetricFamily(
        "ticketing_http_request_duration_seconds",
        "Time from the request header to the end of the response.",
        labels=("method", "route"),
    )
    for labels, found in buckets.items():
        sums = accumulate(found[bound] for bound in REQUEST_BUCKETS)
        rows = [(_label(b), count) for b, count in zip(REQUEST_BUCKETS, sums, strict=True)]
        family.add_metric(labels, rows, seconds[labels])
    return family


def _label(bound: float) -> str:
    return "+Inf" if bound == inf else str(float(bound))
