"""Rate limiters of the three usual kinds, and how a refusal tells when to return."""

import time
from collections import deque
from email.utils import formatdate
from math import ceil
from typing import Literal, Protocol

LimiterKind = Literal["bucket", "fixed", "sliding"]
Advice = Literal["seconds", "date", "none", "reset-epoch", "reset-seconds"]


class Limiter(Protocol):
    """Admits requests. The caller passes a monotonic time in seconds; not thread-safe."""

    @property
    def remaining(self) -> int:
        """Return how many requests would be admitted at once."""

    def wait(self, now: float) -> float:
        """Return 0 and count the request, or the seconds until the next one is admitted."""


class TokenBucket:
    """Bucket that holds the tokens of a tenth of a second."""

    def __init__(self, per_second: float) -> None:
        """Begin with a full bucket."""
        self._rate, self._size = per_second, max(1.0, per_second / 10)
        self._tokens, self._at = self._size, 0.0

    @property
    def remaining(self) -> int:
        """Return the tokens left."""
        return int(self._tokens)

    def wait(self, now: float) -> float:
        """Return 0 and take a token, or the seconds until there is one."""
        self._tokens = min(self._size, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return (1 - self._tokens) / self._rate


class FixedWindow:
    """Count that begins anew with every second."""

    def __init__(self, per_second: float) -> None:
        """Begin without a request."""
        self._limit, self._window, self._count = per_second, -1, 0

    @property
    def remaining(self) -> int:
        """Return the requests left in this window."""
        return int(self._limit - self._count)

    def wait(self, now: float) -> float:
        """Return 0 and count the request, or the seconds to the next window."""
        if int(now) != self._window:
            self._window, self._count = int(now), 0
        if self._count + 1 <= self._limit:
            self._count += 1
            return 0
        return self._window + 1 - now


class SlidingWindow:
    """No more than the limit within any second."""

    def __init__(self, per_second: float) -> None:
        """Begin without a request."""
        self._limit = per_second
        self._latest: deque[float] = deque()

    @property
    def remaining(self) -> int:
        """Return the requests left in this second."""
        return int(self._limit - len(self._latest))

    def wait(self, now: float) -> float:
        """Return 0 and count the request, or the seconds until the oldest is a second ago."""
        while self._latest and self._latest[0] <= now - 1:
            self._latest.popleft()
        if len(self._latest) + 1 <= self._limit:
            self._latest.append(now)
            return 0
        return self._latest[0] + 1 - now


LIMITERS: dict[LimiterKind, type[TokenBucket | FixedWindow | SlidingWindow]] = {
    "bucket": TokenBucket,
    "fixed": FixedWindow,
    "sliding": SlidingWindow,
}


def make_limiter(kind: str, per_second: float) -> Limiter | None:
    """Return a limiter, or None for a rate of 0.

    Raises ValueError for an unknown kind and a rate below one request per second.
    """
    if kind not in LIMITERS:
        raise ValueError(f"unknown limiter {kind!r}; use one of {', '.join(LIMITERS)}")
    if per_second and per_second < 1:
        raise ValueError(
            f"rate {per_second!r}: use 1 or more requests per second, or 0 for no limit"
        )
    return LIMITERS[kind](per_second) if per_second else None


def advice_headers(advice: str, seconds: float) -> dict[str, str]:
    """Return the headers that tell a refused client when to return."""
    whole, now = ceil(seconds), int(time.time())
    if advice == "seconds":
        return {"Retry-After": str(whole)}
    if advice == "date":
        return {"Date": formatdate(now, usegmt=True),
                "Retry-After": formatdate(now + whole, usegmt=True)}  # fmt: skip
    if advice == "none":
        return {}
    reset = now + whole if advice == "reset-epoch" else whole
    return {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
