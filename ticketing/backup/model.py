"""Values of backups: the record of one, its manifest, and which old ones are deleted.

No input and output here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

SUFFIX = ".backup"
MIN_KEPT = 3  # however old they are: the newest may be damaged
MANIFEST, SECRET, SETTINGS, DATABASE = "manifest.json", "master.secret", "settings.env", "database"
_FILE_NAME = re.compile(r"ticketing-\d{8}T\d{6}Z-[0-9a-f]{8}\.backup")


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup file of this installation. `verified_at` is when it was last read completely."""

    uid: UUID
    file_name: str
    host: str
    size: int  # bytes
    taken_at: datetime
    finished_at: datetime
    verified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The first member of a backup: what it contains. `rows` counts the tables people know."""

    uid: UUID
    taken_at: datetime
    program_version: str
    schema_revision: str
    secret_fingerprint: str
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Restore:
    """A restore of this database; `finished_at` ends what it holds back."""

    id: int
    backup_uid: UUID
    backup_taken_at: datetime
    restored_at: datetime
    restored_by: str
    reconciled_at: datetime | None
    finished_at: datetime | None


def file_name_of(uid: UUID, taken_at: datetime) -> str:
    """Return the file name of a backup; names sort by time."""
    return f"ticketing-{taken_at:%Y%m%dT%H%M%SZ}-{uid.hex[:8]}{SUFFIX}"


def is_backup_name(name: str) -> bool:
    """Return whether a file has the name of a finished backup."""
    return _FILE_NAME.fullmatch(name) is not None


def choose_expired(backups: Sequence[Backup], *, keep_days: int, at: datetime) -> list[Backup]:
    """Return the backups to delete: older than `keep_days`, but never the newest three.

    The newest one that was verified is kept too.
    """
    newest_first = sorted(backups, key=lambda one: one.taken_at, reverse=True)
    verified = next((one for one in newest_first if one.verified_at), None)
    oldest_kept = at - timedelta(days=keep_days)
    return [
        one for one in newest_first[MIN_KEPT:] if one.taken_at < oldest_kept and one is not verified
    ]
