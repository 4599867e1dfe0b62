"""Tests that connections which make no progress end, and that slow progress is allowed."""

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from ticketing.platform.application import Application
from ticketing.platform.http import connection_guard
from ticketing.platform.http.connection_guard import GuardedProtocol

Connect = Callable[[], socket.socket]
PATIENCE_SECONDS = 10
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /api/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for tenths of seconds instead of minutes."""
    monkeypatch.setattr(connection_guard, "HEADER_SECONDS", 0.3)
    monkeypatch.setattr(connection_guard, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(connection_guard, "WRITE_SECONDS", 0.3)


@pytest.fixture
def connect(address: str) -> Connect:
    """Return a function that opens a connection to the service."""
    where = urlsplit(address)

    def connected() -> socket.socket:
        return socket.create_connection((where.hostname, where.port), timeout=PATIENCE_SECONDS)

    return connected


def _read_to_end(connection: socket.socket) -> bytes:
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_connection_without_a_request_ends_silently(connect: Connect) -> None:
    assert _read_to_end(connect()) == b""


@pytest.mark.parametrize(
    ("begin", "drip"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b""),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-A: b\r\n"),
        (POST + b"Content-Length: 90000\r\n\r\n{", b""),
        (POST + b"Content-Length: 90000\r\n\r\n{", b" "),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["half a header", "a slow header", "half a body", "a slow body", "slow chunks"],
)
def test_a_request_that_is_never_complete_ends_with_408(
    connect: Connect, begin: bytes, drip: bytes
) -> None:
    with connect() as connection:
        connection.sendall(begin)
        connection.settimeout(0.05)
        answer = b""
        until = time.monotonic() + PATIENCE_SECONDS
        while not answer and time.monotonic() < until:
            try:
                connection.sendall(drip)
                answer = connection.recv(65536)
            except TimeoutError:
                continue

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() < until


def test_a_body_that_is_fast_enough_may_take_longer(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_guard, "BODY_BYTES_PER_SECOND", 10)
    with connect() as connection:
        connection.sendall(POST + b"Connection: close\r\nContent-Length: 40\r\n\r\n" + b" " * 20)
        time.sleep(0.6)
        connection.sendall(b" " * 20)
        answer = _read_to_end(connection)

    assert answer.startswith(b"HTTP/1.1 400 ")  # the blanks are no order


def test_bytes_behind_a_complete_request_do_not_keep_a_connection(connect: Connect) -> None:
    with connect() as connection:
        connection.sendall(GET + b"\r\n")
        first = connection.recv(65536)
        connection.sendall(b"\r\n")

        assert first.startswith(b"HTTP/1.1 200 ")
        assert _read_to_end(connection) == b""


def test_requests_that_arrive_together_are_answered(connect: Connect) -> None:
    with connect() as connection:
        connection.sendall(GET * 2 + GET.replace(b"Host", b"Connection: close\r\nHost"))
        assert _read_to_end(connection).count(b"HTTP/1.1 200 ") == 3


def test_a_response_that_nobody_reads_ends() -> None:
    with _serving_megabytes() as where, socket.create_connection(where) as connection:
        connection.sendall(GET)
        hung_up = select.poll()
        hung_up.register(connection, select.POLLERR)

        assert hung_up.poll(PATIENCE_SECONDS * 1000)
        with pytest.raises(ConnectionResetError):
            _read_to_end(connection)


@contextmanager
def _serving_megabytes() -> Iterator[tuple[str, int]]:
    """Serve more than the buffers of the system hold."""

    async def answer(scope: Scope, _: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(16 * 1024 * 1024)})

    config = uvicorn.Config(answer, http=GuardedProtocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield listening.getsockname()
        server.should_exit = True
        thread.join()


def test_surplus_connections_of_a_network_end_and_those_of_a_proxy_do_not(
    open_test_application: Callable[..., AbstractContextManager[Application]],
    serve: Callable[..., AbstractContextManager[str]],
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_guard, "HEADER_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(connection_guard, "MAX_CONNECTIONS_PER_NETWORK", 3)

    def answered(proxies: str) -> int:
        with (
            open_test_application(database_url, tmp_path, trusted_proxies=proxies) as application,
            serve(application) as address,
        ):
            where = urlsplit(address)
            with ExitStack() as opened:
                return sum(
                    _is_answered(
                        opened.enter_context(socket.create_connection((where.hostname, where.port)))
                    )
                    for _ in range(5)
                )

    assert (answered("10.0.0.0/8"), answered("127.0.0.1")) == (3, 5)


def _is_answered(connection: socket.socket) -> bool:
    """Return whether a request is answered on a connection, which stays open."""
    try:
        connection.sendall(GET)
        return connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    except ConnectionError:
        return False
