"""What the box office depends on, seen from a running service: up or down."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ticketing.domain.errors import TicketingError
from ticketing.store import counts, voucher_counts
from ticketing.store.database import Database
from ticketing.store.voucher_counts import Queue


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
            routers = voucher_counts.routers_up(connection).values()
            together = {"routers": _condition(all(routers))} if routers else {}
            return Conditions(
                {"database": Condition.UP} | storage | together,
                counts.batches_under_way(connection),
                {
                    "vouchers": voucher_counts.vouchers_queue(connection),
                    "deliveries": voucher_counts.deliveries_queue(connection),
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
