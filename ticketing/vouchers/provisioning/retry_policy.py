"""When a router, or a router about one voucher, is asked again; and when a person is to be told.

A router that fails rests, longer each time. After three retries it is given up on, which a person
is told once; from then on it is looked at every half minute, and all goes on when it answers.
"""

from datetime import datetime, timedelta

RETRIES = 3
PROBED_EVERY = timedelta(seconds=30)
REFUSED_RESTS = timedelta(minutes=10)  # what only a person mends on the router
_FIRST_REST = timedelta(seconds=2)
_GROWTH = 4  # 2, 8 and 32 seconds: a router that restarts is back by then


def may_be_asked(rests_until: datetime | None, *, at: datetime) -> bool:
    """Whether a router's rest is over, if it has one."""
    return rests_until is None or rests_until <= at


def is_given_up(failures: int) -> bool:
    """Whether so many failures in a row are enough to stop trying for now."""
    return failures > RETRIES


def rests_until(failures: int, *, at: datetime, jitter: float) -> datetime:
    """Until when a router rests that has failed so often in a row, from 1.

    `jitter` in [0, 1) spreads the rest by a quarter to either side.
    """
    rest = PROBED_EVERY if is_given_up(failures) else _FIRST_REST * _GROWTH ** (failures - 1)
    return at + _spread(rest, jitter)


def asked_again(tries: int, *, lasting: bool, at: datetime, jitter: float) -> datetime:
    """When a router is asked again about a voucher that it has refused so often, from 1.

    A lasting refusal (a profile that is missing) is no matter of seconds.
    """
    if lasting or is_given_up(tries):
        return at + _spread(REFUSED_RESTS, jitter)
    return at + _spread(_FIRST_REST * _GROWTH ** (tries - 1), jitter)


def _spread(rest: timedelta, jitter: float) -> timedelta:
    return rest * (0.75 + 0.5 * jitter)
