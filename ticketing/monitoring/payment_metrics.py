"""Prometheus counters of paid orders and of the requests to the payment gateway for them."""

from collections.abc import Iterator
from functools import partial

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from ticketing.platform.db.database import Database
from ticketing.platform.http.metrics import CachedValue
from ticketing.selling.payments import gateway_call_queries
from ticketing.selling.payments.gateway_call_queries import PaidOrderCalls

COUNTED_EVERY_SECONDS = 30  # the query reads all paid orders


class PaymentCollector(Collector):
    """Collects the numbers of all processes, cached for some seconds."""

    def __init__(self, database: Database) -> None:
        """Read the database when a scrape finds the cached values expired."""
        self._counts = CachedValue(
            partial(database.run, gateway_call_queries.count_for_paid_orders),
            PaidOrderCalls(),
            seconds=COUNTED_EVERY_SECONDS,
        )

    def collect(self) -> Iterator[Metric]:
        """Yield both counters; their ratio is the number of requests per purchase."""
        counted = self._counts.get()
        paid = CounterMetricFamily("gateway_paid_orders", "Orders paid at the payment gateway.")
        paid.add_metric([], counted.orders)
        yield paid
        calls = CounterMetricFamily(
            "gateway_paid_order_calls",
            "Requests to the payment gateway for paid orders, repeated ones too.",
            labels=("kind",),
        )
        for kind, number in sorted(counted.calls.items()):
            calls.add_metric([kind], number)
        yield calls
