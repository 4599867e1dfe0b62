"""What the box office depends on, seen from a running service: up or down.

Vouchers, routers and messages in a few numbers, for whoever scrapes them.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from ticketing.monitoring import dashboard_queries, queue_queries
from ticketing.monitoring.queue_queries import QueueDepth
from ticketing.monitoring.rates import VOUCHER_LOST_AFTER
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import TicketingError
from ticketing.platform.kernel.time_span import TimeSpan
from ticketing.tickets.reports import queries as report_queries
from ticketing.vouchers.model import PurchaseState, VoucherState


class DependencyStatus(StrEnum):
    """Whether something can be used now."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Each thing by name; of queues nothing is known while the database is away."""

    dependencies: Mapping[str, DependencyStatus]
    running_batches: int = 0
    queues: Mapping[str, QueueDepth] = field(default_factory=dict)

    @property
    def is_healthy(self) -> bool:
        """Whether tickets can be made: who carries vouchers and messages may be away for a time."""
        return DependencyStatus.DOWN not in {
            self.dependencies[name] for name in _REQUIRED_DEPENDENCIES
        }


_REQUIRED_DEPENDENCIES = ("database", "storage")


def check_health(database: Database, documents: Path, *, min_free_disk: int) -> HealthReport:
    """Look at each of them once; routers are named only together, and only if there are any."""
    storage = {"storage": _dependency_status(_has_free_disk(documents, min_free_disk))}
    try:
        with database.transaction() as connection:
            routers = queue_queries.list_router_availability(connection).values()
            together = {"routers": _dependency_status(all(routers))} if routers else {}
            return HealthReport(
                {"database": DependencyStatus.UP} | storage | together,
                report_queries.count_processing_batches(connection),
                {
                    "vouchers": queue_queries.count_voucher_queue(connection),
                    "deliveries": queue_queries.count_delivery_queue(connection),
                },
            )
    except TicketingError:
        return HealthReport({"database": DependencyStatus.DOWN} | storage)


def _dependency_status(is_well: bool) -> DependencyStatus:
    return DependencyStatus.UP if is_well else DependencyStatus.DOWN


def _has_free_disk(documents: Path, min_free_disk: int) -> bool:
    standing = next(step for step in (documents, *documents.parents) if step.exists())
    writable = os.access(standing, os.W_OK | os.X_OK)
    return writable and shutil.disk_usage(standing).free >= min_free_disk


LOSS_RATE_WINDOW = timedelta(days=7)


_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class VoucherGauges:
    """How things stand; every state is named, also those of nothing."""

    vouchers: Mapping[VoucherState, int] = field(default_factory=dict)
    purchases: Mapping[PurchaseState, int] = field(default_factory=dict)
    deliveries: Mapping[tuple[Channel, DeliveryState], int] = field(default_factory=dict)
    routers: Mapping[str, bool] = field(default_factory=dict)
    loss_rate: float | None = None  # of the last days; None while nothing is due
    oldest_waiting_since: datetime | None = None


def collect_gauges(database: Database, *, at: datetime) -> VoucherGauges:
    """All of them, as of one moment."""
    with database.transaction() as connection:
        placed = dashboard_queries.list_purchase_totals(connection, None, TimeSpan(_EARLIEST, at))
        found = dashboard_queries.get_fulfilment_stats(
            connection,
            None,
            TimeSpan(at - LOSS_RATE_WINDOW, at),
            due_before=at - VOUCHER_LOST_AFTER,
        )
        return VoucherGauges(
            vouchers=dict.fromkeys(VoucherState, 0)
            | queue_queries.count_vouchers_by_state(connection),
            purchases=dict.fromkeys(PurchaseState, 0)
            | {one.state: one.purchases for one in placed},
            deliveries={(channel, state): 0 for channel in Channel for state in DeliveryState}
            | queue_queries.count_deliveries_by_state(connection),
            routers=queue_queries.list_router_availability(connection),
            loss_rate=found.loss_rate,
            oldest_waiting_since=queue_queries.find_oldest_waiting(connection),
        )
