"""Waiting for what happens in another thread or process, without sleeping longer than needed."""

import time
from collections.abc import Callable

import httpx
import pytest

from simulators.trust import trusted

PATIENCE_SECONDS = 90  # the machine may have other work
ASK_EVERY_SECONDS = 0.02


@pytest.fixture(scope="session")
def until_it_answers() -> Callable[[str], httpx.Response]:
    """Asks an address until somebody listens there; gives the answer."""

    def ask(url: str) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE_SECONDS
        with httpx.Client(timeout=60, verify=trusted()) as client:
            while True:
                try:
                    return client.get(url)
                except httpx.ConnectError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(ASK_EVERY_SECONDS)

    return ask
