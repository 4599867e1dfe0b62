"""Fixtures: an installation to back up, and empty places to restore into."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from ticketing.backup.create_backup import CreatedBackup, create_backup
from ticketing.backup.postgresql_programs import PostgresqlPrograms
from ticketing.backup.source import BackupSource
from ticketing.crypto.sealed_stream import KeyCost
from ticketing.platform.db.database import Database, parse_database_url
from ticketing.platform.db.embedded.server import EmbeddedServer

PASSPHRASE = "six random words of a test"  # noqa: S105


@pytest.fixture
def passphrase() -> str:
    """Return the passphrase of all backups."""
    return PASSPHRASE


@pytest.fixture
def place(server: EmbeddedServer, tmp_path: Path) -> Callable[..., BackupSource]:
    """Return a function that describes an installation in a folder of its own."""

    def describe(database: Database, name: str, *, secret: bytes | None) -> BackupSource:
        data = tmp_path / name
        data.mkdir(exist_ok=True)
        names = ("closing-reports", "messages", "templates", "uploads")
        address = parse_database_url(database.engine.url.render_as_string(hide_password=False))
        return BackupSource(
            database, PostgresqlPrograms(server.binaries, address), data, data / "backups",
            {one: data / one for one in names}, "MAIL_FROM='a@example.org'\n", secret,
        )  # fmt: skip

    return describe


@pytest.fixture
def source(place: Callable[..., BackupSource], database: Database) -> BackupSource:
    """Return the installation that is backed up."""
    return place(database, "old", secret=bytes(range(32)))


@pytest.fixture
def make_backup(
    source: BackupSource, passphrase: str, now: datetime
) -> Callable[[], CreatedBackup]:
    """Return a function that backs the installation up, with a cheap key."""
    return lambda: create_backup(source, passphrase, at=now, by="operator", cost=KeyCost(1, 8192))


@pytest.fixture
def empty_place(
    server: EmbeddedServer, place: Callable[..., BackupSource], database: Database
) -> Iterator[Callable[..., BackupSource]]:
    """Return a function that makes an empty database and folder."""
    with ExitStack() as stack:

        def make(name: str = "new", *, secret: bytes | None = None) -> BackupSource:
            database.create_database(f"restored_{name}")
            opened = Database.from_url(server.url(f"restored_{name}"))

            def drop() -> None:
                opened.dispose()
                with database.engine.connect().execution_options(
                    isolation_level="AUTOCOMMIT"
                ) as connection:
                    connection.exec_driver_sql(f"DROP DATABASE restored_{name} WITH (FORCE)")

            stack.callback(drop)
            return place(opened, name, secret=secret)

        yield make
