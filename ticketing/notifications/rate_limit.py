"""Rate limits of a channel, the estimate of the last send time, and the stop criterion."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ticketing.notifications.messages.message import (
    Accepted,
    FailureScope,
    Rejected,
    SendOutcome,
)

DAY = timedelta(hours=24)
INTERACTIVE_RESERVE_DIVISOR = 5  # one fifth of the day


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Maximum messages per 24 hours (None: unlimited) and minimum interval between two."""

    per_day: int | None
    min_interval: timedelta = timedelta(0)

    def next_send_at(self, sent: Sequence[datetime], *, at: datetime) -> datetime:
        """Return when the next message may go; `sent` are the last day's times, oldest first."""
        earliest = max(at, sent[-1] + self.min_interval) if sent else at
        if self.per_day is None or len(sent) < self.per_day:
            return earliest
        return max(earliest, sent[-self.per_day] + DAY)

    def available_now(self, sent: Sequence[datetime], *, at: datetime, most: int) -> int:
        """Return how many messages may be sent now, at most `most`."""
        if self.per_day == 0:
            return 0
        times = list(sent)
        while len(times) - len(sent) < most and self.next_send_at(times, at=at) <= at:
            times.append(at)
        return len(times) - len(sent)

    @property
    def bulk_limit(self) -> "RateLimit":
        """Rate limit of campaigns: a part of the day is reserved for transactional messages."""
        per_day = (
            None
            if self.per_day is None
            else self.per_day - self.per_day // INTERACTIVE_RESERVE_DIVISOR
        )
        return RateLimit(per_day, self.min_interval)

    def last_send_at(
        self, queued_count: int, sent: Sequence[datetime], *, at: datetime
    ) -> datetime | None:
        """Estimate when the last of `queued_count` messages will be sent; None if never."""
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
    """Return why a channel must be stopped, by its latest outcomes, newest last, or None.

    A share of failed attempts is. Unknown numbers count too, because providers ban senders for
    them. What concerns the whole channel is not among the outcomes: it pauses the channel.
    """
    recent = outcomes[-BREAKER_WINDOW:]
    failing = sum(1 for each in recent if not isinstance(each, Accepted))
    if len(recent) < BREAKER_MIN_OUTCOMES or failing <= BREAKER_FAILURE_RATE * len(recent):
        return None
    content_failures = sum(
        1 for each in recent if isinstance(each, Rejected) and each.scope is FailureScope.MESSAGE
    )
    detail = f", {content_failures} of them for their content" if content_failures else ""
    return f"{failing} of the last {len(recent)} messages were not accepted{detail}"
