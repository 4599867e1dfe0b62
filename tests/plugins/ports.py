"""TCP ports that nothing else takes between choosing and binding them.

A port that the kernel chooses lies in the ephemeral range, where any outgoing connection may take
it a moment later. These lie below that range, and each test worker has a part of its own, in which
it begins somewhere, so that another run on this machine rarely chooses the same.
"""

import os
import socket
from collections.abc import Callable
from itertools import count

import pytest

FIRST_PORT = 20_000
PORTS_PER_WORKER = 1_500  # up to eight workers stay below 32768
_offsets = count(os.getpid() * 7)


def _worker_number() -> int:
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def _next_port() -> int:
    return FIRST_PORT + _worker_number() * PORTS_PER_WORKER + next(_offsets) % PORTS_PER_WORKER


def _is_free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Return a function that returns another free port at each call."""

    def choose() -> int:
        return next(port for port in iter(_next_port, None) if _is_free(port))

    return choose


@pytest.fixture
def unused_port(free_port: Callable[[], int]) -> int:
    """Return a free port."""
    return free_port()
