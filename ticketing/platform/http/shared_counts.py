"""Share limits and metrics with the other processes of the web service, through the database.

Each process decides at once from its own memory, and adds what it has counted four times a second.
So no request waits for the database, and N processes together allow at most N bursts of a limit
within that time; what was too much is subtracted afterwards.
"""

import threading
import time
from collections.abc import Mapping

import structlog

from ticketing.platform.db.database import Database
from ticketing.platform.db.web_process_queries import add_to_levels, delete_drained_levels
from ticketing.platform.http.rate_limit import RateLimiter
from ticketing.platform.http.request_metrics import RequestCollector
from ticketing.platform.kernel.errors import TicketingError

LOG = structlog.stdlib.get_logger("ticketing.app.web")
SHARE_SECONDS = 0.25
CLEAN_UP_SECONDS = 60.0
STOP_SECONDS = 5.0


class SharedCounts:
    """A thread that shares while there is something to share; without requests it asks nothing."""

    def __init__(
        self, database: Database, limiters: Mapping[str, RateLimiter], requests: RequestCollector
    ) -> None:
        """`limiters` are the limits by name; processes with the same name share one."""
        self._database, self._limiters, self._requests = database, limiters, requests
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shared-counts", daemon=True)
        self._cleaned_at = float("-inf")
        self._is_failing = False

    def start(self) -> None:
        """Begin to share."""
        self._thread.start()

    def close(self) -> None:
        """Share once more and stop."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)

    def share(self) -> None:
        """Add what was counted here, and subtract what other processes have counted.

        Raises Unavailable; the limits of this process hold nevertheless.
        """
        for name, limiter in self._limiters.items():
            self._share_limit(f"{name} ", limiter)
        self._requests.share()

    def _share_limit(self, prefix: str, limiter: RateLimiter) -> None:
        spent = {prefix + key: count for key, count in limiter.take_spent().items()}
        if not spent:
            return
        with self._database.transaction() as connection:
            levels = add_to_levels(connection, spent, per_second=limiter.per_second)
            if time.monotonic() - self._cleaned_at > CLEAN_UP_SECONDS:
                delete_drained_levels(connection)
                self._cleaned_at = time.monotonic()
        limiter.set_levels({key.removeprefix(prefix): level for key, level in levels.items()})

    def _run(self) -> None:
        while not self._stop.wait(SHARE_SECONDS):
            self._share_or_log()
        self._share_or_log()

    def _share_or_log(self) -> None:
        try:
            self.share()
        except TicketingError as error:
            if not self._is_failing:  # once, not four times a second
                LOG.warning("limits are not shared with other processes", reason=str(error))
            self._is_failing = True
        else:
            self._is_failing = False
