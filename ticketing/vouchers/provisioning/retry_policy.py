"""When a router, or a router about one voucher, is asked again; and when a person is to be told.

A router that fails rests, longer each time. After three retries it is given up on, which a person
is told once; from then on it is looked at every half minute, and all goes on when it answers.
"""

from datetime import datetime, timedelta

MAX_RETRIES = 3
PROBE_INTERVAL = timedelta(seconds=30)
REFUSED_RETRY_DELAY = timedelta(minutes=10)  # what only a person mends on the router
_INITIAL_BACKOFF = timedelta(seconds=2)
_BACKOFF_FACTOR = 4  # 2, 8 and 32 seconds: a router that restarts is back by then


def is_request_allowed(open_until: datetime | None, *, at: datetime) -> bool:
    """Whether a router's rest is over, if it has one."""
    return open_until is None or open_until <= at


def has_exhausted_retries(failures: int) -> bool:
    """Whether so many failures in a row are enough to stop trying for now."""
    return failures > MAX_RETRIES


def circuit_open_until(failures: int, *, at: datetime, jitter: float) -> datetime:
    """Until when a router rests that has failed so often in a row, from 1.

    `jitter` in [0, 1) spreads the rest by a quarter to either side.
    """
    rest = (
        PROBE_INTERVAL
        if has_exhausted_retries(failures)
        else _INITIAL_BACKOFF * _BACKOFF_FACTOR ** (failures - 1)
    )
    return at + _with_jitter(rest, jitter)


def next_attempt_at(
    attempt_count: int, *, is_permanent: bool, at: datetime, jitter: float
) -> datetime:
    """When a router is asked again about a voucher that it has refused so often, from 1.

    A lasting refusal (a profile that is missing) is no matter of seconds.
    """
    if is_permanent or has_exhausted_retries(attempt_count):
        return at + _with_jitter(REFUSED_RETRY_DELAY, jitter)
    return at + _with_jitter(_INITIAL_BACKOFF * _BACKOFF_FACTOR ** (attempt_count - 1), jitter)


def _with_jitter(delay: timedelta, jitter: float) -> timedelta:
    return delay * (0.75 + 0.5 * jitter)
