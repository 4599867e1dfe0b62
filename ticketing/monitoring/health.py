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
from ticketing.monitoring.queue_queries import Queue
from ticketing.monitoring.rates import LOST_AFTER
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import TicketingError
from ticketing.platform.kernel.time_span import Span
from ticketing.tickets.reports import queries as report_queries
from ticketing.vouchers.model import PurchaseState, VoucherState


class Condition(StrEnum):
    """Whether something can be used now."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Conditions:
    """Each thing by name; of queues nothing is known while the database is away."""

    dependencies: Mapping[str, Condition]
    batches_under_way: int = 0
    queues: Mapping[str, Queue] = field(default_factory=dict)

    @property
    def well(self) -> bool:
        """Whether tickets can be made: who carries vouchers and messages may be away for a time."""
        return Condition.DOWN not in {self.dependencies[name] for name in _NEEDED}


_NEEDED = ("database", "storage")


def conditions(database: Database, documents: Path, *, min_free_disk: int) -> Conditions:
    """Look at each of them once; routers are named only together, and only if there are any."""
    storage = {"storage": _condition(_has_room(documents, min_free_disk))}
    try:
        with database.transaction() as connection:
            routers = queue_queries.routers_up(connection).values()
            together = {"routers": _condition(all(routers))} if routers else {}
            return Conditions(
                {"database": Condition.UP} | storage | together,
                report_queries.batches_under_way(connection),
                {
                    "vouchers": queue_queries.vouchers_queue(connection),
                    "deliveries": queue_queries.deliveries_queue(connection),
                },
            )
    except TicketingError:
        return Conditions({"database": Condition.DOWN} | storage)


def _condition(is_well: bool) -> Condition:
    return Condition.UP if is_well else Condition.DOWN


def _has_room(documents: Path, min_free_disk: int) -> bool:
    standing = next(step for step in (documents, *documents.parents) if step.exists())
    writable = os.access(standing, os.W_OK | os.X_OK)
    return writable and shutil.disk_usage(standing).free >= min_free_disk


LOSSES_OF = timedelta(days=7)


_BEFORE_ALL = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Gauges:
    """How things stand; every state is named, also those of nothing."""

    vouchers: Mapping[VoucherState, int] = field(default_factory=dict)
    purchases: Mapping[PurchaseState, int] = field(default_factory=dict)
    deliveries: Mapping[tuple[Channel, DeliveryState], int] = field(default_factory=dict)
    routers: Mapping[str, bool] = field(default_factory=dict)
    loss_rate: float | None = None  # of the last days; None while nothing is due
    oldest_waiting: datetime | None = None


def gauges(database: Database, *, at: datetime) -> Gauges:
    """All of them, as of one moment."""
    with database.transaction() as connection:
        placed = dashboard_queries.by_state(connection, None, Span(_BEFORE_ALL, at))
        found = dashboard_queries.handover(
            connection, None, Span(at - LOSSES_OF, at), due_before=at - LOST_AFTER
        )
        return Gauges(
            vouchers=dict.fromkeys(VoucherState, 0) | queue_queries.vouchers_by_state(connection),
            purchases=dict.fromkeys(PurchaseState, 0)
            | {one.state: one.purchases for one in placed},
            deliveries={(channel, state): 0 for channel in Channel for state in DeliveryState}
            | queue_queries.deliveries_by_state(connection),
            routers=queue_queries.routers_up(connection),
            loss_rate=found.loss_rate,
            oldest_waiting=queue_queries.oldest_waiting(connection),
        )
