"""Restore a backup into an empty place: the database in one transaction, then nothing is missing.

The place is reserved by a journal file before anything is written. The database commits last, so a
killed restore leaves an empty database and a journal: other commands refuse to work, and the same
restore runs again. Once the database has committed, running it again only removes the journal.
"""

import shutil
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from uuid import UUID

from ticketing.backup import restore_queries
from ticketing.backup.archive import MemberReader, read_archive
from ticketing.backup.manifest import parse_manifest
from ticketing.backup.model import DATABASE, MANIFEST, SECRET, SETTINGS, Manifest
from ticketing.backup.postgresql_programs import SqlLoader
from ticketing.backup.source import BackupSource
from ticketing.backup.verify_backup import open_backup
from ticketing.crypto.master_secret import write_master_secret
from ticketing.crypto.sealed_stream import DamagedFile, read_clear_header
from ticketing.platform.db import migrate
from ticketing.platform.kernel.errors import Conflict, Unavailable
from ticketing.platform.restore_journal import JOURNAL_FILE, read_journal, write_journal

_STAGING = "restore.partial"
SETTINGS_FILE = "restored.env"
_SMALL_MEMBER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """What was restored; `was_done` if an earlier run had done it already."""

    manifest: Manifest
    files: int
    settings_file: str
    was_done: bool = False


@dataclass(slots=True)
class _Contents:
    """What was read so far."""

    manifest: Manifest | None = None
    secret: bytes = field(default=b"", repr=False)
    settings_text: bytes = field(default=b"", repr=False)
    files: list[str] = field(default_factory=list)
    has_database: bool = False


def restore_backup(
    source: BackupSource, path: Path, passphrase: str, *, at: datetime, by: str
) -> RestoreResult:
    """Restore a file into an empty place. Safe to repeat after a kill.

    Raises Conflict when the place is not empty, DamagedFile when the file could not be restored.
    """
    with open_backup(path) as file:
        uid = UUID(str(read_clear_header(file).get("uid")))
        _require_empty(source, uid)
        was_done = _is_restored(source, uid)
        write_journal(source.data_path, uid)
        file.seek(0)
        with source.programs.load(server_version=source.database.server_version()) as loader:
            contents = _read(source, read_archive(file, passphrase), loader, skip_sql=was_done)
            manifest = _require_complete(contents, path)
            _place_files(source, contents)
            if not was_done:
                _commit(source, loader, manifest, at=at, by=by)
    migrate.upgrade(source.database)
    shutil.rmtree(source.data_path / _STAGING, ignore_errors=True)
    (source.data_path / JOURNAL_FILE).unlink()
    settings = str(source.data_path / SETTINGS_FILE) if contents.settings_text else ""
    return RestoreResult(manifest, len(contents.files), settings, was_done)


def _require_empty(source: BackupSource, uid: UUID) -> None:
    """Raise Conflict unless nothing is here, or only what this restore had begun."""
    begun = read_journal(source.data_path)
    if begun == uid:
        if source.database.run(restore_queries.list_tables) and not _is_restored(source, uid):
            raise Conflict(
                "the database was filled by something else since the restore was interrupted:"
                " create an empty one, point DATABASE_URL to it and restore again"
            )
        return
    if begun is not None:
        raise Conflict(
            f"a restore of another backup ({begun}) was interrupted here: restore that one again,"
            f" or set TICKETING_DATA to an empty folder and DATABASE_URL to an empty database"
        )
    tables = source.database.run(restore_queries.list_tables)
    if tables:
        raise Conflict(
            f"the database has {len(tables)} tables ({', '.join(tables[:3])}, …); a backup is"
            " restored into an empty one only: create one and point DATABASE_URL to it, or set"
            " TICKETING_DATA to an empty folder. Nothing was changed"
        )
    filled = [str(one) for one in source.folders.values() if any(one.glob("*"))]
    if filled:
        raise Conflict(
            f"{', '.join(filled)} has files already: move them away or set TICKETING_DATA to an"
            " empty folder. Nothing was changed"
        )


def _is_restored(source: BackupSource, uid: UUID) -> bool:
    tables = source.database.run(restore_queries.list_tables)
    if "restores" not in tables:
        return False
    found = source.database.run(restore_queries.find_latest)
    return found is not None and found.backup_uid == uid


def _read(
    source: BackupSource, members: Generator[MemberReader], loader: SqlLoader, *, skip_sql: bool
) -> _Contents:
    """Read all members: files into the staging folder, the database into the transaction."""
    contents = _Contents()
    staging = source.data_path / _STAGING
    shutil.rmtree(staging, ignore_errors=True)
    with closing(members):
        for member in members:
            match member.name:
                case str(name) if name == MANIFEST:
                    contents.manifest = parse_manifest(_read_small(member))
                    _require_same_secret(source, contents.manifest)
                case str(name) if name == SECRET:
                    contents.secret = _read_small(member)
                case str(name) if name == SETTINGS:
                    contents.settings_text = _read_small(member)
                case str(name) if name == DATABASE:
                    contents.has_database = True
                    if not skip_sql:
                        loader.write_dump(member)
                case name:
                    _stage(staging, source, name, member)
                    contents.files.append(name)
    return contents


def _require_same_secret(source: BackupSource, manifest: Manifest) -> None:
    if source.fingerprint not in {"", manifest.secret_fingerprint}:
        raise Conflict(
            f"this host has another master secret ({source.fingerprint}) than the backup"
            f" ({manifest.secret_fingerprint}): unset TICKETING_MASTER_SECRET and move"
            f" {source.secret_path} away; the backup brings its own. Nothing was changed"
        )


def _read_small(member: MemberReader) -> bytes:
    content = bytearray()
    for block in member:
        content += block
        if len(content) > _SMALL_MEMBER:
            raise DamagedFile(f"{member.name} is longer than any of ours")
    return bytes(content)


def _stage(staging: Path, source: BackupSource, name: str, member: MemberReader) -> None:
    parts = PurePosixPath(name).parts
    if parts[0] not in source.folders or ".." in parts or name.startswith("/"):
        raise DamagedFile(f"the member {name!r} belongs to no folder of ours")
    path = staging / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("wb") as file:
        for block in member:
            file.write(block)


def _require_complete(contents: _Contents, path: Path) -> Manifest:
    if contents.manifest is None or not contents.secret or not contents.has_database:
        raise DamagedFile(f"{path} has no manifest, secret or database: no backup of ours")
    return contents.manifest


def _place_files(source: BackupSource, contents: _Contents) -> None:
    """Move the staged files to their places, and write secret and settings."""
    if source.secret is None:
        write_master_secret(source.secret_path, contents.secret)
    for name in contents.files:
        top, *rest = PurePosixPath(name).parts
        target = source.folders[top].joinpath(*rest)
        target.parent.mkdir(parents=True, exist_ok=True)
        (source.data_path / _STAGING / name).replace(target)
    if contents.settings_text:
        path = source.data_path / SETTINGS_FILE
        path.touch(mode=0o600)
        path.write_bytes(contents.settings_text)


def _commit(
    source: BackupSource, loader: SqlLoader, manifest: Manifest, *, at: datetime, by: str
) -> None:
    loader.write(
        restore_queries.sql_after_dump(manifest.uid, taken_at=manifest.taken_at, at=at, by=by)
    )
    problem = Unavailable("psql ended, and the database is empty all the same; restore again")
    try:
        loader.commit()
    except Unavailable as error:  # the answer may be lost, not the commit
        problem = error
    if not _is_restored(source, manifest.uid):
        raise problem
