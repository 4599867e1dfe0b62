"""How fast messages may go: a day's budget, when all will be sent, and when to stop."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ticketing.notifications.messages.message import (
    Accepted,
    Deferred,
    FailureScope,
    PauseScope,
    Rejected,
    SendOutcome,
)

DAY = timedelta(hours=24)
INTERACTIVE_RESERVE_DIVISOR = 5  # a fifth


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most so many messages in any 24 hours (None: no such limit), at least so far apart."""

    per_day: int | None
    min_interval: timedelta = timedelta(0)

    def next_send_at(self, sent: Sequence[datetime], *, at: datetime) -> datetime:
        """When the next may go, after all that were sent in the last day, oldest first."""
        earliest = max(at, sent[-1] + self.min_interval) if sent else at
        if self.per_day is None or len(sent) < self.per_day:
            return earliest
        return max(earliest, sent[-self.per_day] + DAY)

    def available_now(self, sent: Sequence[datetime], *, at: datetime, most: int) -> int:
        """How many may go at this moment, at most so many."""
        if self.per_day == 0:
            return 0
        times = list(sent)
        while len(times) - len(sent) < most and self.next_send_at(times, at=at) <= at:
            times.append(at)
        return len(times) - len(sent)

    @property
    def bulk_limit(self) -> "RateLimit":
        """For what is sent to many who wait for nothing: some of a day is kept for who does."""
        kept = (
            None
            if self.per_day is None
            else self.per_day - self.per_day // INTERACTIVE_RESERVE_DIVISOR
        )
        return RateLimit(kept, self.min_interval)

    def last_send_at(
        self, queued_count: int, sent: Sequence[datetime], *, at: datetime
    ) -> datetime | None:
        """When the last of those waiting goes, if nothing goes wrong; None when it never can."""
        if self.per_day == 0 and queued_count:
            return None
        times = [each for each in sent if each > at - DAY]
        for _ in range(queued_count):
            times.append(self.next_send_at(times, at=at))
        return times[-1] if queued_count else at


BREAKER_WINDOW = 50
BREAKER_MIN_OUTCOMES = 20
BREAKER_FAILURE_RATE = 0.3


def find_stop_reason(outcomes: Sequence[SendOutcome]) -> str | None:
    """Why a channel must be stopped, judged by its latest answers, newest last; None: go on.

    One answer that concerns the whole channel is enough. Else it takes a share of failures among
    the last ones; numbers that nobody has are counted too, since numbers get banned for them.
    """
    if not outcomes:
        return None
    newest = outcomes[-1]
    if isinstance(newest, Deferred) and newest.pause_scope is PauseScope.CHANNEL:
        return f"the vendor refuses the whole channel: {newest.reason}"
    looked_at = outcomes[-BREAKER_WINDOW:]
    failing = sum(1 for each in looked_at if not isinstance(each, Accepted))
    if len(looked_at) < BREAKER_MIN_OUTCOMES or failing <= BREAKER_FAILURE_RATE * len(looked_at):
        return None
    ours = sum(
        1 for each in looked_at if isinstance(each, Rejected) and each.scope is FailureScope.MESSAGE
    )
    blamed = f", {ours} of them for what we wrote" if ours else ""
    return f"{failing} of the last {len(looked_at)} messages were not taken{blamed}"
