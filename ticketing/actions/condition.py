"""What the box office depends on, seen from a running service: up or down."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ticketing.domain.errors import TicketingError
from ticketing.store import counts
from ticketing.store.database import Database


class Condition(StrEnum):
    """Whether something can be used now."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Conditions:
    """Each thing by name; no batch is known to be under way while the database is away."""

    dependencies: Mapping[str, Condition]
    batches_under_way: int


def conditions(database: Database, documents: Path, *, min_free_disk: int) -> Conditions:
    """Look at each of them once."""
    under_way = _batches_under_way(database)
    room = _has_room(documents, min_free_disk)
    dependencies = {
        "database": Condition.DOWN if under_way is None else Condition.UP,
        "storage": Condition.UP if room else Condition.DOWN,
    }
    return Conditions(dependencies, under_way or 0)


def _batches_under_way(database: Database) -> int | None:
    try:
        with database.transaction() as connection:
            return counts.batches_under_way(connection)
    except TicketingError:
        return None


def _has_room(documents: Path, min_free_disk: int) -> bool:
    standing = next(step for step in (documents, *documents.parents) if step.exists())
    writable = os.access(standing, os.W_OK | os.X_OK)
    return writable and shutil.disk_usage(standing).free >= min_free_disk
