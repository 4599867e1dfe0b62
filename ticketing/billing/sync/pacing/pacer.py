"""Waits for the slots of a source in one event loop; the slots come from PostgreSQL."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from ticketing.billing.sync.pacing import pace_queries
from ticketing.billing.sync.pacing.pace import (
    BUSY_SHARE,
    LEARN_SECONDS,
    LEASE_SECONDS,
    PROBE_SECONDS,
)
from ticketing.billing.sync.pacing.pace_queries import Lease
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Unavailable

# a slot may be used so late, which evens out pauses of the event loop; then it has expired
MAX_LATENESS = 0.8 * LEASE_SECONDS
EARLY_SECONDS = 0.0005  # sleeping for less costs more than it evens out
MEASURED_SECONDS = 1.0


class PacerClosed(Exception):
    """No more requests may be sent."""


class Pacer:
    """Slots of one source. `slot` returns when a request may be sent."""

    def __init__(
        self, database: Database, source: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._source, self._clock = database, source, clock
        self._slots: deque[float] = deque()
        self._passed: deque[float] = deque()
        self._turn = asyncio.Lock()
        self._sleeper: asyncio.Future[bool] | None = None  # at most one: who has the turn
        self._next_lease: asyncio.Task[tuple[Lease, float]] | None = None
        self._interval, self._is_learning = 0.0, False
        self._used = 0
        self._looked_at = clock()
        self._is_closed = False

    @property
    def rate(self) -> float:
        """Return the present number of slots a second; 0 before the first one."""
        return 1 / self._interval if self._interval else 0.0

    async def slot(self) -> None:
        """Wait for the next slot. Raises PacerClosed after `close`, and Unavailable."""
        async with self._turn:
            while True:
                self.require_open()
                if not self._slots:
                    await self._refill()
                    continue
                at = self._slots.popleft()
                if at < self._clock() - MAX_LATENESS:
                    continue
                if await self._sleep_until(at):
                    self._used += 1
                    return

    def require_open(self) -> None:
        """Raise PacerClosed after `close`."""
        if self._is_closed:
            raise PacerClosed

    def passed(self) -> None:
        """Count a response that was not a refusal."""
        now = self._clock()
        self._passed.append(now)
        while self._passed[0] < now - MEASURED_SECONDS:
            self._passed.popleft()

    async def refused(self, seconds: float) -> None:
        """Stop everybody for some seconds after a refusal, and lower the rate."""
        passed = self._passed_a_second()
        await self._block(seconds, passed)

    async def pause(self, seconds: float) -> None:
        """Stop everybody for some seconds, because the source does not answer."""
        await self._block(seconds, None)

    def close(self) -> None:
        """Let nobody send any more, and wake who waits."""
        self._is_closed = True
        self._wake()

    async def keep_rate(self) -> None:
        """Raise the rate in steps while nothing is refused, until cancelled."""
        while True:
            await asyncio.sleep(LEARN_SECONDS if self._is_learning else PROBE_SECONDS / 12)
            with suppress(Unavailable):
                await asyncio.to_thread(
                    self._database.run, pace_queries.raise_rate, self._source,
                    was_busy=self._was_busy(),
                )  # fmt: skip

    def _was_busy(self) -> bool:
        now, used, interval = self._clock(), self._used, self._interval
        slots = (now - self._looked_at) / interval if interval else 0
        self._used, self._looked_at = 0, now
        return slots > 0 and used >= BUSY_SHARE * slots

    def _passed_a_second(self) -> float:
        now = self._clock()
        recent = [at for at in self._passed if at >= now - MEASURED_SECONDS]
        return len(recent) / max(now - recent[0], LEARN_SECONDS) if recent else 0.0

    async def _block(self, seconds: float, passed_a_second: float | None) -> None:
        self._slots.clear()
        if self._next_lease is not None:
            self._next_lease.cancel()  # its slots expire
            self._next_lease = None
        self._wake()
        await asyncio.to_thread(
            self._database.run, pace_queries.block, self._source,
            seconds=seconds, passed_a_second=passed_a_second,
        )  # fmt: skip
        # slots that were taken while the block was being written
        self._slots.clear()
        self._wake()

    def _wake(self) -> None:
        """Wake who sleeps until a slot that is not valid any more."""
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(False)

    def _prefetch(self) -> None:
        if self._next_lease is None and not self._is_closed:
            self._next_lease = asyncio.create_task(self._take_lease())

    async def _take_lease(self) -> tuple[Lease, float]:
        return await asyncio.to_thread(self._lease_now)

    def _lease_now(self) -> tuple[Lease, float]:
        lease = self._database.run(pace_queries.lease_slots, self._source)
        return lease, self._clock() + lease.delay

    async def _refill(self) -> None:
        self._prefetch()
        task = self._next_lease
        if task is None:
            return
        try:
            lease, first = await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():  # by a refusal, which also ended its slots
                return
            raise
        finally:
            if self._next_lease is task and task.done():
                self._next_lease = None
        self._interval, self._is_learning = lease.interval, lease.is_learning
        self._slots.extend(first + number * lease.interval for number in range(lease.count))
        self._prefetch()  # a lease ahead: a slow answer of the database costs no slot

    async def _sleep_until(self, at: float) -> bool:
        """Sleep; return False if the slot is not valid any more."""
        delay = at - self._clock()
        if delay <= EARLY_SECONDS:
            return True
        loop = asyncio.get_running_loop()
        sleeper: asyncio.Future[bool] = loop.create_future()
        self._sleeper = sleeper
        timer = loop.call_later(delay, _end_sleep, sleeper)
        try:
            return await sleeper
        finally:
            timer.cancel()
            self._sleeper = None


def _end_sleep(sleeper: asyncio.Future[bool]) -> None:
    if not sleeper.done():
        sleeper.set_result(True)
