"""Prometheus gauges of vouchers, routers and messages."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ticketing.monitoring.health import VoucherGauges, collect_gauges
from ticketing.platform.db.database import Database
from ticketing.platform.http.metrics import CachedValue

GAUGED_EVERY_SECONDS = 30  # the query reads all purchases


class VoucherCollector(Collector):
    """Collector of voucher gauges, cached for some seconds."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        """Read the database when a scrape finds the cached values expired."""
        self._clock = clock
        self._gauges = CachedValue(
            lambda: collect_gauges(database, at=clock()),
            VoucherGauges(),
            seconds=GAUGED_EVERY_SECONDS,
        )

    def collect(self) -> Iterator[Metric]:
        """Yield one family per gauge; unknown values have no sample."""
        known = self._gauges.get()
        yield _by(
            "vouchers",
            "Vouchers by state.",
            ("state",),
            (((state,), number) for state, number in known.vouchers.items()),
        )
        yield _by(
            "voucher_purchases",
            "Voucher purchases by state.",
            ("state",),
            (((state,), number) for state, number in known.purchases.items()),
        )
        yield _by(
            "deliveries",
            "Messages by channel and state.",
            ("channel", "state"),
            known.deliveries.items(),
        )
        yield _by(
            "router_up",
            "1 if the router answered the last call.",
            ("router",),
            (((name,), int(is_up)) for name, is_up in known.routers.items()),
        )
        yield _by(
            "voucher_loss_ratio",
            "Share of due vouchers paid in the last seven days that were never delivered.",
            (),
            [] if known.loss_rate is None else [((), known.loss_rate)],
        )
        yield _by(
            "voucher_oldest_waiting_seconds",
            "Seconds since the payment of the voucher that waits longest; 0 if none waits.",
            (),
            [((), self._waited(known))],
        )

    def _waited(self, known: VoucherGauges) -> float:
        since = known.oldest_waiting_since
        return 0.0 if since is None else max(0.0, (self._clock() - since).total_seconds())


def _by(
    name: str,
    documentation: str,
    labels: Sequence[str],
    samples: Iterable[tuple[Sequence[str], float]],
) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
