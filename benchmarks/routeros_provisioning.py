"""Measure hotspot users per second, by client library.

    python -m benchmarks.routeros_provisioning

The router is the simulator in a separate process, new for each figure; at the end its number of
rows is checked. Its maximum is measured with prepared bytes, sent without a pause; replies are only
counted.

Router and client share the machine's cores, so the client's CPU time is printed as well: a router
on its own hardware is limited by the client at 0 ms per command.
"""

import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread
from typing import Any

import librouteros
import routeros_api

from simulators.routeros.wire import encode_sentence
from ticketing.routers.credentials import Credentials
from ticketing.routers.model import HotspotUser, Marker
from ticketing.routers.routeros.account import RouterAccount
from ticketing.routers.routeros.client import RouterClient

ROUNDS = 3  # the best one counts; the others show other load on the machine
SLOW_ROWS = 60  # for a client that needs 45 ms per row with any router
PROMISES = 50  # open promises of routeros-api
HOST, USER, PASSWORD = "127.0.0.1", "ticketing", "simulator-password"

Row = dict[str, str]
Put = Callable[[], object]


def rows(count: int) -> list[Row]:
    """Create the rows to add."""
    return [
        {
            "name": f"u{number:07}",
            "password": f"p{number:07}",
            "profile": "1h",
            "limit-uptime": "3600s",
            "comment": f"tk:bench:ORD-{number:07}:u{number:07}",
        }
        for number in range(count)
    ]


@contextmanager
def router(command_ms: float, distance_ms: float) -> Iterator[int]:
    """Run a new simulated router and yield its port."""
    options = [f"--command-ms={command_ms}", f"--distance-ms={distance_ms}", "--profile=1h"]
    with subprocess.Popen(  # noqa: S603 - our own module, our own arguments
        [sys.executable, "-m", "simulators.routeros", "--port=0", *options],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        yield int(process.stdout.readline().rsplit(":", 1)[1])
        process.terminate()


@contextmanager
def router_maximum(port: int, wanted: list[Row]) -> Iterator[Put]:
    """Measure the router's maximum."""
    login = _encode("/login", f"=name={USER}", f"=password={PASSWORD}")
    words = ([f"={name}={value}" for name, value in row.items()] for row in wanted)
    everything = b"".join(_encode("/ip/hotspot/user/add", *row) for row in words)
    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(login)
        assert b"!done" in connection.recv(100)

        def put() -> None:
            sender = Thread(target=connection.sendall, args=(everything,))
            sender.start()
            done, tail = 0, b""
            while done < len(wanted):
                piece = tail + connection.recv(1 << 16)
                done += piece.count(b"!done")
                tail = piece[-4:]  # shorter than the counted word, so nothing counts twice
            sender.join()

        yield put


def _encode(*words: str) -> bytes:
    return encode_sentence(word.encode() for word in words)


@contextmanager
def routeros_api_default(port: int, wanted: list[Row], *, no_delay: bool = False) -> Iterator[Put]:
    """Measure routeros-api as documented."""
    pool = routeros_api.RouterOsApiPool(
        HOST, username=USER, password=PASSWORD, port=port, plaintext_login=True
    )
    users = pool.get_api().get_resource("/ip/hotspot/user")
    if no_delay:
        pool.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    yield lambda: [users.add(**row) for row in wanted]
    pool.disconnect()


@contextmanager
def routeros_api_nodelay(port: int, wanted: list[Row]) -> Iterator[Put]:
    """Measure routeros-api with TCP_NODELAY set from outside."""
    with routeros_api_default(port, wanted, no_delay=True) as put:
        yield put


@contextmanager
def routeros_api_promises(port: int, wanted: list[Row]) -> Iterator[Put]:
    """Measure routeros-api with promises and TCP_NODELAY."""
    pool = routeros_api.RouterOsApiPool(
        HOST, username=USER, password=PASSWORD, port=port, plaintext_login=True
    )
    users = pool.get_api().get_resource("/ip/hotspot/user")
    pool.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def put() -> None:
        open_promises: deque[Any] = deque()
        for row in wanted:
            open_promises.append(users.call_async("add", row))
            if len(open_promises) == PROMISES:
                open_promises.popleft().get()
        for promise in open_promises:
            promise.get()

    yield put
    pool.disconnect()


@contextmanager
def librouteros_one_by_one(port: int, wanted: list[Row]) -> Iterator[Put]:
    """Measure librouteros, which does not support tags."""
    api = librouteros.connect(HOST, USER, PASSWORD, port=port)
    users = api.path("ip", "hotspot", "user")
    yield lambda: [users.add(**row) for row in wanted]
    api.close()


@contextmanager
def ours(port: int, wanted: list[Row]) -> Iterator[Put]:
    """Measure our client, including its preceding query of the profiles."""
    users = [
        HotspotUser(
            Credentials(row["name"], row["password"]),
            row["profile"],
            Marker("bench", row["comment"].split(":")[2], row["name"]),
            timedelta(hours=1),
        )
        for row in wanted
    ]
    with RouterClient(RouterAccount("bench", HOST, USER, PASSWORD, port, tls=False)) as door:
        door.health()  # connects, as the others do
        yield lambda: door.add(users)


CLIENTS = {
    "what the router can take": router_maximum,
    "routeros-api": routeros_api_default,
    "routeros-api, TCP_NODELAY": routeros_api_nodelay,
    "routeros-api, TCP_NODELAY, promises": routeros_api_promises,
    "librouteros": librouteros_one_by_one,
    "ours": ours,
}


def measure(
    client: str, wanted: list[Row], command_ms: float, distance_ms: float
) -> tuple[float, float]:
    """Return rows per second on a new router, and the client's CPU seconds per row."""
    with router(command_ms, distance_ms) as port:
        with CLIENTS[client](port, wanted) as put:
            begun, worked = time.perf_counter(), time.process_time()
            put()
            seconds, work = time.perf_counter() - begun, time.process_time() - worked
        with RouterClient(RouterAccount("bench", HOST, USER, PASSWORD, port, tls=False)) as door:
            assert len(door.own_users("bench")) == len(wanted)
    return len(wanted) / seconds, work / len(wanted)


def main() -> None:
    """Print each client's best rate, its share of the router's maximum, and its CPU time."""
    for command_ms, distance_ms, count in [(5, 0, 400), (5, 20, 200), (0, 0, 10_000)]:
        print(f"{command_ms} ms per command, {distance_ms} ms round trip:")
        rates: dict[str, list[tuple[float, float]]] = {name: [] for name in CLIENTS}
        for _ in range(ROUNDS):
            for name in CLIENTS:
                wanted = rows(SLOW_ROWS if name == "routeros-api" else count)
                rates[name].append(measure(name, wanted, command_ms, distance_ms))
        most, _ = max(rates["what the router can take"])
        for name, each in rates.items():
            best, work = max(each)
            part = f"{best / most:6.1%}"
            print(f"  {name:36} {best:8.0f}/s {part} {work * 1e6:8.0f} µs CPU per row")


if __name__ == "__main__":
    main()
