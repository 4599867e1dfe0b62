"""Health of the dependencies, and gauges of vouchers, routers and messages for metrics."""

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import URL

from ticketing.backup.queries import find_newest_time
from ticketing.monitoring import dagster_queries, dashboard_queries, queue_queries
from ticketing.monitoring.rates import VOUCHER_LOST_AFTER
from ticketing.monitoring.schemas_dashboard import QueueDepthResponse
from ticketing.notifications import channel_queries
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import TicketingError, Unavailable
from ticketing.platform.kernel.time_span import TimeSpan
from ticketing.selling.payments.midtrans.gateway_probe import GatewayProbe
from ticketing.tickets.reports import queries as report_queries
from ticketing.vouchers.model import PurchaseState, VoucherState


class DependencyStatus(StrEnum):
    """Status of a dependency."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Status by dependency; the queues are empty while the database is down."""

    dependencies: Mapping[str, DependencyStatus]
    running_batches: int = 0
    queues: Mapping[str, QueueDepthResponse] = field(default_factory=dict)
    last_backup_at: datetime | None = None

    @property
    def is_healthy(self) -> bool:
        """Return whether tickets can be issued; routers and channels may be down for some time."""
        return DependencyStatus.DOWN not in {
            self.dependencies[name] for name in _REQUIRED_DEPENDENCIES
        }


_REQUIRED_DEPENDENCIES = ("database", "storage")


def check_health(
    database: Database,
    documents: Path,
    *,
    channels: Collection[Channel],
    min_free_disk: int,
    at: datetime,
) -> HealthReport:
    """Check each dependency once; routers are reported together, and only if there are any.

    `channels` are those by which messages are sent; one is down while it is paused.
    """
    storage = {"storage": _dependency_status(_has_free_disk(documents, min_free_disk))}
    try:
        with database.transaction() as connection:
            routers = queue_queries.list_router_availability(connection).values()
            together = {"routers": _dependency_status(all(routers))} if routers else {}
            paused = channel_queries.list_paused_channels(connection, at=at)
            senders = {each.value: _dependency_status(each not in paused) for each in channels}
            return HealthReport(
                {"database": DependencyStatus.UP} | storage | senders | together,
                report_queries.count_processing_batches(connection),
                queue_queries.list_queues(connection, at=at),
                find_newest_time(connection),
            )
    except TicketingError:
        return HealthReport({"database": DependencyStatus.DOWN} | storage)


def check_dagster(url: URL, *, at: datetime) -> dict[str, DependencyStatus]:
    """Return the status of Dagster's daemon; nothing where Dagster has no database."""
    database = Database.from_url(url)
    try:
        is_running = database.run(dagster_queries.is_daemon_running, at=at)
    except Unavailable:
        return {}
    finally:
        database.dispose()
    return {"dagster": _dependency_status(is_running)}


def check_gateway(probe: GatewayProbe) -> dict[str, DependencyStatus]:
    """Return the status of the payment gateway; nothing while it has not been asked yet."""
    is_up = probe.is_up()
    return {} if is_up is None else {"gateway": _dependency_status(is_up)}


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
    """Current counts; every state is present, also with 0."""

    vouchers: Mapping[VoucherState, int] = field(default_factory=dict)
    purchases: Mapping[PurchaseState, int] = field(default_factory=dict)
    deliveries: Mapping[tuple[Channel, DeliveryState], int] = field(default_factory=dict)
    routers: Mapping[str, bool] = field(default_factory=dict)
    loss_rate: float | None = None  # of the last seven days; None while nothing is due
    oldest_waiting_since: datetime | None = None


def collect_gauges(database: Database, *, at: datetime) -> VoucherGauges:
    """Return all gauges at one instant."""
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
            purchases={state: one.purchases for state, one in placed.items()},
            deliveries={(channel, state): 0 for channel in Channel for state in DeliveryState}
            | queue_queries.count_deliveries_by_state(connection),
            routers=queue_queries.list_router_availability(connection),
            loss_rate=found.voucher_loss_rate,
            oldest_waiting_since=queue_queries.find_oldest_waiting(connection),
        )
