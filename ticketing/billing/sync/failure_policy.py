"""What follows a failed attempt: another one, a later one, or the end of the item or of the run.

Pure rules. An attempt that was refused for its rate is none of the student's tries.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ticketing.billing.sources.contract import FailedFetch, FailureClass
from ticketing.platform.kernel.retry_policy import RetryPolicy

STUDENT_TIME_LIMIT = timedelta(seconds=600)
DEFAULT_BLOCK_SECONDS, MAX_BLOCK_SECONDS = 1.0, 600.0
BREAKER_FAILURES, BREAKER_PAUSE_SECONDS, MAX_PROBES = 20, 30.0, 20
MAX_REFUSED_IN_A_ROW, MAX_WRONG_OWNERS = 3, 3
MAX_NOT_FOUND_SHARE = 0.01  # more of them are asked for once more

_SECOND = timedelta(seconds=1)
_THREE_TRIES = RetryPolicy.exponential(_SECOND, max_attempts=3, spread=0.3)
_TWO_TRIES = RetryPolicy.exponential(_SECOND, max_attempts=2, spread=0.3)
_ONE_TRY = RetryPolicy(delays=())
POLICIES = {
    FailureClass.NOT_FOUND: _ONE_TRY,
    FailureClass.TIMEOUT: _THREE_TRIES,
    FailureClass.BAD_DATA: _TWO_TRIES,
    FailureClass.REFUSED: _TWO_TRIES,
    FailureClass.UNAVAILABLE: _THREE_TRIES,
    FailureClass.WRONG_OWNER: _TWO_TRIES,
}
# not the student's fault: the item stays open, and the try does not count
FREE_OF_CHARGE = frozenset(
    {FailureClass.THROTTLED, FailureClass.PAUSED_QUOTA, FailureClass.SOURCE_CONFIG}
)
_ALWAYS_STOP = frozenset({FailureClass.PAUSED_QUOTA, FailureClass.SOURCE_CONFIG})


@dataclass(frozen=True, slots=True)
class NextStep:
    """What becomes of an item: with `next_attempt_at` it stays open until then."""

    next_attempt_at: datetime | None
    counts: bool  # as one of the student's tries
    is_deferred: bool = False  # decided at the end of the run


def next_step(
    failed: FailedFetch,
    *,
    attempts: int,
    first_failed_at: datetime | None,
    was_deferred: bool,
    at: datetime,
    jitter: float,
) -> NextStep:
    """Return the next step after a failed attempt; `attempts` includes it, if it counts."""
    if failed.failure in FREE_OF_CHARGE or failed.stops_run:
        return NextStep(at, counts=False)
    if failed.failure is FailureClass.NOT_FOUND and not was_deferred:
        return NextStep(at, counts=True, is_deferred=True)
    if at - (first_failed_at or at) >= STUDENT_TIME_LIMIT:
        return NextStep(None, counts=True)
    policy = POLICIES[failed.failure]
    return NextStep(policy.next_attempt_at(attempts, at=at, jitter=jitter), counts=True)


def asks_again_for_not_found(not_found: int, total: int) -> bool:
    """Return whether so many unknown students are rather a fault of the source."""
    return not_found > MAX_NOT_FOUND_SHARE * total


@dataclass(frozen=True, slots=True)
class SourceAction:
    """What an outcome means for everybody: nobody asks for some seconds, or the run stops."""

    pause_seconds: float = 0.0
    stop: FailedFetch | None = None


_NOTHING = SourceAction()


class SourceHealth:
    """Counts failures in a row, over all students of a run."""

    def __init__(self) -> None:
        self._unreachable = 0
        self._refused = 0
        self._wrong_owners = 0
        self._probes = 0
        self._paused_until = 0.0

    @property
    def is_probing(self) -> bool:
        """Return whether the breaker is open, so that one request at a time is enough."""
        return self._unreachable >= BREAKER_FAILURES

    def record_success(self) -> None:
        """Close the breaker."""
        self._unreachable = self._refused = self._probes = 0

    def record_failure(self, failed: FailedFetch, *, at: float) -> SourceAction:
        """Return what a failure means for the whole run; `at` are seconds of a steady clock."""
        kind = failed.failure
        if failed.stops_run or kind in _ALWAYS_STOP:
            return SourceAction(stop=failed)
        if kind is FailureClass.THROTTLED:
            return SourceAction(pause_seconds=throttle_seconds(failed.retry_after))
        if kind is FailureClass.REFUSED:
            self._refused += 1
            return SourceAction(stop=failed if self._refused >= MAX_REFUSED_IN_A_ROW else None)
        if kind is FailureClass.WRONG_OWNER:
            self._wrong_owners += 1
            return SourceAction(stop=failed if self._wrong_owners >= MAX_WRONG_OWNERS else None)
        if kind in (FailureClass.UNAVAILABLE, FailureClass.TIMEOUT):
            return self._record_unreachable(failed, at)
        self.record_success()  # it answered
        return _NOTHING

    def _record_unreachable(self, failed: FailedFetch, at: float) -> SourceAction:
        self._unreachable += 1
        if not self.is_probing or at < self._paused_until:  # it was on its way
            return _NOTHING
        self._probes += 1
        self._paused_until = at + BREAKER_PAUSE_SECONDS
        if self._probes > MAX_PROBES:
            return SourceAction(stop=failed)
        return SourceAction(pause_seconds=BREAKER_PAUSE_SECONDS)


def throttle_seconds(retry_after: float | None) -> float:
    """Return for how long nobody asks after a refusal for the rate."""
    wait = DEFAULT_BLOCK_SECONDS if retry_after is None else retry_after
    return min(max(wait, 0.0), MAX_BLOCK_SECONDS)
