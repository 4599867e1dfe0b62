"""Server-sent events; one poll of the database is shared by all subscribers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from fastapi.concurrency import run_in_threadpool

from ticketing.platform.kernel.errors import TicketingError

MAX_CLIENTS = 50
POLL_SECONDS = 1.0
POLL_DUTY_FACTOR = 10  # polling takes at most a tenth of the time, however slow the query is
KEEPALIVE_SECONDS = 15.0  # proxies close silent connections
MAX_STREAM_SECONDS = 60.0  # then the client reconnects, and its session or key is checked again
KEEPALIVE = b": nothing new\n\n"


class EventStream:
    """Polls while there are subscribers, and publishes changes. For one event loop."""

    def __init__(
        self, name: str, poll: Callable[[], tuple[object, str]], *, seconds: float = POLL_SECONDS
    ) -> None:
        """`poll` returns a value to compare and a line of JSON; it runs in a thread.

        `seconds` are those between two polls.
        """
        self._seconds = seconds
        self._event_prefix = f"event: {name}\ndata: "
        self._poll = poll
        self._version: object = None
        self._latest_event: bytes | None = None
        self._changed = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None
        self._client_count = 0
        self._closed = False

    @property
    def is_full(self) -> bool:
        """Return whether the maximum number of subscribers is reached."""
        return self._client_count >= MAX_CLIENTS

    def close(self) -> None:
        """End all streams, because the service stops."""
        self._closed = True
        self._changed.set()

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the present state, then every change, and comments to keep the connection open."""
        self._client_count += 1
        try:
            async for event in self._stream(until=time.monotonic() + MAX_STREAM_SECONDS):
                yield event
        finally:
            self._client_count -= 1

    async def _stream(self, *, until: float) -> AsyncIterator[bytes]:
        sent: bytes | None = None
        while not self._closed and time.monotonic() < until:
            poller, changed = self._ensure_poller(), self._changed
            if self._latest_event is not None and self._latest_event is not sent:
                sent = self._latest_event
                yield sent
                continue
            waiter = asyncio.ensure_future(changed.wait())
            await asyncio.wait(
                (waiter, poller), timeout=KEEPALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            waiter.cancel()
            if poller.done():
                poller.result()  # an unexpected error ends the stream
            elif not changed.is_set():
                yield KEEPALIVE

    def _ensure_poller(self) -> asyncio.Task[None]:
        if self._poller is None or self._poller.done():
            self._version = self._latest_event = None  # it may be outdated
            self._poller = asyncio.create_task(self._poll_loop())
        return self._poller

    async def _poll_loop(self) -> None:
        while self._client_count and not self._closed:
            began = time.monotonic()
            with suppress(TicketingError):  # the database is unavailable: try again
                self._publish(*await run_in_threadpool(self._poll))
            took = time.monotonic() - began
            await asyncio.sleep(max(self._seconds, POLL_DUTY_FACTOR * took))

    def _publish(self, version: object, data: str) -> None:
        if version != self._version:
            self._version, self._latest_event = version, f"{self._event_prefix}{data}\n\n".encode()
            self._changed.set()
            self._changed = asyncio.Event()
