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

    def __init__(self, name: str, look: Callable[[], tuple[object, str]]) -> None:
        """`look` gives what makes it new when it is another, and a line of JSON; on a thread."""
        self._head = f"event: {name}\ndata: "
        self._look = look
        self._new: object = None
        self._seen: bytes | None = None
        self._changed = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._listeners = 0
        self._ended = False

    @property
    def is_full(self) -> bool:
        """Whether nobody else may listen."""
        return self._listeners >= MAX_CLIENTS

    def end(self) -> None:
        """Let everybody go: the service stops."""
        self._ended = True
        self._changed.set()

    async def events(self) -> AsyncIterator[bytes]:
        """How it stands, then whatever is new; a comment now and then while nothing is."""
        self._listeners += 1
        try:
            async for event in self._told(until=time.monotonic() + MAX_STREAM_SECONDS):
                yield event
        finally:
            self._listeners -= 1

    async def _told(self, *, until: float) -> AsyncIterator[bytes]:
        told: bytes | None = None
        while not self._ended and time.monotonic() < until:
            watch, changed = self._watched(), self._changed
            if self._seen is not None and self._seen is not told:
                told = self._seen
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

    def _watched(self) -> asyncio.Task[None]:
        if self._watch is None or self._watch.done():
            self._new = self._seen = None  # it may be old
            self._watch = asyncio.create_task(self._keep_looking())
        return self._watch

    async def _keep_looking(self) -> None:
        while self._listeners and not self._ended:
            began = time.monotonic()
            with suppress(TicketingError):  # the database is away: it comes back
                self._tell(*await run_in_threadpool(self._look))
            took = time.monotonic() - began
            await asyncio.sleep(max(POLL_SECONDS, POLL_DUTY_FACTOR * took))

    def _tell(self, new: object, line: str) -> None:
        if new != self._new:
            self._new, self._seen = new, f"{self._head}{line}\n\n".encode()
            self._changed.set()
            self._changed = asyncio.Event()
