"""The dashboard's stream on a real socket: what is new, who may listen, and how it ends."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice

import httpx
import pytest

from ticketing.access.key_queries import Role
from ticketing.orders.order import Order
from ticketing.platform.application import Application
from ticketing.platform.http import sse

STREAM = "/voucher/api/stream"


@pytest.fixture
def boards() -> Callable[[httpx.Response], Iterator[dict[str, object]]]:
    """Reads the dashboards of a stream, one after another."""

    def read(stream: httpx.Response) -> Iterator[dict[str, object]]:
        lines = stream.iter_lines()
        for line in lines:
            if line == "event: dashboard":
                yield json.loads(next(lines).removeprefix("data: "))

    return read


def test_who_listens_hears_how_it_stands_and_then_what_is_new(
    viewer: httpx.Client,
    buy: Callable[..., Order],
    boards: Callable[[httpx.Response], Iterator[dict[str, object]]],
) -> None:
    with viewer.stream("GET", STREAM) as first, viewer.stream("GET", STREAM) as second:
        heard = [boards(first), boards(second)]
        before = [next(each) for each in heard]
        buy()
        after = [next(each) for each in heard]

    asked = viewer.get("/voucher/api/dashboard").json()["data"]
    assert first.headers["Content-Type"].startswith("text/event-stream")
    assert [board["revenue"] for board in (*before, *after)] == [0, 0, 5_000, 5_000]
    assert after[0] | {"at": "", "from": "", "to": ""} == asked | {"at": "", "from": "", "to": ""}


def test_while_nothing_is_new_a_comment_keeps_the_line_open(
    viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "KEEPALIVE_SECONDS", 0.05)

    with viewer.stream("GET", STREAM) as stream:
        lines = list(islice(stream.iter_lines(), 30))

    assert ": nothing new" in lines
    assert lines.count("event: dashboard") == 1


def test_a_stream_ends_after_a_while_so_that_its_key_is_looked_up_again(
    viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "MAX_STREAM_SECONDS", 0.1)
    monkeypatch.setattr(sse, "KEEPALIVE_SECONDS", 0.05)

    with viewer.stream("GET", STREAM) as stream:
        text = stream.read().decode()

    assert text.endswith("\n\n")


def test_a_stream_ends_well_when_the_service_stops(
    answering: Callable[[Application], AbstractContextManager[str]],
    application: Application,
    key_of: Callable[[Role], str],
    boards: Callable[[httpx.Response], Iterator[dict[str, object]]],
) -> None:
    with httpx.Client(headers={"X-API-Key": key_of(Role.VIEWER)}, timeout=60) as client:
        with answering(application) as address:
            request = client.build_request("GET", address + STREAM)
            stream = client.send(request, stream=True)
            heard = boards(stream)
            next(heard)
            told_to_stop = time.monotonic()

        left = list(heard)

    assert left == []
    # it did not have to wait until the stream's own time was over
    assert time.monotonic() - told_to_stop < sse.MAX_STREAM_SECONDS


def test_no_more_listen_than_may_and_only_with_a_key(
    viewer: httpx.Client,
    stranger: httpx.Client,
    boards: Callable[[httpx.Response], Iterator[dict[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sse, "MAX_CLIENTS", 1)

    with viewer.stream("GET", STREAM) as stream:
        heard = boards(stream)
        next(heard)
        refused = viewer.get(STREAM)

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
    assert refused.headers["Retry-After"] == "30"
    assert stranger.get(STREAM).status_code == 401
