"""How much one number may send: a second, to one person, and to how many people in a day."""

from collections import deque
from dataclasses import dataclass

THROUGHPUT, PAIR, TIER = 130429, 131056, 131048
_DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class SendingLimits:
    """Meta's figures by default; 0 is no limit."""

    a_second: int = 80
    pair_burst: int = 45
    pair_seconds: float = 6.0  # one message more may go to the same person after this
    people_a_day: int = 100_000


class SendingLimiter:
    """Counts what was let through. The caller keeps the time, and one call at a time."""

    def __init__(self, allowed: SendingLimits) -> None:
        """Nothing sent yet."""
        self.allowed = allowed
        self._latest: deque[float] = deque()
        self._debts: dict[str, tuple[float, float]] = {}  # by number: messages owed, since when
        self._people: dict[str, float] = {}  # by number: when they were last written to

    def exceeded_limit(self, to: str, at: float, *, is_business_initiated: bool) -> int | None:
        """The code of the limit that a message would break; None lets it through.

        Only people who did not write first count for the day. Meta names no code for that; a
        number under restrictions is the nearest.
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
