"""Tests of webhook calls killed at any step: repeated under the same message id until stored."""

import signal
import time
from collections.abc import Callable
from datetime import datetime
from subprocess import CompletedProcess

import pytest

from simulators.hooks import WebhookReceiver
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.webhooks.call_queries import WebhookCall
from ticketing.webhooks.model import CallState, WebhookEndpoint
from ticketing.webhooks.send import WebhookRunResult

pytestmark = pytest.mark.kill

WORKER = """
import os, signal, sys
from datetime import datetime
from sqlalchemy import event
from ticketing.webhooks.client import WebhookClient
from ticketing.platform.db.database import Database
from ticketing.webhooks.send import send_due_calls
from ticketing.crypto.keyring import KeyRing

url, at, step, when = sys.argv[1:]
left = int(when)

def die_at_last(*_):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

class Dying(WebhookClient):
    def post(self, *arguments):
        answer = super().post(*arguments)
        if step == "after the call":
            die_at_last()
        return answer

database = Database.from_url(url)
if step != "after the call":
    event.listen(database.engine, step, die_at_last)
send_due_calls(
    database, Dying(allow_loopback=True), KeyRing(bytes(range(32))), at=datetime.fromisoformat(at),
    by="worker", limit=1,  # so that no second claim runs beside the call, and steps have one order
)
"""


@pytest.fixture
def run_killed(
    run_script: Callable[..., CompletedProcess[str]], database_url: str, now: datetime
) -> Callable[[str, int], int]:
    """Return a function that sends webhooks in a process that kills itself at the n-th step."""

    def run(step: str, when: int) -> int:
        return run_script(WORKER, database_url, now.isoformat(), step, str(when)).returncode

    return run


@pytest.mark.parametrize(
    ("step", "when", "received_count"),
    [
        ("before_cursor_execute", 1, 1),
        ("commit", 1, 1),
        ("after the call", 1, 2),
        ("before_cursor_execute", 3, 2),
        ("commit", 2, 2),
    ],
)
def test_a_killed_sender_loses_no_call_and_a_repeated_one_has_the_same_id(
    sell: Callable[..., int],
    place: Callable[..., PlacedOrder],
    register_endpoint: Callable[..., WebhookEndpoint],
    send: Callable[..., WebhookRunResult],
    list_calls: Callable[..., list[WebhookCall]],
    receiver: WebhookReceiver,
    run_killed: Callable[[str, int], int],
    step: str,
    when: int,
    received_count: int,
) -> None:
    register_endpoint()
    place((sell("Guest"), 1))

    killed = run_killed(step, when)
    deadline = time.monotonic() + 10
    while list_calls()[0].state is not CallState.DELIVERED and time.monotonic() < deadline:
        send(seconds=1)  # long before the lease ends: the claim died with its process

    assert killed == -signal.SIGKILL
    assert len(receiver.received) == received_count
    assert len(set(receiver.ids())) == 1
    assert [call.state for call in list_calls()] == [CallState.DELIVERED]
    assert send(days=9) == WebhookRunResult(0, 0)
