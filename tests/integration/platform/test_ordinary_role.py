"""Tests of `ticketing migrate` as a role of PostgreSQL that may do little: it says what lacks."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer

Execute = Callable[[str], None]
NAMES = ("ordinary_shop", "ordinary_shop_dagster")


@pytest.fixture
def execute(server: EmbeddedServer) -> Iterator[Execute]:
    """Return a function that executes as the administrator; there is a role without rights."""
    admin = Database.from_url(server.admin_url("postgres"))
    engine = admin.engine.execution_options(isolation_level="AUTOCOMMIT")

    def run(statement: str) -> None:
        with engine.connect() as connection:
            connection.execute(text(statement))

    run("CREATE ROLE ordinary LOGIN PASSWORD 'x' NOSUPERUSER NOCREATEDB")
    run(f"CREATE DATABASE {NAMES[0]}")
    yield run
    for name in NAMES:
        run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    run("DROP ROLE ordinary")
    admin.dispose()


def test_an_ordinary_role_is_told_what_an_administrator_has_to_do(
    execute: Execute,
    server: EmbeddedServer,
    run_ticketing: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    role = {"username": "ordinary", "password": "x"}
    url = server.url(NAMES[0]).set(drivername="postgresql", **role)
    environment = {
        "DATABASE_URL": url.render_as_string(hide_password=False), "TICKETING_DATA": str(tmp_path),
    }  # fmt: skip

    def migrate() -> tuple[int, str]:
        done = run_ticketing("migrate", environment=environment)
        return done.returncode, done.stdout + done.stderr

    schema = migrate()
    execute(f"ALTER DATABASE {NAMES[0]} OWNER TO ordinary")
    database = migrate()
    execute(f"CREATE DATABASE {NAMES[1]} OWNER ordinary")
    done = migrate()

    assert (schema[0], database[0], done[0]) == (2, 2, 0)
    assert f"run: ALTER DATABASE {NAMES[0]} OWNER TO ordinary" in schema[1]
    assert f"CREATE DATABASE {NAMES[1]} OWNER ordinary" in database[1].replace('"', "")
    assert "Traceback" not in schema[1] + database[1]
