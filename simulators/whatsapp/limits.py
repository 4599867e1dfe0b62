"""Sending limits of one number: per second, per recipient and recipients per day."""

from collections import deque
from dataclasses import dataclass

THROUGHPUT, PAIR, TIER = 130429, 131056, 131048
_DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class SendingLimits:
    """Limits, by default Meta's; 0 means no limit."""

    a_second: int = 80
    pair_burst: int = 45
    pair_seconds: float = 6.0  # interval between messages to one recipient
    people_a_day: int = 100_000


class SendingLimiter:
    """Counters of accepted messages. Not thread-safe; the caller passes the time."""

    def __init__(self, allowed: SendingLimits) -> None:
        self.allowed = allowed
        self._latest: deque[float] = deque()
        self._debts: dict[str, tuple[float, float]] = {}  # by number: count, time
        self._people: dict[str, float] = {}  # by number: time of the last message

    def exceeded_limit(self, to: str, at: float, *, is_business_initiated: bool) -> int | None:
        """Return the error code of the limit that a message exceeds; None accepts it.

        Only recipients who did not write first count for the daily limit. Meta documents no
        code for it; the code for a restricted number is the closest.
        """
        if self._exceeds_throughput(at):
            return THROUGHPUT
        if self._exceeds_pair_rate(to, at) + 1 > (self.allowed.pair_burst or float("inf")):
            return PAIR
        if is_business_initiated and self._exceeds_daily_recipients(to, at):
            return TIER
        self._latest.append(at)
        self._debts[to] = (self._exceeds_pair_rate(to, at) + 1, at)
        if is_business_initiated:
            self._people[to] = at
        return None

    def _exceeds_throughput(self, at: float) -> bool:
        while self._latest and self._latest[0] <= at - 1:
            self._latest.popleft()
        return bool(self.allowed.a_second) and len(self._latest) >= self.allowed.a_second

    def _exceeds_pair_rate(self, to: str, at: float) -> float:
        owed, since = self._debts.get(to, (0.0, at))
        return max(0.0, owed - (at - since) / self.allowed.pair_seconds)

    def _exceeds_daily_recipients(self, to: str, at: float) -> bool:
        limit = self.allowed.people_a_day
        if not limit or at - self._people.get(to, -_DAY_SECONDS) < _DAY_SECONDS:
            return False
        return sum(at - last < _DAY_SECONDS for last in self._people.values()) >= limit
