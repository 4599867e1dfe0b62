"""Something to look at that changes: one look for everybody who listens, as server-sent events."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from fastapi.concurrency import run_in_threadpool

from ticketing.platform.kernel.errors import TicketingError

MAX_CLIENTS = 50
POLL_SECONDS = 1.0
POLL_DUTY_FACTOR = 10  # a look takes at most a tenth of the time, however slow it is
KEEPALIVE_SECONDS = 15.0  # proxies hang up on who is silent
MAX_STREAM_SECONDS = 300.0  # then a client comes again, and its key is looked up again
KEEPALIVE = b": nothing new\n\n"


class EventStream:
    """Looks while somebody listens, and tells of what is not as it was. Lives on one event loop."""

    def __init__(self, name: str, poll: Callable[[], tuple[object, str]]) -> None:
        """`look` gives what makes it new when it is another, and a line of JSON; on a thread."""
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
        """Whether nobody else may listen."""
        return self._client_count >= MAX_CLIENTS

    def close(self) -> None:
        """Let everybody go: the service stops."""
        self._closed = True
        self._changed.set()

    async def events(self) -> AsyncIterator[bytes]:
        """How it stands, then whatever is new; a comment now and then while nothing is."""
        self._client_count += 1
        try:
            async for event in self._stream(until=time.monotonic() + MAX_STREAM_SECONDS):
                yield event
        finally:
            self._client_count -= 1

    async def _stream(self, *, until: float) -> AsyncIterator[bytes]:
        told: bytes | None = None
        while not self._closed and time.monotonic() < until:
            watch, changed = self._ensure_poller(), self._changed
            if self._latest_event is not None and self._latest_event is not told:
                told = self._latest_event
                yield told
                continue
            ringing = asyncio.ensure_future(changed.wait())
            await asyncio.wait(
                (ringing, watch), timeout=KEEPALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            ringing.cancel()
            if watch.done():
                watch.result()  # what nobody foresaw ends the stream
            elif not changed.is_set():
                yield KEEPALIVE

    def _ensure_poller(self) -> asyncio.Task[None]:
        if self._poller is None or self._poller.done():
            self._version = self._latest_event = None  # it may be old
            self._poller = asyncio.create_task(self._poll_loop())
        return self._poller

    async def _poll_loop(self) -> None:
        while self._client_count and not self._closed:
            began = time.monotonic()
            with suppress(TicketingError):  # the database is away: it comes back
                self._publish(*await run_in_threadpool(self._poll))
            took = time.monotonic() - began
            await asyncio.sleep(max(POLL_SECONDS, POLL_DUTY_FACTOR * took))

    def _publish(self, version: object, data: str) -> None:
        if version != self._version:
            self._version, self._latest_event = version, f"{self._event_prefix}{data}\n\n".encode()
            self._changed.set()
            self._changed = asyncio.Event()
