"""Tests of `kill -9`: no half backup passes for one, and a half restore goes on."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess, Popen

import pytest

from ticketing.backup import queries, restore_queries
from ticketing.backup.create_backup import CreatedBackup
from ticketing.backup.model import is_backup_name
from ticketing.backup.source import BackupSource
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db.embedded.server import EmbeddedServer

PATIENCE_SECONDS = 60
MakeBackup = Callable[[], CreatedBackup]
# writes for ever; the closed pipe ends it
ENDLESS_DUMP = "#!/bin/sh\ntouch {started}\nexec yes\n"
# hands on the beginning, and the rest once the program that feeds it is gone
SLOW_LOADER = """#!/bin/sh
feeder=$PPID
(head -c 2000; touch {started}
 while [ -d /proc/$feeder ]; do sleep 0.02; done; cat) | {psql} "$@"
"""


@pytest.fixture
def started(tmp_path: Path) -> Path:
    """Return the file by which a replaced program says that it has begun."""
    return tmp_path / "started"


@pytest.fixture
def programs(server: EmbeddedServer, tmp_path: Path) -> Callable[[str, str], Path]:
    """Return a function that replaces one of PostgreSQL's programs, in a folder of its own."""

    def replace(name: str, script: str) -> Path:
        folder = tmp_path / "programs"
        folder.mkdir()
        for other in ("pg_dump", "psql"):
            (folder / other).symlink_to(server.binaries / other)
        (folder / name).unlink()
        (folder / name).write_text(script, encoding="utf-8")
        (folder / name).chmod(0o755)
        return folder

    return replace


@pytest.fixture
def kill_once_started(
    start_ticketing: Callable[..., Popen[str]],
    started: Path,
    passphrase: str,
) -> Callable[..., None]:
    """Return a function that runs a command at a place and kills it when the program has begun."""

    def run(place: BackupSource, folder: Path, *arguments: str) -> None:
        url = place.database.engine.url.render_as_string(hide_password=False)
        environment = {
            "PATH": os.environ["PATH"], "DATABASE_URL": url, "BACKUP_PASSPHRASE": passphrase,
            "TICKETING_DATA": str(place.data_path), "BACKUP_PROGRAMS": str(folder),
            "TICKETING_MASTER_SECRET": place.secret.hex() if place.secret else "",
        }  # fmt: skip
        process = start_ticketing(*arguments, environment=environment)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not started.exists():
            assert process.poll() is None, "it ended before the program had begun"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
        process.wait()

    return run


@pytest.mark.kill
def test_a_killed_backup_leaves_nothing_that_passes_for_one(
    kill_once_started: Callable[..., None], programs: Callable[[str, str], Path], started: Path,
    source: BackupSource, make_backup: MakeBackup,
) -> None:  # fmt: skip
    folder = programs("pg_dump", ENDLESS_DUMP.format(started=started))

    kill_once_started(source, folder, "backup", "create")

    left = [path.name for path in source.folder.iterdir()]
    assert not any(map(is_backup_name, left))
    assert source.database.run(queries.list_backups) == []
    made = make_backup()
    assert {path.name for path in source.folder.iterdir()} == {made.path.name, "backup.lock"}


@pytest.mark.kill
def test_a_killed_restore_leaves_an_empty_database_and_goes_on(
    kill_once_started: Callable[..., None], programs: Callable[[str, str], Path], started: Path,
    make_backup: MakeBackup, empty_place: Callable[..., BackupSource], event: Event,
    run_ticketing: Callable[..., CompletedProcess[str]], server: EmbeddedServer,
    passphrase: str,
) -> None:  # fmt: skip
    made, target = make_backup(), empty_place()
    script = SLOW_LOADER.format(started=started, psql=server.binaries / "psql")

    kill_once_started(target, programs("psql", script), "restore", str(made.path))

    assert target.database.run(restore_queries.list_tables) == []
    environment = {
        "PATH": os.environ["PATH"], "BACKUP_PASSPHRASE": passphrase,
        "DATABASE_URL": target.database.engine.url.render_as_string(hide_password=False),
        "TICKETING_DATA": str(target.data_path), "TICKETING_MASTER_SECRET": "",
    }  # fmt: skip
    refused = run_ticketing("events", "list", environment=environment)
    again = run_ticketing("restore", str(made.path), environment=environment)
    assert (refused.returncode, "it continues" in refused.stderr) == (2, True)
    assert again.returncode == 0, again.stderr
    assert target.database.run(event_queries.get, event.slug) == event
