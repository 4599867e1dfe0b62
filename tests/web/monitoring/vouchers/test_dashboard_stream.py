"""Tests of the dashboard's event stream on a socket: updates, authorisation, end."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice

import httpx
import pytest

from ticketing.access.caller import Role
from ticketing.orders.order import Order
from ticketing.platform.application import Application
from ticketing.platform.http import sse

STREAM = "/voucher/api/stream"


@pytest.fixture
def read_dashboards() -> Callable[[httpx.Response], Iterator[dict[str, object]]]:
    """Return a function that yields the dashboards of a stream."""

    def read(stream: httpx.Response) -> Iterator[dict[str, object]]:
        lines = stream.iter_lines()
        for line in lines:
            if line == "event: dashboard":
                yield json.loads(next(lines).removeprefix("data: "))

    return read


def test_a_client_gets_the_current_dashboard_and_then_updates(
    viewer: httpx.Client,
    buy: Callable[..., Order],
    read_dashboards: Callable[[httpx.Response], Iterator[dict[str, object]]],
) -> None:
    with viewer.stream("GET", STREAM) as first, viewer.stream("GET", STREAM) as second:
        heard = [read_dashboards(first), read_dashboards(second)]
        before = [next(each) for each in heard]
        buy()
        after = [next(each) for each in heard]

    asked = viewer.get("/voucher/api/dashboard").json()["data"]
    assert first.headers["Content-Type"].startswith("text/event-stream")
    assert [board["revenue"] for board in (*before, *after)] == [0, 0, 5_000, 5_000]
    assert after[0] | {"at": "", "from": "", "to": ""} == asked | {"at": "", "from": "", "to": ""}


def test_without_updates_a_comment_keeps_the_connection_open(
    viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "KEEPALIVE_SECONDS", 0.05)

    with viewer.stream("GET", STREAM) as stream:
        lines = list(islice(stream.iter_lines(), 30))

    assert ": nothing new" in lines
    assert lines.count("event: dashboard") == 1


def test_a_stream_ends_after_a_while_so_that_its_key_is_checked_again(
    viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "MAX_STREAM_SECONDS", 0.1)
    monkeypatch.setattr(sse, "KEEPALIVE_SECONDS", 0.05)

    with viewer.stream("GET", STREAM) as stream:
        text = stream.read().decode()

    assert text.endswith("\n\n")


def test_a_stream_ends_cleanly_when_the_service_stops(
    serve: Callable[[Application], AbstractContextManager[str]],
    application: Application,
    key_of: Callable[[Role], str],
    read_dashboards: Callable[[httpx.Response], Iterator[dict[str, object]]],
) -> None:
    with httpx.Client(headers={"X-API-Key": key_of(Role.VIEWER)}, timeout=60) as client:
        with serve(application) as address:
            request = client.build_request("GET", address + STREAM)
            stream = client.send(request, stream=True)
            heard = read_dashboards(stream)
            next(heard)
            told_to_stop = time.monotonic()

        left = list(heard)

    assert left == []
    # it did not have to wait until the stream's own time was over
    assert time.monotonic() - told_to_stop < sse.MAX_STREAM_SECONDS


def test_streams_are_limited_in_number_and_need_a_key(
    viewer: httpx.Client,
    anonymous_client: httpx.Client,
    read_dashboards: Callable[[httpx.Response], Iterator[dict[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sse, "MAX_CLIENTS", 1)

    with viewer.stream("GET", STREAM) as stream:
        heard = read_dashboards(stream)
        next(heard)
        refused = viewer.get(STREAM)

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
    assert refused.headers["Retry-After"] == "30"
    assert anonymous_client.get(STREAM).status_code == 401
