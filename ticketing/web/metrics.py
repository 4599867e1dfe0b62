"""What Prometheus is told. What was made is counted in the database, whoever made it."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ticketing.actions.gauge_vouchers import Gauges, gauges
from ticketing.domain.errors import TicketingError
from ticketing.store import counts
from ticketing.store.counts import Made
from ticketing.store.database import Database

ASKED_EVERY_SECONDS = 10
GAUGED_EVERY_SECONDS = 30  # every purchase there ever was is looked at
GENERATION_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)
T = TypeVar("T")
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """One service's metrics, in a registry of their own."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        """Everything at nought."""
        self.registry = CollectorRegistry()
        self.registry.register(_TicketsMade(database))
        self.registry.register(_Vouchers(database, clock))
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


class Recent(Generic[T]):
    """What the database was asked for, at most some seconds ago."""

    def __init__(
        self, ask: Callable[[], T], first: T, *, seconds: float = ASKED_EVERY_SECONDS
    ) -> None:
        """`first` is known before anything was asked."""
        self._ask, self._seconds = ask, seconds
        self._asked_at = float("-inf")
        self._known = first

    def latest(self) -> T:
        """What is known, asked for anew when it is old and the database is there."""
        at = time.monotonic()
        if at - self._asked_at >= self._seconds:
            try:
                self._known = self._ask()
            except TicketingError:
                return self._known
            self._asked_at = at
        return self._known


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


class _Vouchers(Collector):
    """How vouchers, routers and messages stand, at most some seconds ago."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._gauges = Recent(
            lambda: gauges(database, at=clock()), Gauges(), seconds=GAUGED_EVERY_SECONDS
        )

    def collect(self) -> Iterator[Metric]:
        """A family of gauges each; what is not known has no sample."""
        known = self._gauges.latest()
        yield _by(
            "vouchers_total",
            "Vouchers there are or were, by state.",
            ("state",),
            (((state,), number) for state, number in known.vouchers.items()),
        )
        yield _by(
            "voucher_purchases_total",
            "Purchases of vouchers, by state.",
            ("state",),
            (((state,), number) for state, number in known.purchases.items()),
        )
        yield _by(
            "deliveries_total",
            "Messages of every purpose, by channel and state.",
            ("channel", "state"),
            known.deliveries.items(),
        )
        yield _by(
            "router_up",
            "Whether a router answered when it was last asked.",
            ("router",),
            (((name,), int(is_up)) for name, is_up in known.routers.items()),
        )
        yield _by(
            "voucher_loss_ratio",
            "Vouchers paid for in the last seven days and never handed over, of those due.",
            (),
            [] if known.loss_rate is None else [((), known.loss_rate)],
        )
        yield _by(
            "voucher_oldest_waiting_seconds",
            "Since the payment of the voucher that waits longest; nought when none waits.",
            (),
            [((), self._waited(known))],
        )

    def _waited(self, known: Gauges) -> float:
        since = known.oldest_waiting
        return 0.0 if since is None else max(0.0, (self._clock() - since).total_seconds())


def _by(
    name: str, told: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]]
) -> Metric:
    family = GaugeMetricFamily(name, told, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
