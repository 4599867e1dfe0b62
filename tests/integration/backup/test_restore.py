"""Tests of restoring: into an empty place only, all or nothing, and again after a kill."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from ticketing.backup import restore_queries
from ticketing.backup.create_backup import CreatedBackup
from ticketing.backup.restore_backup import restore_backup
from ticketing.backup.source import BackupSource
from ticketing.crypto.sealed_stream import DamagedFile
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.migrate import is_current
from ticketing.platform.db.tables.events import events
from ticketing.platform.kernel.errors import Conflict, Misconfigured, TicketingError
from ticketing.platform.restore_journal import require_no_open_restore

MakeBackup = Callable[[], CreatedBackup]
EmptyPlace = Callable[..., BackupSource]


@pytest.fixture
def restore(passphrase: str, now: datetime) -> Callable[[BackupSource, Path], None]:
    """Return a function that restores a file."""

    def into(target: BackupSource, path: Path) -> None:
        restore_backup(target, path, passphrase, at=now, by="operator")

    return into


def test_everything_comes_back(
    make_backup: MakeBackup, source: BackupSource, empty_place: EmptyPlace, event: Event,
    restore: Callable[[BackupSource, Path], None],
) -> None:  # fmt: skip
    template = source.folders["templates"] / "own" / "ticket.html"
    template.parent.mkdir(parents=True)
    template.write_text("<p>", encoding="utf-8")
    made, target = make_backup(), empty_place()

    restore(target, made.path)

    assert is_current(target.database)
    assert target.database.run(event_queries.get, event.slug) == event
    assert (target.folders["templates"] / "own" / "ticket.html").read_text() == "<p>"
    assert target.secret_path.read_text().strip() == bytes(range(32)).hex()
    assert target.secret_path.stat().st_mode & 0o777 == 0o600
    assert (target.data_path / "restored.env").read_text() == "MAIL_FROM='a@example.org'\n"
    marker = target.database.run(restore_queries.find_unfinished)
    assert marker is not None
    assert (marker.backup_uid, marker.backup_taken_at) == (made.backup.uid, made.backup.taken_at)
    require_no_open_restore(target.data_path)


def test_ids_used_after_the_backup_are_not_used_again(
    make_backup: MakeBackup, empty_place: EmptyPlace, event: Event,
    restore: Callable[[BackupSource, Path], None],
) -> None:  # fmt: skip
    made, target = make_backup(), empty_place()
    restore(target, made.path)

    with target.database.transaction() as connection:
        values = {
            column.name: getattr(event, column.name)
            for column in events.c
            if column.name in {"starts_at", "ends_at", "time_zone", "locale", "venue", "region"}
        }
        query = insert(events).values(slug="next", name="Next", **values).returning(events.c.id)
        number = connection.execute(query).scalar_one()

    assert event.id + 1000 < number < 2**32


def test_a_place_with_a_database_is_refused_and_unchanged(
    make_backup: MakeBackup, source: BackupSource,
    restore: Callable[[BackupSource, Path], None],
) -> None:  # fmt: skip
    made = make_backup()

    with pytest.raises(Conflict, match="point DATABASE_URL to it"):
        restore(source, made.path)

    assert source.database.run(restore_queries.find_latest) is None
    require_no_open_restore(source.data_path)


def test_a_place_with_files_is_refused(
    make_backup: MakeBackup, empty_place: EmptyPlace,
    restore: Callable[[BackupSource, Path], None],
) -> None:  # fmt: skip
    made, target = make_backup(), empty_place()
    target.folders["uploads"].mkdir()
    (target.folders["uploads"] / "roster.csv").touch()

    with pytest.raises(Conflict, match="uploads"):
        restore(target, made.path)

    assert target.database.run(restore_queries.list_tables) == []


def test_a_host_with_another_secret_is_refused(
    make_backup: MakeBackup, empty_place: EmptyPlace,
    restore: Callable[[BackupSource, Path], None],
) -> None:  # fmt: skip
    made, target = make_backup(), empty_place(secret=bytes(32))

    with pytest.raises(Conflict, match="another master secret"):
        restore(target, made.path)

    assert target.database.run(restore_queries.list_tables) == []


def test_a_damaged_file_leaves_an_empty_database_and_a_place_that_says_so(
    make_backup: MakeBackup, empty_place: EmptyPlace,
    restore: Callable[[BackupSource, Path], None],
) -> None:  # fmt: skip
    made, target = make_backup(), empty_place()
    content = made.path.read_bytes()
    made.path.write_bytes(content[:-60])

    with pytest.raises(DamagedFile):
        restore(target, made.path)

    assert target.database.run(restore_queries.list_tables) == []
    with pytest.raises(Misconfigured, match="run the same"):
        require_no_open_restore(target.data_path)
    made.path.write_bytes(content)
    restore(target, made.path)
    require_no_open_restore(target.data_path)


@pytest.mark.parametrize("step", ["_place_files", "_commit", "migrate.upgrade", "shutil.rmtree"])
def test_a_restore_interrupted_at_any_step_is_repeated(
    make_backup: MakeBackup, source: BackupSource, empty_place: EmptyPlace, event: Event,
    restore: Callable[[BackupSource, Path], None], monkeypatch: pytest.MonkeyPatch, step: str,
) -> None:  # fmt: skip
    (source.folders["uploads"]).mkdir()
    (source.folders["uploads"] / "roster.csv").write_text("nim", encoding="utf-8")
    made, target = make_backup(), empty_place()

    class Killed(BaseException):
        pass

    def end(*_: object, **options: object) -> None:
        if step != "shutil.rmtree" or not options or target.secret_path.exists():
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(f"ticketing.backup.restore_backup.{step}", end)
        with pytest.raises(Killed):
            restore(target, made.path)
    with pytest.raises(Misconfigured):
        require_no_open_restore(target.data_path)
    restore(target, made.path)

    assert target.database.run(event_queries.get, event.slug) == event
    assert (target.folders["uploads"] / "roster.csv").read_text() == "nim"
    with target.database.transaction() as connection:
        assert connection.execute(text("SELECT count(*) FROM restores")).scalar_one() == 1
    require_no_open_restore(target.data_path)


def test_another_backup_does_not_continue_an_interrupted_restore(
    make_backup: MakeBackup, empty_place: EmptyPlace,
    restore: Callable[[BackupSource, Path], None],
) -> None:  # fmt: skip
    first, second, target = make_backup(), make_backup(), empty_place()
    first.path.write_bytes(first.path.read_bytes()[:-60])
    with pytest.raises(DamagedFile):
        restore(target, first.path)

    with pytest.raises(Conflict, match=str(first.backup.uid)):
        restore(target, second.path)


def test_the_audit_log_of_a_restored_database_is_append_only_and_names_the_restore(
    make_backup: MakeBackup, empty_place: EmptyPlace,
    restore: Callable[[BackupSource, Path], None],
) -> None:  # fmt: skip
    made, target = make_backup(), empty_place()
    restore(target, made.path)

    with target.database.transaction() as connection:
        audit_log.record(connection, "operator", "test")
    with pytest.raises((TicketingError, Exception), match="append-only"), \
            target.database.transaction() as connection:  # fmt: skip
        connection.execute(text("DELETE FROM audit_log"))

    with target.database.transaction() as connection:
        query = text("SELECT actor FROM audit_log WHERE action = 'backups.restore'")
        assert connection.execute(query).scalars().all() == ["operator"]


def test_a_restore_is_finished_only_after_the_gateway_was_asked(
    make_backup: MakeBackup, empty_place: EmptyPlace, now: datetime,
    restore: Callable[[BackupSource, Path], None],
) -> None:  # fmt: skip
    made, target = make_backup(), empty_place()
    restore(target, made.path)

    with pytest.raises(Conflict, match="payments reconcile"):
        target.database.run(restore_queries.finish, at=now, by="operator")
    target.database.run(restore_queries.mark_reconciled, at=now)
    target.database.run(restore_queries.finish, at=now, by="operator")

    assert not target.database.run(restore_queries.is_unfinished)
    with pytest.raises(Conflict, match="no restore is open"):
        target.database.run(restore_queries.finish, at=now, by="operator")
