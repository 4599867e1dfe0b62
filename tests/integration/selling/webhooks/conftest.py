"""Somebody who is told of orders, on a real socket, and what we have noted of the calls."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from simulators.hooks import HookReceiver
from ticketing.crypto.keyring import KeyRing
from ticketing.platform.db.database import Database
from ticketing.webhooks.call_queries import Call
from ticketing.webhooks.client import HookClient
from ticketing.webhooks.endpoints import add_hook, hook_calls
from ticketing.webhooks.model import Endpoint
from ticketing.webhooks.send import Told, send_hooks


@pytest.fixture
def receiver() -> Iterator[HookReceiver]:
    """Somebody who listens."""
    with HookReceiver() as somebody:
        yield somebody


@pytest.fixture
def patience() -> float:
    """How many seconds of silence we bear: enough for any machine."""
    return 60


@pytest.fixture
def poster(patience: float) -> HookClient:
    """Our side of the wire."""
    return HookClient(rehearsal=True, seconds=patience)


@pytest.fixture
def listen(
    database: Database, keys: KeyRing, receiver: HookReceiver, now: datetime
) -> Callable[..., Endpoint]:
    """Tells the receiver, called shop unless said otherwise, of these kinds or of all."""

    def add(*kinds: str, **more: object) -> Endpoint:
        terms = {"name": "shop", "url": receiver.url, "rehearsal": True, "at": now, "by": "cli"}
        return add_hook(database, keys, kinds=kinds, **terms | more).endpoint

    return add


@pytest.fixture
def send(
    database: Database, keys: KeyRing, poster: HookClient, now: datetime
) -> Callable[..., Told]:
    """Makes the calls that are due after so much time."""

    def go(**after: float) -> Told:
        at = now + timedelta(**after)
        return send_hooks(database, poster, keys, at=at, by="worker", jitter=lambda: 0.5)

    return go


@pytest.fixture
def calls(database: Database) -> Callable[..., list[Call]]:
    """The log of the shop's calls, the oldest first."""

    def look(name: str = "shop") -> list[Call]:
        return hook_calls(database, name, limit=1000)[::-1]

    return look
