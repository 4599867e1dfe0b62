"""Work that takes its time, one piece after the other, without waiting in between."""

import asyncio
from collections import deque
from collections.abc import Callable


class SerialQueue:
    """Actions in the order in which they came, each when it is due.

    Times are counted on from the last piece's end, never from when the timer woke us: a lane
    that takes 5 ms a piece does exactly 200 a second, as long as there is work.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin idle."""
        self._loop = loop
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()
        self._free_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def enqueue(self, seconds: float, action: Callable[[], None]) -> None:
        """Do it after so many seconds of the lane's own time; at once when that is none."""
        now = self._loop.time()
        self._free_at = max(self._free_at, now) + seconds
        self._put(self._free_at, action)

    def delay(self, seconds: float, action: Callable[[], None]) -> None:
        """Do it so many seconds from now, others meanwhile; but not before earlier ones."""
        self._put(self._loop.time() + seconds, action)

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._free_at = 0.0
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _put(self, due: float, action: Callable[[], None]) -> None:
        if not self._waiting and due <= self._loop.time():
            action()
            return
        self._waiting.append((due, action))
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._run)

    def _run(self) -> None:
        self._timer = None
        while self._waiting and self._waiting[0][0] <= self._loop.time():
            self._waiting.popleft()[1]()
        if self._waiting:
            self._timer = self._loop.call_at(self._waiting[0][0], self._run)
