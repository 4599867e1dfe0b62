"""Make a backup: one encrypted file, complete under its name or not there.

It is written under another name, flushed and renamed, then recorded. Killed before the rename,
nothing passes for a backup, and the next one deletes the rest; killed after it, the next one
records the file.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

from sqlalchemy import Connection

from ticketing.backup import queries
from ticketing.backup.archive import ArchiveWriter
from ticketing.backup.manifest import manifest_bytes
from ticketing.backup.model import (
    DATABASE,
    MANIFEST,
    SECRET,
    SETTINGS,
    Backup,
    Manifest,
    file_name_of,
    is_backup_name,
)
from ticketing.backup.source import BackupSource
from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.sealed_stream import DamagedFile, KeyCost, read_clear_header
from ticketing.platform.db import audit_log
from ticketing.platform.kernel.errors import Conflict

CREATE_ACTION = "backups.create"
_PARTIAL = ".partial"
_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CreatedBackup:
    """A new backup and its file."""

    backup: Backup
    path: Path


def create_backup(
    source: BackupSource, passphrase: str, *, at: datetime, by: str, cost: KeyCost | None = None
) -> CreatedBackup:
    """Write, flush and record a backup. Raises Conflict while another one is being made."""
    secret = source.require_secret()
    with _exclusive(source.folder):
        _delete_partial(source.folder)
        record_unknown_files(source)
        uid = uuid4()
        draft = source.folder / f"{uid.hex}{_PARTIAL}"
        with _create_private(draft) as file:
            sealing = _Sealing(file, passphrase, cost)
            _write(source, secret, sealing, uid=uid, at=at)
            size = file.tell()
        path = source.folder / file_name_of(uid, at)
        draft.rename(path)
        _sync_folder(source.folder)
        backup = Backup(uid, path.name, source.host, size, at, datetime.now(UTC))
        source.database.run(_record, backup, by=by)
    return CreatedBackup(backup, path)


def record_unknown_files(source: BackupSource) -> int:
    """Record the files of the folder that have no record; return their number.

    A backup that was killed after its rename, or that was copied from another host.
    """
    known = {one.uid for one in source.database.run(queries.list_backups)}
    found = [one for one in map(_describe, _finished_files(source.folder)) if one]
    return sum(
        source.database.run(queries.record_backup, one) for one in found if one.uid not in known
    )


@dataclass(frozen=True, slots=True)
class _Sealing:
    """Where and how the archive is written."""

    file: BinaryIO
    passphrase: str = field(repr=False)
    cost: KeyCost | None


def _write(
    source: BackupSource, secret: bytes, sealing: _Sealing, *, uid: UUID, at: datetime
) -> None:
    """Write all members; the database as one snapshot sees it."""
    with source.database.snapshot() as connection:
        snapshot_id = queries.export_snapshot(connection)
        manifest = _make_manifest(connection, source, secret, uid, at)
        header = {
            "uid": str(uid), "taken_at": at.isoformat(), "host": source.host,
            "version": source.program_version,
        }  # fmt: skip
        archive = ArchiveWriter(sealing.file, sealing.passphrase, header, sealing.cost)
        archive.add(MANIFEST, [manifest_bytes(manifest)])
        archive.add(SECRET, [secret])
        archive.add(SETTINGS, [source.settings_text.encode()])
        for name, path in source.files():
            archive.add(name, _read_blocks(path))
        archive.add(DATABASE, source.programs.dump(snapshot_id))
        archive.finish()
    sealing.file.flush()
    os.fsync(sealing.file.fileno())


def _make_manifest(
    connection: Connection, source: BackupSource, secret: bytes, uid: UUID, at: datetime
) -> Manifest:
    return Manifest(
        uid, at, source.program_version, queries.get_schema_revision(connection),
        KeyRing(secret).fingerprint, queries.count_rows(connection),
    )  # fmt: skip


def _record(connection: Connection, backup: Backup, *, by: str) -> None:
    queries.record_backup(connection, backup)
    details = {"size": backup.size, "taken_at": backup.taken_at.isoformat()}
    audit_log.record(
        connection, by, CREATE_ACTION, subject=backup.file_name, items=1, details=details
    )


def _describe(path: Path) -> Backup | None:
    """Return a backup by the clear header of its file; None for a file of somebody else."""
    try:
        with path.open("rb") as file:
            header = read_clear_header(file)
        status = path.stat()
        finished_at = datetime.fromtimestamp(status.st_mtime, UTC)
        return Backup(
            UUID(header["uid"]), path.name, header["host"], status.st_size,
            datetime.fromisoformat(header["taken_at"]), finished_at,
        )  # fmt: skip
    except (DamagedFile, KeyError, ValueError):
        return None


def _finished_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if is_backup_name(path.name))


def _read_blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block


def _create_private(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "wb")


def _delete_partial(folder: Path) -> None:
    for path in folder.glob(f"*{_PARTIAL}"):
        path.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "backup.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(f"another backup is being made in {folder}; wait for its end") from None
        yield


def describe_created(created: CreatedBackup) -> dict[str, object]:
    """Return a created backup for programs."""
    return {**asdict(created.backup), "path": str(created.path)}
