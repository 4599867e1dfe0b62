"""Tests of `ticketing backup` and `ticketing restore` as a person runs them."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer

Ticketing = Callable[..., subprocess.CompletedProcess[str]]
PASSPHRASE = "six random words of a test"  # noqa: S105 - of a test


@pytest.fixture
def ticketing(run_ticketing: Ticketing, database_url: str, tmp_path: Path) -> Ticketing:
    """Return a function that runs `ticketing …` with a database, a folder and a passphrase."""
    environment = {
        "PATH": os.environ["PATH"], "DATABASE_URL": database_url, "COLUMNS": "200",
        "TICKETING_DATA": str(tmp_path / "data"), "BACKUP_PASSPHRASE": PASSPHRASE,
    }  # fmt: skip

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return run_ticketing(*arguments, environment=environment | more)

    return run


@pytest.fixture
def empty(database: Database, server: EmbeddedServer, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return the settings of a host with an empty database and folder, and without a secret."""
    database.create_database("restored_by_command")
    yield {
        "DATABASE_URL": server.url("restored_by_command").render_as_string(hide_password=False),
        "TICKETING_DATA": str(tmp_path / "new"),
        "TICKETING_MASTER_SECRET": "",
    }
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE restored_by_command WITH (FORCE)")


@pytest.mark.slow
def test_a_backup_is_made_listed_checked_and_restored_into_an_empty_folder(
    ticketing: Ticketing, empty: dict[str, str]
) -> None:
    ticketing(
        "events", "create", "wisuda-2030", "--name", "Wisuda", "--starts", "2030-12-12T08:00",
        "--venue", "Grha",
    )  # fmt: skip
    made = ticketing("backup", "create", "--json")
    assert made.returncode == 0, made.stderr
    path = json.loads(made.stdout)["path"]
    verified = ticketing("backup", "verify", path)
    listed = json.loads(ticketing("backup", "list", "--json").stdout)

    checked = ticketing("restore", "--check", path, **empty)
    restored = ticketing("restore", path, **empty)
    events = json.loads(ticketing("events", "list", "--json", **empty).stdout)
    status = ticketing("restore", "--status", **empty)
    finished = ticketing("restore", "--finish", **empty)
    again = ticketing("restore", path, **empty)

    assert (verified.returncode, listed[0]["verified_at"] is not None) == (0, True)
    assert (checked.returncode, restored.returncode) == (0, 0), checked.stderr + restored.stderr
    assert "payments reconcile" in restored.stdout
    assert [one["slug"] for one in events] == ["wisuda-2030"]
    assert "not yet: ticketing payments reconcile" in status.stdout
    assert (finished.returncode, "reconcile" in finished.stderr) == (2, True)
    assert (again.returncode, "Nothing was changed" in again.stderr) == (2, True)


def test_without_a_passphrase_the_ways_to_give_one_are_named(
    ticketing: Ticketing, tmp_path: Path
) -> None:
    typed = ticketing("backup", "create", BACKUP_PASSPHRASE="")
    missing = ticketing("backup", "create", "--passphrase-file", str(tmp_path / "nothing"))
    short = ticketing("backup", "create", BACKUP_PASSPHRASE="short")  # noqa: S106

    assert (typed.returncode, "--passphrase-file" in typed.stderr) == (2, True)
    assert (missing.returncode, "first line" in missing.stderr) == (2, True)
    assert (short.returncode, "at least 12" in short.stderr) == (2, True)


def test_a_file_of_something_else_is_refused_in_words(ticketing: Ticketing, tmp_path: Path) -> None:
    other = tmp_path / "photo.jpg"
    other.write_bytes(bytes(100))

    checked = ticketing("restore", "--check", str(other))
    unclear = ticketing("restore", str(other), "--status")

    assert (checked.returncode, "no backup made by" in checked.stderr) == (2, True)
    assert unclear.returncode == 2
    assert "Traceback" not in checked.stderr + unclear.stderr
