"""Rate limiters of the three usual kinds. Not thread-safe; the caller passes the time."""

from collections import deque
from typing import Literal, Protocol

LimiterKind = Literal["bucket", "fixed", "sliding"]


class Limiter(Protocol):
    """Admits requests; a refused one is told how many seconds to wait."""

    def wait(self, now: float) -> float:
        """Return 0 and count the request, or the seconds until the next one is admitted."""
        ...


class TokenBucket:
    """A bucket that holds a tenth of a second's tokens."""

    def __init__(self, per_second: float) -> None:
        self._rate, self._size = per_second, max(1.0, per_second / 10)
        self._tokens, self._at = self._size, 0.0

    def wait(self, now: float) -> float:
        """Return 0 and take a token, or the seconds until there is one."""
        self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return (1 - self._tokens) / self._rate


class FixedWindow:
    """A count that begins anew with every second of the clock."""

    def __init__(self, per_second: float) -> None:
        self._limit, self._window, self._count = per_second, -1, 0

    def wait(self, now: float) -> float:
        """Return 0 and count the request, or the seconds to the next window."""
        if int(now) != self._window:
            self._window, self._count = int(now), 0
        if self._count < self._limit:
            self._count += 1
            return 0
        return self._window + 1 - now


class SlidingWindow:
    """No more than the limit within any second."""

    def __init__(self, per_second: float) -> None:
        self._limit = per_second
        self._latest: deque[float] = deque()

    def wait(self, now: float) -> float:
        """Return 0 and count the request, or the seconds until the oldest one is a second ago."""
        while self._latest and self._latest[0] <= now - 1:
            self._latest.popleft()
        if len(self._latest) < self._limit:
            self._latest.append(now)
            return 0
        return self._latest[0] + 1 - now


LIMITERS: dict[LimiterKind, type[TokenBucket | FixedWindow | SlidingWindow]] = {
    "bucket": TokenBucket, "fixed": FixedWindow, "sliding": SlidingWindow,
}  # fmt: skip
