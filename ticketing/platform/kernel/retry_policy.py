"""Retry policies: delays between attempts of failed work, and its end."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

_NO_DELAY = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """The delays between attempts at one piece of work.

    `delays[n - 1]` follows attempt n. After the last delay the work is exhausted: it is given up,
    or goes on at intervals of `then`.
    """

    delays: tuple[timedelta, ...]
    then: timedelta | None = None
    spread: float = 0.0  # the share by which jitter changes a delay to either side, 0 to 1
    max_retry_after: timedelta = _NO_DELAY  # the longest wait that a vendor may ask for
    time_limit: timedelta | None = None  # of failing in a row

    @classmethod
    def exponential(
        cls,
        initial: timedelta,
        *,
        max_attempts: int,
        factor: int = 2,
        max_delay: timedelta = timedelta.max,
        then: timedelta | None = None,
        spread: float = 0.0,
    ) -> Self:
        """Return a policy whose delays grow by `factor`, up to `max_delay`."""
        delays, delay = list[timedelta](), initial
        for _ in range(max_attempts - 1):
            delays.append(delay)
            delay = max_delay if delay > max_delay / factor else delay * factor
        return cls(delays=tuple(delays), then=then, spread=spread)

    @property
    def max_attempts(self) -> int:
        """Return the number of attempts after which the work is exhausted."""
        return len(self.delays) + 1

    def is_exhausted(self, attempts: int) -> bool:
        """Return whether so many failed attempts are enough to give up or to raise an incident."""
        return attempts >= self.max_attempts

    def has_timed_out(self, failing_since: datetime | None, *, at: datetime) -> bool:
        """Return whether failing in a row has reached the time limit."""
        if failing_since is None or self.time_limit is None:
            return False
        return at - failing_since >= self.time_limit

    def delay(self, attempts: int, *, jitter: float = 0.5) -> timedelta | None:
        """Return the wait after so many failed attempts, from 1; None when it is given up.

        `jitter` in [0, 1) is the random number that spreads it; 0.5 leaves it as it is.
        """
        delay = self.then if self.is_exhausted(attempts) else self.delays[attempts - 1]
        return None if delay is None else delay * (1 - self.spread + 2 * self.spread * jitter)

    def next_attempt_at(
        self,
        attempts: int,
        *,
        at: datetime,
        jitter: float = 0.5,
        retry_after: timedelta | None = None,
    ) -> datetime | None:
        """Return the time of the next attempt; None when the work is given up.

        A wait that the vendor asked for is kept, up to `max_retry_after`.
        """
        delay = self.delay(attempts, jitter=jitter)
        if delay is None:
            return None
        return at + max(delay, min(retry_after or _NO_DELAY, self.max_retry_after))
