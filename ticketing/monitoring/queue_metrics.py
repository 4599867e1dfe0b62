"""Prometheus gauges of the queues, of states of notifications, orders and refunds, of backups."""

from collections.abc import Iterator, Mapping
from functools import partial

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from ticketing.backup.queries import find_newest_time
from ticketing.backup.restore_queries import is_unfinished
from ticketing.monitoring import queue_queries
from ticketing.monitoring.queue_queries import StateCounts
from ticketing.monitoring.schemas_dashboard import QueueDepthResponse
from ticketing.platform.db.database import Database
from ticketing.platform.http.metrics import CachedValue
from ticketing.platform.http.services import now

COUNTED_EVERY_SECONDS = 30  # the queries read all orders and notifications


class QueueCollector(Collector):
    """Collects the numbers of all processes, cached for some seconds."""

    def __init__(self, database: Database) -> None:
        """Read the database when a scrape finds the cached values expired."""
        self._queues = CachedValue[Mapping[str, QueueDepthResponse]](
            lambda: database.run(queue_queries.list_queues, at=now()), {}
        )
        self._states = CachedValue(
            partial(database.run, queue_queries.count_states), StateCounts(),
            seconds=COUNTED_EVERY_SECONDS,
        )  # fmt: skip
        self._backups = CachedValue(partial(database.run, _get_backup_times), (0.0, False))

    def collect(self) -> Iterator[Metric]:
        """Yield depth and age of each queue, then the numbers by state."""
        items = GaugeMetricFamily("queue_items", "Items of a queue.", labels=("queue", "state"))
        ages = GaugeMetricFamily(
            "queue_oldest_seconds", "Age of the longest waiting item.", labels=("queue",)
        )
        for name, depth in self._queues.get().items():
            items.add_metric([name, "waiting"], depth.waiting)
            items.add_metric([name, "active"], depth.active)
            ages.add_metric([name], depth.oldest_seconds or 0)
        yield from (items, ages)
        states = self._states.get()
        yield _gauge("payment_notifications", "Notifications by outcome.", states.notifications)
        yield _gauge("orders", "Orders by state.", states.orders)
        yield _gauge("refunds", "Refunds by state.", states.refunds)
        yield GaugeMetricFamily(
            "last_settlement_timestamp_seconds",
            "Time of the newest notification that changed a payment; 0 if there is none.",
            states.last_settled_at.timestamp() if states.last_settled_at else 0,
        )
        newest, is_held = self._backups.get()
        yield GaugeMetricFamily(
            "last_backup_timestamp_seconds",
            "When the newest backup was taken; 0 if there is none.",
            newest,
        )
        yield GaugeMetricFamily(
            "restore_unfinished",
            "1 while a restore holds back refunds and removals until staff decide.",
            float(is_held),
        )


def _get_backup_times(connection: Connection) -> tuple[float, bool]:
    newest = find_newest_time(connection)
    return newest.timestamp() if newest else 0.0, is_unfinished(connection)


def _gauge(name: str, text: str, numbers: Mapping[str, int]) -> Metric:
    gauge = GaugeMetricFamily(name, text, labels=("state",))
    for state, number in numbers.items():
        gauge.add_metric([state], number)
    return gauge
