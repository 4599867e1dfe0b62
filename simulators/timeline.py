"""Delayed actions in threads; actions of one key run in order."""

import heapq
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from threading import Condition, Thread
from zlib import crc32

_LANES = 8
_log = logging.getLogger(__name__)


class Timeline:
    """Scheduler of delayed actions; the actions of one lane run one after another."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, str, Callable[[], object]]] = []
        self._numbers = count()
        self._changed = Condition()
        self._ended = False
        self._lanes = [ThreadPoolExecutor(1) for _ in range(_LANES)]
        self._clock = Thread(target=self._run, name="timeline", daemon=True)
        self._clock.start()

    def schedule(self, seconds: float, lane: str, action: Callable[[], object]) -> None:
        """Run an action after a delay, after earlier actions of the same lane."""
        with self._changed:
            due = time.monotonic() + max(seconds, 0)
            heapq.heappush(self._due, (due, next(self._numbers), lane, action))
            self._changed.notify()

    def close(self) -> None:
        """Discard pending actions and wait for running ones."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._clock.join()
        for lane in self._lanes:
            lane.shutdown(cancel_futures=True)

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._ended:
                    self._changed.wait(self._seconds_to_next())
                if self._ended:
                    return
                ready = self._take_due()
            for lane, action in ready:
                executor = self._lanes[crc32(lane.encode()) % _LANES]
                executor.submit(action).add_done_callback(_log_exception)

    def _seconds_to_next(self) -> float | None:
        return max(self._due[0][0] - time.monotonic(), 0) if self._due else None

    def _take_due(self) -> list[tuple[str, Callable[[], object]]]:
        ready = []
        while self._due and self._due[0][0] <= time.monotonic():
            _, _, lane, action = heapq.heappop(self._due)
            ready.append((lane, action))
        return ready


def _log_exception(future: Future[object]) -> None:
    if not future.cancelled() and (error := future.exception()):
        _log.error("an action of the simulator failed", exc_info=error)
