"""Tests of making, listing, verifying and deleting backups."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from ticketing.backup import queries
from ticketing.backup.create_backup import CreatedBackup, create_backup, record_unknown_files
from ticketing.backup.source import BackupSource
from ticketing.backup.status import get_backup_age
from ticketing.backup.verify_backup import check_file, prune_backups, verify_backup
from ticketing.crypto.sealed_stream import DamagedFile
from ticketing.events.model import Event
from ticketing.platform.db.tables.backups import backups
from ticketing.platform.kernel.errors import Conflict, Misconfigured, NotFound, Unavailable

MakeBackup = Callable[[], CreatedBackup]


def test_a_backup_is_one_private_file_that_is_recorded_and_names_its_content(
    make_backup: MakeBackup, source: BackupSource, event: Event, passphrase: str
) -> None:
    report = source.folders["closing-reports"] / event.slug / "1.json"
    report.parent.mkdir(parents=True)
    report.write_text("figures", encoding="utf-8")

    made = make_backup()

    checked = check_file(made.path, passphrase)
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert source.folder.stat().st_mode & 0o777 == 0o700
    assert checked.manifest.rows["events"] == 1
    assert f"closing-reports/{event.slug}/1.json" in checked.members
    assert source.database.run(queries.list_backups) == [made.backup]
    assert event.slug.encode() not in made.path.read_bytes()


def test_the_age_of_the_newest_backup_is_known(
    make_backup: MakeBackup, source: BackupSource, now: datetime
) -> None:
    none_yet = source.database.run(get_backup_age, max_age_hours=26, at=now)
    taken_at = make_backup().backup.taken_at
    fresh, late = (
        source.database.run(get_backup_age, max_age_hours=26, at=taken_at + timedelta(hours=hours))
        for hours in (26, 27)
    )

    assert (none_yet.taken_at, none_yet.is_late) == (None, True)
    assert (fresh.taken_at, fresh.is_late, late.is_late) == (taken_at, False, True)


def test_a_changed_file_is_named_and_not_marked_as_verified(
    make_backup: MakeBackup, source: BackupSource, passphrase: str, now: datetime
) -> None:
    made = make_backup()
    verify_backup(source.database, made.path, passphrase, at=now)
    content = made.path.read_bytes()
    made.path.write_bytes(content[:-100] + bytes(100))

    with pytest.raises(DamagedFile):
        verify_backup(source.database, made.path, passphrase, at=now + timedelta(days=1))

    (recorded,) = source.database.run(queries.list_backups)
    assert recorded.verified_at == now


def test_what_a_killed_backup_leaves_is_no_backup_and_is_deleted_by_the_next(
    make_backup: MakeBackup, source: BackupSource
) -> None:
    source.folder.mkdir()
    rest = source.folder / "0123456789abcdef0123456789abcdef.partial"
    rest.write_bytes(b"half")
    assert record_unknown_files(source) == 0

    make_backup()

    assert not rest.exists()


def test_a_file_without_a_record_is_recorded_by_the_next_look(
    make_backup: MakeBackup, source: BackupSource
) -> None:
    made = make_backup()
    with source.database.transaction() as connection:
        connection.execute(delete(backups))

    number = record_unknown_files(source)

    (recorded,) = source.database.run(queries.list_backups)
    assert (number, recorded.uid, recorded.size) == (1, made.backup.uid, made.backup.size)


def test_a_failed_dump_leaves_no_file_that_passes_for_a_backup(
    source: BackupSource, passphrase: str, tmp_path: Path, now: datetime
) -> None:
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho half a dump; echo 'no room' >&2; exit 1\n")
    program.chmod(0o755)
    object.__setattr__(source.programs, "folder", tmp_path)

    with pytest.raises(Unavailable, match="no room"):
        create_backup(source, passphrase, at=now, by="operator")

    assert not list(source.folder.glob("*.backup"))
    assert source.database.run(queries.list_backups) == []


def test_a_second_backup_at_the_same_time_is_refused(
    make_backup: MakeBackup, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def second(*_: object) -> int:
        monkeypatch.undo()
        with pytest.raises(Conflict) as error:
            make_backup()
        refused.append(str(error.value))
        return 0

    # the first backup looks for unknown files while it holds the folder
    monkeypatch.setattr("ticketing.backup.create_backup.record_unknown_files", second)
    make_backup()

    assert "another backup is being made" in refused[0]


def test_without_a_master_secret_nothing_is_backed_up(
    place: Callable[..., BackupSource], source: BackupSource, passphrase: str, now: datetime
) -> None:
    without = place(source.database, "bare", secret=None)

    with pytest.raises(Misconfigured, match="no master secret"):
        create_backup(without, passphrase, at=now, by="operator")


def test_old_backups_are_deleted_with_their_records_and_a_missing_file_is_noticed(
    make_backup: MakeBackup, source: BackupSource
) -> None:
    made = [make_backup() for _ in range(5)]
    made[4].path.unlink()
    later = made[4].backup.taken_at + timedelta(days=40)

    listed = prune_backups(source, keep_days=30, at=later, by="nightly", dry_run=True)
    deleted = prune_backups(source, keep_days=30, at=later, by="nightly")
    again = prune_backups(source, keep_days=30, at=later, by="nightly")

    assert listed == deleted == [made[0].backup]
    assert again == []
    assert {one.uid for one in source.database.run(queries.list_backups)} == {
        one.backup.uid for one in made[1:4]
    }


def test_a_file_that_is_not_there_is_named(tmp_path: Path, passphrase: str) -> None:
    with pytest.raises(NotFound, match="nothing-here"):
        check_file(tmp_path / "nothing-here", passphrase)
