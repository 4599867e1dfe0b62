"""Counts of HTTP requests, and the registry that metrics are added to."""

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from math import inf
from threading import Lock
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, generate_latest

from ticketing.platform.db.web_process_queries import RequestSeries, RequestTotal
from ticketing.platform.kernel.errors import TicketingError

TICKET_CACHE_SECONDS = 10
T = TypeVar("T")
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, inf)


class Metrics:
    """The metrics of one service in their own registry, and counts of requests. Thread-safe."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counts: dict[RequestSeries, RequestTotal] = {}
        self._lock = Lock()

    def observe(self, method: str, route: str, code: int, seconds: float) -> None:
        """Count a completed request; `code` is its status, 0 if it has no response."""
        bound = REQUEST_BUCKETS[bisect_left(REQUEST_BUCKETS, seconds)]
        series = RequestSeries(method, route, str(code), bound)
        self.put_back({series: RequestTotal(1, seconds)})

    def take_counts(self) -> dict[RequestSeries, RequestTotal]:
        """Return the requests counted since the last call."""
        with self._lock:
            counts, self._counts = self._counts, {}
        return counts

    def put_back(self, counts: Mapping[RequestSeries, RequestTotal]) -> None:
        """Add counts to those of this process."""
        with self._lock:
            for series, more in counts.items():
                known = self._counts.get(series, RequestTotal())
                self._counts[series] = RequestTotal(
                    known.requests + more.requests, known.seconds + more.seconds
                )

    def render(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class CachedValue(Generic[T]):
    """A value that is computed again when it is older than `seconds`."""

    def __init__(
        self, fetch: Callable[[], T], initial: T, *, seconds: float = TICKET_CACHE_SECONDS
    ) -> None:
        self._ask, self._seconds = fetch, seconds
        self._asked_at = float("-inf")
        self._known = initial

    def get(self) -> T:
        """Return the value, refreshed when it is too old; the old one when refreshing fails."""
        at = time.monotonic()
        if at - self._asked_at >= self._seconds:
            try:
                self._known = self._ask()
            except TicketingError:
                return self._known
            self._asked_at = at
        return self._known
