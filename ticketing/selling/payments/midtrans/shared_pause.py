"""A pause that the gateway asked for, kept by all threads that share a client."""

import time
from collections.abc import Callable
from threading import Lock


class SharedPause:
    """Thread-safe; the longest of the pauses that were asked for counts."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without a pause; the clock counts seconds."""
        self._clock = clock
        self._ends_at = clock()
        self._lock = Lock()

    def extend(self, seconds: float) -> None:
        """Pause for at least so many seconds from now."""
        with self._lock:
            self._ends_at = max(self._ends_at, self._clock() + seconds)

    def remaining_seconds(self) -> float:
        """Return the seconds until requests are welcome again, 0 if they are."""
        return max(0.0, self._ends_at - self._clock())
