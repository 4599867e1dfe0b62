"""PostgreSQL killed under the worker and started again: the worker finds its way back by itself."""

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
    """Where a server of the test's own keeps its data."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o711)  # root's server runs as somebody else, who must find its way
        yield Path(name)


@pytest.fixture
def own_server(folder: Path) -> Iterator[EmbeddedServer]:
    """That server."""
    with EmbeddedServer(folder) as server:
        yield server


@pytest.fixture
def database_url(own_server: EmbeddedServer) -> str:
    """Its database, for everything in these tests."""
    database = Database.from_url(own_server.url())
    upgrade(database)
    database.dispose()
    return own_server.url().render_as_string(hide_password=False)


@pytest.fixture
def crash(own_server: EmbeddedServer) -> Callable[[], None]:
    """Kills the server; waits until its process has gone."""

    def kill() -> None:
        number = int((own_server.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(number, signal.SIGKILL)
        while Path(f"/proc/{number}").exists():
            time.sleep(0.05)

    return kill


def test_a_worker_outlives_its_database(
    *,
    folder: Path,
    crash: Callable[[], None],
    hire: Callable[[], ForkedProcess],
    is_there: Callable[[], bool],
    pay: Callable[..., PlacedOrder],
    printed: Callable[[], int],
    until: Callable[[Callable[[], bool]], None],
) -> None:
    worker = hire()
    pay(places=1)
    until(lambda: printed() == 1)

    crash()
    time.sleep(3)  # it looks for work meanwhile
    with EmbeddedServer(folder):
        until(is_there)
        pay(places=2)
        until(lambda: printed() == 3)

        assert printed() == 3
        assert worker.poll() is None
