"""Tests that a webhook is sent to the address that was checked, whatever its name means later."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from ticketing.webhooks.client import WebhookClient

NAME = "hooks.rebinding.example"
Resolve = Callable[..., list[str]]


class _Receiver(BaseHTTPRequestHandler):
    """Answers 204 and notes the host that it was called by."""

    hosts: tuple[str, ...] = ()

    def do_POST(self) -> None:
        type(self).hosts += (self.headers["Host"],)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def receiver() -> Iterator[HTTPServer]:
    """Start a receiver on this machine."""
    _Receiver.hosts = ()
    with HTTPServer(("127.0.0.1", 0), _Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def resolve_to(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Return a function that makes a name mean one address after the other.

    There is no name server to ask, so the system's resolver is replaced.
    """
    usual = socket.getaddrinfo

    def set_addresses(*addresses: str) -> list[str]:
        asked: list[str] = []

        def getaddrinfo(host: object, port: Any, *more: Any, **options: Any) -> Any:  # noqa: ANN401
            if host not in (NAME, NAME.encode()):
                return usual(host, port, *more, **options)  # type: ignore[arg-type]  # as given
            asked.append(addresses[min(len(asked), len(addresses) - 1)])
            return usual(asked[-1], port, *more, **options)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return asked

    return set_addresses


def test_a_name_that_changes_after_the_check_is_called_at_the_checked_address(
    receiver: HTTPServer, resolve_to: Resolve
) -> None:
    asked = resolve_to("127.0.0.1", "10.0.0.1")
    url = f"http://{NAME}:{receiver.server_port}/hook"

    answer = WebhookClient(allow_loopback=True, timeout_seconds=5).post(url, b"{}", {})

    assert (answer.status, asked) == (204, ["127.0.0.1"])
    assert _Receiver.hosts == (f"{NAME}:{receiver.server_port}",)


def test_a_name_that_means_a_private_address_is_not_called(
    receiver: HTTPServer, resolve_to: Resolve
) -> None:
    resolve_to("127.0.0.1")
    url = f"http://{NAME}:{receiver.server_port}/hook"

    answer = WebhookClient(timeout_seconds=5).post(url, b"{}", {})

    assert (answer.status, _Receiver.hosts) == (None, ())
    assert "127.0.0.1, which is not public" in answer.error
