"""`Idempotency-Key`: repeat a successful response for five minutes, whatever the request."""

import time
from collections.abc import Callable
from threading import Lock

from simulators.http import CLOSE_CONNECTION, HttpResponse

_LONGEST_KEY = 46
_KEY_LASTS_SECONDS = 300
_IN_PROGRESS = {"status_code": "202", "status_message": "In progress"}


class IdempotencyKeys:
    """Stored responses by key, shared by all endpoints of a merchant."""

    def __init__(self) -> None:
        self._answers: dict[str, tuple[float, HttpResponse | None]] = {}
        self._lock = Lock()

    def once(self, key: str, act: Callable[[], HttpResponse]) -> HttpResponse:
        """Return the stored response or execute `act`; keys that are too long are ignored."""
        if len(key) > _LONGEST_KEY:
            return act()
        with self._lock:
            at, answer = self._answers.get(key, (0.0, CLOSE_CONNECTION))
            if answer is None:
                return HttpResponse.json(202, _IN_PROGRESS)
            if answer is not CLOSE_CONNECTION and time.monotonic() - at < _KEY_LASTS_SECONDS:
                return answer
            self._answers[key] = (0.0, None)
        answer = CLOSE_CONNECTION
        try:
            answer = act()
        finally:
            with self._lock:
                self._answers[key] = (
                    time.monotonic(),
                    answer if answer.is_success else CLOSE_CONNECTION,
                )
        return answer
