"""When a router, or a router about one voucher, is asked again; and when a person is to be told.

A router that fails rests, longer each time. After three retries it is given up on, which a person
is told once; from then on it is looked at every half minute, and all goes on when it answers.
"""

from datetime import datetime, timedelta

from ticketing.platform.kernel.retry_policy import RetryPolicy

# after 2, 8 and 32 seconds a router that restarted is back
ROUTER_RETRIES = RetryPolicy.exponential(
    timedelta(seconds=2), factor=4, max_attempts=4, then=timedelta(seconds=30), spread=0.25
)
# a router that refuses a voucher mostly needs a change by its administrator
VOUCHER_RETRIES = RetryPolicy.exponential(
    timedelta(seconds=2), factor=4, max_attempts=4, then=timedelta(minutes=10), spread=0.25
)


def is_request_allowed(open_until: datetime | None, *, at: datetime) -> bool:
    """Whether a router's rest is over, if it has one."""
    return open_until is None or open_until <= at
