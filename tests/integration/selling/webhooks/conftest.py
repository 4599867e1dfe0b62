"""Fixtures: a webhook receiver on a socket, and our log of calls."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from simulators.hooks import WebhookReceiver
from ticketing.crypto.keyring import KeyRing
from ticketing.platform.db.database import Database
from ticketing.webhooks.call_queries import WebhookCall
from ticketing.webhooks.client import WebhookClient
from ticketing.webhooks.endpoints import add_endpoint, list_endpoint_calls
from ticketing.webhooks.model import WebhookEndpoint
from ticketing.webhooks.send import WebhookRunResult, send_due_calls


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """Start a webhook receiver."""
    with WebhookReceiver() as somebody:
        yield somebody


@pytest.fixture
def timeout_seconds() -> float:
    """Return the timeout in seconds, sufficient for slow machines."""
    return 60


@pytest.fixture
def poster(timeout_seconds: float) -> WebhookClient:
    """Return our webhook client."""
    return WebhookClient(allow_loopback=True, timeout_seconds=timeout_seconds)


@pytest.fixture
def register_endpoint(
    database: Database, keys: KeyRing, receiver: WebhookReceiver, now: datetime
) -> Callable[..., WebhookEndpoint]:
    """Return a function that registers the receiver as `shop` for the given kinds or all."""

    def add(*kinds: str, **more: object) -> WebhookEndpoint:
        terms = {
            "name": "shop",
            "url": receiver.url,
            "allow_loopback": True,
            "at": now,
            "by": "cli",
        }
        return add_endpoint(database, keys, kinds=kinds, **terms | more).endpoint

    return add


@pytest.fixture
def send(
    database: Database, keys: KeyRing, poster: WebhookClient, now: datetime
) -> Callable[..., WebhookRunResult]:
    """Return a function that makes the due calls, a given time later."""

    def go(**after: float) -> WebhookRunResult:
        at = now + timedelta(**after)
        return send_due_calls(database, poster, keys, at=at, by="worker", jitter=lambda: 0.5)

    return go


@pytest.fixture
def list_calls(database: Database) -> Callable[..., list[WebhookCall]]:
    """Return a function that reads the shop's calls, oldest first."""

    def fetch(name: str = "shop") -> list[WebhookCall]:
        return list_endpoint_calls(database, name, limit=1000)[::-1]

    return fetch
