"""Queue that runs timed actions one after another without blocking."""

import asyncio
from collections import deque
from collections.abc import Callable


class SerialQueue:
    """Actions in order of arrival, each when it is due.

    Delays are counted from the end of the previous action, not from the timer's wake-up: a
    queue with 5 ms per action runs exactly 200 actions per second while it has work.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()
        self._free_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def enqueue(self, seconds: float, action: Callable[[], None]) -> None:
        """Run an action after `seconds` of queue time; immediately for 0."""
        now = self._loop.time()
        self._free_at = max(self._free_at, now) + seconds
        self._put(self._free_at, action)

    def delay(self, seconds: float, action: Callable[[], None]) -> None:
        """Run an action `seconds` from now, not before earlier actions; others run meanwhile."""
        self._put(self._loop.time() + seconds, action)

    def clear(self) -> None:
        """Discard pending actions."""
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
