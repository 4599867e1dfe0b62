"""The age of the newest backup, and what a restore left for staff to decide."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.backup import queries, restore_queries
from ticketing.backup.model import Restore


@dataclass(frozen=True, slots=True)
class BackupAge:
    """When the newest backup was taken, None without one; `is_late` if that is too long ago."""

    taken_at: datetime | None
    is_late: bool


@dataclass(frozen=True, slots=True)
class RestoreStatus:
    """The latest restore, and the order ids at the gateway of payments that no order has."""

    restore: Restore
    unknown_payments: Sequence[str]


def get_backup_age(connection: Connection, *, max_age_hours: int, at: datetime) -> BackupAge:
    """Return the age of the newest backup."""
    taken_at = queries.find_newest_time(connection)
    is_late = taken_at is None or at - taken_at > timedelta(hours=max_age_hours)
    return BackupAge(taken_at, is_late)


def get_restore_status(connection: Connection) -> RestoreStatus | None:
    """Return what is known of the latest restore, None if there was none."""
    restore = restore_queries.find_latest(connection)
    if restore is None:
        return None
    unknown = restore_queries.list_unknown_payments(connection, since=restore.backup_taken_at)
    return RestoreStatus(restore, unknown)
