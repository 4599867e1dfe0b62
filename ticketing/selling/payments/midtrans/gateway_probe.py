"""A cached look at whether the gateway answers and accepts our key, for the health page."""

import threading
import time
from collections.abc import Callable

from ticketing.platform.kernel.errors import GatewayRefused, GatewayUnavailable

MAX_AGE_SECONDS = 30.0  # one request in this time, however often the health page is read
WAIT_SECONDS = 1.0  # of a reader for a new answer; afterwards the last one is shown
_NOT_FOUND = 404


class GatewayProbe:
    """Asks the gateway in a thread of its own. Thread-safe."""

    def __init__(
        self, ping: Callable[[], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Create a probe; `ping` raises GatewayRefused or GatewayUnavailable."""
        self._ping = ping
        self._clock = clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._answer: bool | None = None
        self._answered_at = 0.0

    def is_up(self) -> bool | None:
        """Return whether the gateway answered lately; None while that is not known yet."""
        with self._lock:
            age = self._clock() - self._answered_at
            if self._answer is not None and age < MAX_AGE_SECONDS:
                return self._answer
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._ask, name="gateway probe", daemon=True)
                self._thread.start()
            asking = self._thread
        asking.join(WAIT_SECONDS)
        return self._answer

    def _ask(self) -> None:
        try:
            self._ping()
            is_up = True
        except GatewayRefused as refusal:  # an unknown order is what we asked about
            is_up = refusal.details.get("status") == _NOT_FOUND
        except GatewayUnavailable:
            is_up = False
        except RuntimeError:  # the client was closed meanwhile, with the application
            return
        self._answer, self._answered_at = is_up, self._clock()
