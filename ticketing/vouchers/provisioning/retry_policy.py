"""Retry policies of routers and of single vouchers.

The circuit of a failing router stays open, longer after each failure. After three retries an
incident is opened; from then on the router is tried every 30 seconds and work continues when it
answers.
"""

from datetime import datetime, timedelta

from ticketing.platform.kernel.retry_policy import RetryPolicy

# 2, 8 and 32 seconds, enough for a restart
ROUTER_RETRIES = RetryPolicy.exponential(
    timedelta(seconds=2), factor=4, max_attempts=4, then=timedelta(seconds=30), spread=0.25
)
# most refusals of a voucher need a change on the router
VOUCHER_RETRIES = RetryPolicy.exponential(
    timedelta(seconds=2), factor=4, max_attempts=4, then=timedelta(minutes=10), spread=0.25
)


def is_request_allowed(open_until: datetime | None, *, at: datetime) -> bool:
    """Return whether the circuit is closed or its open time is over."""
    return open_until is None or open_until <= at
