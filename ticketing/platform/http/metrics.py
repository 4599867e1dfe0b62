"""Prometheus metrics of HTTP requests, and the registry that other metrics are added to."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from ticketing.platform.kernel.errors import TicketingError

TICKET_CACHE_SECONDS = 10
T = TypeVar("T")
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The metrics of one service, in their own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ticketing_http_requests_total",
            "Completed requests.",
            ("method", "route", "code"),
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "ticketing_http_request_duration_seconds",
            "Time from the request header to the end of the response.",
            ("method", "route"),
            buckets=REQUEST_BUCKETS,
            registry=self.registry,
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
