"""Tests of connection poolers: without sessions of their own, programs refuse to start."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from ticketing.platform.db.database import Database, parse_database_url
from ticketing.platform.db.embedded.paths import SERVER_USER
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.pooler import require_sessions
from ticketing.platform.kernel.errors import Misconfigured

PGBOUNCER = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
needs_pgbouncer = pytest.mark.skipif(
    not Path(PGBOUNCER).exists(), reason="pgbouncer is not installed"
)
PATIENCE_SECONDS = 20
CONFIG = """\
[databases]
pooled = host={host} dbname={name} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
ignore_startup_parameters = {ignored}
"""


@pytest.fixture
def start_pgbouncer(
    database_url: str, free_port: Callable[[], int], tmp_path: Path
) -> Iterator[Callable[..., Database]]:
    """Return a function that starts PgBouncer before the test's database and opens it."""
    with ExitStack() as stack:

        def start(
            mode: str, *, size: int = 20, environment: str = "simulator", ignored: str = "options"
        ) -> Database:
            url, port = parse_database_url(database_url), free_port()
            tmp_path.chmod(0o755)
            config = tmp_path / "pgbouncer.ini"
            config.write_text(
                CONFIG.format(
                    host=url.query["host"], name=url.database, user=url.username,
                    password=url.password, port=port, mode=mode, size=size, ignored=ignored,
                ),
                encoding="utf-8",
            )  # fmt: skip
            own_user = ["-u", SERVER_USER] if os.geteuid() == 0 else []
            process = subprocess.Popen(
                [PGBOUNCER, "-q", *own_user, str(config)], stderr=subprocess.PIPE
            )
            stack.callback(process.communicate)
            stack.callback(process.terminate)
            pooled = f"postgresql://ticketing@127.0.0.1:{port}/pooled"
            _wait_for(pooled)
            opened = Database.from_url(pooled, environment=environment)  # type: ignore[arg-type]
            stack.callback(opened.dispose)
            return opened

        yield start


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


@pytest.fixture
def keep_environment(database: Database, server: EmbeddedServer) -> Iterator[None]:
    """Store the setting with the database, because PgBouncer drops that of the connection."""
    name = database.engine.url.database or ""
    admin = Database.from_url(server.admin_url(name))
    with admin.transaction() as connection:
        connection.execute(
            text(f"ALTER DATABASE {name} SET ticketing.payment_environment = 'simulator'")
        )
    yield
    with admin.transaction() as connection:
        connection.execute(text(f"ALTER DATABASE {name} RESET ticketing.payment_environment"))
    admin.dispose()


def test_postgresql_itself_is_accepted(database: Database) -> None:
    require_sessions(database, environment="simulator")


@needs_pgbouncer
@pytest.mark.process
@pytest.mark.usefixtures("keep_environment")
@pytest.mark.parametrize("size", [1, 20])
def test_transaction_mode_is_refused_with_the_setting_that_helps(
    start_pgbouncer: Callable[..., Database], size: int
) -> None:
    pooled = start_pgbouncer("transaction", size=size)

    with pytest.raises(Misconfigured, match="pool_mode = session"):
        require_sessions(pooled, environment="simulator")


@needs_pgbouncer
@pytest.mark.process
@pytest.mark.usefixtures("keep_environment")
def test_session_mode_is_accepted(start_pgbouncer: Callable[..., Database]) -> None:
    pooled = start_pgbouncer("session")

    require_sessions(pooled, environment="simulator")


@needs_pgbouncer
@pytest.mark.process
def test_a_pooler_that_drops_the_payment_environment_is_refused(
    start_pgbouncer: Callable[..., Database],
) -> None:
    pooled = start_pgbouncer("session", environment="production")

    with pytest.raises(Misconfigured, match="ALTER DATABASE"):
        require_sessions(pooled, environment="production")


@needs_pgbouncer
@pytest.mark.process
def test_a_pooler_that_refuses_settings_of_connections_is_named(
    start_pgbouncer: Callable[..., Database],
) -> None:
    pooled = start_pgbouncer("session", ignored="extra_float_digits")

    with pytest.raises(Misconfigured, match="refuses the settings"):
        require_sessions(pooled, environment="simulator")
