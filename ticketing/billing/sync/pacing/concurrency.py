"""How many requests may be in progress: fewer after time-outs, more again while answers come."""

import asyncio
import time
from collections.abc import Callable

MIN_CONCURRENCY = 2
WAIT_SECONDS = 0.1
HALVE_SECONDS = 5.0  # at most once in so many seconds: time-outs come together


class Concurrency:
    """The number of fetchers that may work; the others wait."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = most
        self._answers = 0
        self._halved_at = 0.0

    @property
    def allowed(self) -> int:
        """Return the present number."""
        return self._allowed

    async def turn(self, number: int, is_probing: Callable[[], bool]) -> None:
        """Wait until the fetcher with this number, from 0, may work; one alone may probe."""
        while number >= (1 if is_probing() else self._allowed):  # noqa: ASYNC110 - both may change
            await asyncio.sleep(WAIT_SECONDS)

    def record(self, *, is_timeout: bool) -> None:
        """Halve the number after a time-out; add one after as many answers as it allows."""
        if not is_timeout:
            self._answers += 1
            if self._answers >= self._allowed:
                self._answers = 0
                self._allowed = min(self._allowed + 1, self._most)
            return
        now = time.monotonic()
        if now - self._halved_at >= HALVE_SECONDS:
            self._halved_at, self._answers = now, 0
            self._allowed = max(self._allowed // 2, min(MIN_CONCURRENCY, self._most))
