"""Log one line per event, and above a rate only some of them."""

import threading
import time
from collections.abc import Callable

from structlog.stdlib import BoundLogger


class LogSampler:
    """Writes at most `max_per_second` lines; the next one says how many were left out."""

    def __init__(
        self,
        logger: BoundLogger,
        *,
        max_per_second: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start with a full second."""
        self._logger, self._max, self._clock = logger, max_per_second, clock
        self._lock = threading.Lock()
        self._second, self._written, self._left_out = -1, 0, 0

    def info(self, message: str, **data: object) -> None:
        """Write a line unless this second has enough; `leftOut` counts those before it."""
        with self._lock:
            second = int(self._clock())
            if second != self._second:
                self._second, self._written = second, 0
            if self._written >= self._max:
                self._left_out += 1
                return
            self._written += 1
            left_out, self._left_out = self._left_out, 0
        self._logger.info(message, **data, **({"leftOut": left_out} if left_out else {}))
