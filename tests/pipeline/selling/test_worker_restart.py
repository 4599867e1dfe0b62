"""Tests of a worker whose PostgreSQL is killed and restarted: it reconnects by itself."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.plugins.processes import ForkedProcess
from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.migrate import upgrade
from ticketing.selling.checkout.place_order import PlacedOrder

pytestmark = pytest.mark.kill


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return the data folder of the test's own server."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o711)  # root's server runs as somebody else, who must find its way
        yield Path(name)


@pytest.fixture
def own_server(folder: Path) -> Iterator[EmbeddedServer]:
    """Start the test's own server."""
    with EmbeddedServer(folder) as server:
        yield server


@pytest.fixture
def database_url(own_server: EmbeddedServer) -> str:
    """Return the address of that server's database."""
    database = Database.from_url(own_server.url())
    upgrade(database)
    database.dispose()
    return own_server.url().render_as_string(hide_password=False)


@pytest.fixture
def kill_server(own_server: EmbeddedServer) -> Callable[[], None]:
    """Return a function that kills the server and waits for its end."""

    def kill() -> None:
        number = int((own_server.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(number, signal.SIGKILL)
        while Path(f"/proc/{number}").exists():
            time.sleep(0.05)

    return kill


def test_a_worker_survives_a_restart_of_its_database(
    *,
    folder: Path,
    kill_server: Callable[[], None],
    start_worker: Callable[[], ForkedProcess],
    is_worker_running: Callable[[], bool],
    pay: Callable[..., PlacedOrder],
    count_printed: Callable[[], int],
    wait_until: Callable[[Callable[[], bool]], None],
) -> None:
    worker = start_worker()
    pay(places=1)
    wait_until(lambda: count_printed() == 1)

    kill_server()
    time.sleep(3)  # it looks for work meanwhile
    with EmbeddedServer(folder):
        wait_until(is_worker_running)
        pay(places=2)
        wait_until(lambda: count_printed() == 3)

        assert count_printed() == 3
        assert worker.poll() is None
