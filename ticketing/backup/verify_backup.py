"""Read a backup completely, and delete old ones."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from ticketing.backup import queries
from ticketing.backup.archive import read_archive
from ticketing.backup.create_backup import record_unknown_files
from ticketing.backup.manifest import parse_manifest
from ticketing.backup.model import DATABASE, MANIFEST, SECRET, Backup, Manifest, choose_expired
from ticketing.backup.source import BackupSource
from ticketing.crypto.sealed_stream import DamagedFile
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import NotFound

PRUNE_ACTION = "backups.prune"


@dataclass(frozen=True, slots=True)
class CheckedBackup:
    """A backup that was read completely: its manifest, and its members with their lengths."""

    manifest: Manifest
    members: dict[str, int]

    @property
    def files(self) -> int:
        """Number of members that are files of folders."""
        return sum("/" in name for name in self.members)


def check_file(path: Path, passphrase: str) -> CheckedBackup:
    """Decrypt and compare everything in a file; nothing is written.

    Raises DamagedFile for a file that could not be restored, NotFound without a file.
    """
    manifest, members = None, {}
    with open_backup(path) as file:
        for member in read_archive(file, passphrase):
            if member.name == MANIFEST:
                manifest = parse_manifest(b"".join(member))
            members[member.name] = member.finish().length
    if manifest is None or not {SECRET, DATABASE} <= members.keys():
        raise DamagedFile(f"{path} has no manifest, secret or database: no backup of ours")
    return CheckedBackup(manifest, members)


def open_backup(path: Path) -> BinaryIO:
    """Open a backup for reading. Raises NotFound."""
    try:
        return path.open("rb")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound(f"there is no file {path}; `ticketing backup list` names them") from error


def verify_backup(
    database: Database, path: Path, passphrase: str, *, at: datetime
) -> CheckedBackup:
    """Check a file, and record when. Raises DamagedFile, NotFound."""
    checked = check_file(path, passphrase)
    database.run(queries.mark_verified, checked.manifest.uid, at=at)
    return checked


def prune_backups(
    source: BackupSource, *, keep_days: int, at: datetime, by: str, dry_run: bool = False
) -> list[Backup]:
    """Delete backups that are too old and return them; files that are gone count as deleted.

    Safe to repeat and to interrupt: the file goes first, then its record.
    """
    record_unknown_files(source)
    known = source.database.run(queries.list_backups)
    present = [one for one in known if (source.folder / one.file_name).exists()]
    expired = choose_expired(present, keep_days=keep_days, at=at)
    if dry_run:
        return expired
    for one in expired:
        (source.folder / one.file_name).unlink(missing_ok=True)
    # the files of another host may lie in a folder of its own
    gone = [one.uid for one in known if one not in present and one.host == source.host]
    with source.database.transaction() as connection:
        queries.mark_deleted(connection, [*gone, *(one.uid for one in expired)], at=at)
        if expired:
            audit_log.record(connection, by, PRUNE_ACTION, items=len(expired))
    return expired
