"""Measure for Prometheus how vouchers, routers and messages stand."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ticketing.monitoring.health import VoucherGauges, collect_gauges
from ticketing.platform.db.database import Database
from ticketing.platform.http.metrics import CachedValue

GAUGED_EVERY_SECONDS = 30  # every purchase there ever was is looked at


class VoucherCollector(Collector):
    """How vouchers, routers and messages stand, at most some seconds ago."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        """Ask a database, when a scrape finds the last answer old."""
        self._clock = clock
        self._gauges = CachedValue(
            lambda: collect_gauges(database, at=clock()),
            VoucherGauges(),
            seconds=GAUGED_EVERY_SECONDS,
        )

    def collect(self) -> Iterator[Metric]:
        """A family of gauges each; what is not known has no sample."""
        known = self._gauges.get()
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

    def _waited(self, known: VoucherGauges) -> float:
        since = known.oldest_waiting_since
        return 0.0 if since is None else max(0.0, (self._clock() - since).total_seconds())


def _by(
    name: str, told: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]]
) -> Metric:
    family = GaugeMetricFamily(name, told, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
