"""Tests of the embedded server: start in any folder, survive kills, stop with the last user."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded import roles
from ticketing.platform.db.embedded import server as server_module
from ticketing.platform.db.embedded.paths import copy_binaries_world_readable, wheel_binaries
from ticketing.platform.db.embedded.server import EmbeddedServer

pytestmark = [pytest.mark.kill, pytest.mark.process]

USE_SERVER = """
import sys, time
from pathlib import Path
from tempfile import TemporaryDirectory
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.embedded.paths import wheel_binaries
from ticketing.platform.db.embedded.paths import copy_binaries_world_readable

with EmbeddedServer(Path(sys.argv[1]), {"fsync": "off"}):
    print("up", flush=True)
    time.sleep(120)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return an empty folder that other users can enter."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)
        with EmbeddedServer(Path(name)):
            pass  # the last user stops it: no test leaves a server behind


@pytest.fixture
def start_server_user() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    """Return a function that starts a process which uses the server of a data folder."""
    started: list[subprocess.Popen[str]] = []

    def start(data: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", USE_SERVER, str(data)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def is_running(data: Path) -> bool:
    """Return whether a server runs on this data folder."""
    lock = data / "postgres" / "cluster" / "postmaster.pid"
    return lock.exists() and Path("/proc", lock.read_text().split("\n")[0]).exists()


def query_server(server: EmbeddedServer) -> int:
    """Return the result of `SELECT 41 + 1`."""
    database = Database.from_url(server.url())
    with database.transaction() as connection:
        result = connection.execute(text("SELECT 41 + 1")).scalar_one()
    database.dispose()
    return int(result)


@pytest.mark.parametrize(
    "name",
    ["plain", "with spaces and 'quotes' %41", "deep/" * 12 + "a-rather-long-folder-name" * 4],
)
def test_it_runs_under_any_folder_name(folder: Path, name: str) -> None:
    data = folder / name

    with EmbeddedServer(data) as server:
        assert query_server(server) == 42

    assert not is_running(data)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as somebody else")
def test_permissions_of_a_private_home_are_not_changed(folder: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)

    with EmbeddedServer(home / "data") as server:
        assert query_server(server) == 42

    assert home.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(server.cluster.parent)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server lies outside its checkout")
def test_a_new_checkout_gets_a_new_cluster_and_the_old_data_are_kept(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with EmbeddedServer(home / "data") as server:
        place = server.cluster.parent
    shutil.rmtree(home / "data")

    with EmbeddedServer(home / "data") as server:
        assert query_server(server) == 42

    aside = list(place.parent.glob(f"{place.name}.left-*"))
    assert len(aside) == 1
    for folder in (place, *aside):
        shutil.rmtree(folder)


def test_a_copy_of_the_server_runs_where_the_wheel_cannot_be_reached(tmp_path: Path) -> None:
    copied = copy_binaries_world_readable(wheel_binaries(), tmp_path)

    version = subprocess.run([copied / "initdb", "--version"], check=True, capture_output=True)

    assert b"(PostgreSQL) 18" in version.stdout
    assert copy_binaries_world_readable(wheel_binaries(), tmp_path) == copied


def test_two_folders_have_two_servers_side_by_side(folder: Path) -> None:
    with EmbeddedServer(folder / "a") as first, EmbeddedServer(folder / "b") as second:
        database = Database.from_url(first.url())
        with database.transaction() as connection:
            connection.execute(text("CREATE TABLE only_here ()"))
        database.dispose()

        other = Database.from_url(second.url())
        with other.transaction() as connection:
            assert connection.execute(text("SELECT to_regclass('only_here')")).scalar() is None
        other.dispose()


def test_the_server_stays_while_another_process_uses_it(
    folder: Path, start_server_user: Callable[[Path], subprocess.Popen[str]]
) -> None:
    start_server_user(folder)

    with EmbeddedServer(folder) as server:
        assert query_server(server) == 42

    assert is_running(folder)


def test_the_last_user_stops_it_even_when_another_was_killed(
    folder: Path, start_server_user: Callable[[Path], subprocess.Popen[str]]
) -> None:
    killed = start_server_user(folder)
    killed.kill()
    killed.wait()

    with EmbeddedServer(folder) as server:
        assert query_server(server) == 42

    assert not is_running(folder)


def test_a_killed_server_starts_again_with_its_data(
    folder: Path, start_server_user: Callable[[Path], subprocess.Popen[str]]
) -> None:
    user = start_server_user(folder)
    with EmbeddedServer(folder) as server:
        database = Database.from_url(server.url())
        with database.transaction() as connection:
            connection.execute(text("CREATE TABLE kept AS SELECT 7 AS number"))
        database.dispose()
        os.kill(int((server.cluster / "postmaster.pid").read_text().split("\n")[0]), signal.SIGKILL)
    user.kill()
    user.wait()

    with EmbeddedServer(folder) as server:
        database = Database.from_url(server.url())
        with database.transaction() as connection:
            assert connection.execute(text("SELECT number FROM kept")).scalar_one() == 7
        database.dispose()


@pytest.mark.parametrize("_", range(3))
def test_a_server_killed_at_start_is_restarted_and_a_killed_one_can_be_released(
    folder: Path, _: int
) -> None:
    with EmbeddedServer(folder) as server:
        postmaster = int((server.cluster / "postmaster.pid").read_text().split("\n")[0])
        os.kill(postmaster, signal.SIGKILL)
        with EmbeddedServer(folder) as again:
            assert query_server(again) == 42
            postmaster = int((again.cluster / "postmaster.pid").read_text().split("\n")[0])
        os.kill(postmaster, signal.SIGKILL)
        while is_running(folder):
            time.sleep(0.01)

    assert not is_running(folder)


def test_a_killed_server_is_restarted_by_its_user(folder: Path) -> None:
    with EmbeddedServer(folder) as server:
        assert server.restart_if_stopped() is False
        postmaster = int((server.cluster / "postmaster.pid").read_text().split("\n")[0])
        os.kill(postmaster, signal.SIGKILL)
        while is_running(folder):
            time.sleep(0.01)

        assert server.restart_if_stopped() is True

        assert query_server(server) == 42
    assert not is_running(folder)


def test_a_lock_file_of_another_process_is_ignored(folder: Path) -> None:
    with EmbeddedServer(folder):
        pass
    lock = folder / "postgres" / "cluster" / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{lock.parent}\n{int(time.time())}\n5432\n", encoding="utf-8")

    with EmbeddedServer(folder) as server:
        assert query_server(server) == 42


def test_a_killed_first_start_leaves_no_partial_cluster(folder: Path) -> None:
    started = subprocess.Popen(
        [sys.executable, "-c", USE_SERVER, str(folder)], stdout=subprocess.DEVNULL
    )
    parent = folder / "postgres"
    deadline = time.monotonic() + 20
    while not [*parent.glob("cluster.new*")] and time.monotonic() < deadline:
        time.sleep(0.001)
    started.kill()
    started.wait()

    with EmbeddedServer(folder) as server:
        assert query_server(server) == 42


def test_many_starting_at_once_share_one_server(
    folder: Path, start_server_user: Callable[[Path], subprocess.Popen[str]]
) -> None:
    others = [
        subprocess.Popen([sys.executable, "-c", USE_SERVER, str(folder)], stdout=subprocess.DEVNULL)
        for _ in range(3)
    ]

    start_server_user(folder)

    with EmbeddedServer(folder) as server:
        assert query_server(server) == 42
    for other in others:
        other.kill()
        other.wait()


OLD_OBJECTS = (
    "CREATE TABLE kept (id bigint GENERATED ALWAYS AS IDENTITY, number serial)",
    "INSERT INTO kept DEFAULT VALUES",
    "CREATE SEQUENCE alone",
    "CREATE VIEW seen AS SELECT id FROM kept",
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
)
IS_SUPERUSER = text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
OWNERS = text(
    "SELECT datdba::regrole::text FROM pg_database WHERE datname LIKE 'ticketing%' ORDER BY datname"
)


def test_our_role_is_no_superuser_and_that_of_an_old_cluster_loses_its_rights(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as old:
        old.setattr(server_module, "ADMIN_ROLE", roles.ROLE)
        old.setattr(server_module, "_admin_password", server_module._password)  # noqa: SLF001
        old.setattr(server_module, "ensure_roles", lambda *_: None)
        with EmbeddedServer(folder) as server:
            admin = Database.from_url(server.url("postgres"))
            admin.create_database("ticketing")
            admin.create_database("ticketing_dagster")
            admin.dispose()
            before = Database.from_url(server.url())
            with before.transaction() as connection:
                for statement in OLD_OBJECTS:
                    connection.execute(text(statement))
            before.dispose()

    for _ in range(2):
        with EmbeddedServer(folder) as server:
            database = Database.from_url(server.url())
            with database.transaction() as connection:
                assert connection.execute(IS_SUPERUSER).scalar_one() is False
                assert connection.execute(text("SELECT id FROM kept")).scalar_one() == 1
                connection.execute(text("ALTER TABLE kept ADD COLUMN more text"))
                connection.execute(text("ALTER TABLE kept DROP COLUMN more"))
                connection.execute(text("DROP VIEW seen; CREATE VIEW seen AS SELECT id FROM kept"))
                owners = connection.execute(OWNERS).scalars().all()
            with pytest.raises(ProgrammingError, match="permission denied"):
                database.run(lambda one: one.execute(text("SELECT pg_read_file('PG_VERSION')")))
            database.dispose()
            assert owners == ["ticketing", "ticketing"]
