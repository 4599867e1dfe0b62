"""Tests of retry delays and of their limits."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel.retry_policy import RetryPolicy

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

jitters = st.floats(0, 1, exclude_max=True)
delays = st.lists(st.timedeltas(SECOND, 24 * HOUR), max_size=10).map(tuple)


@given(delays, st.integers(1, 20), jitters)
def test_each_attempt_has_its_delay_and_the_last_one_none(
    schedule: tuple[timedelta, ...], attempts: int, jitter: float
) -> None:
    delay = RetryPolicy(delays=schedule).delay(attempts, jitter=jitter)

    assert delay == (schedule[attempts - 1] if attempts <= len(schedule) else None)


@given(delays, st.integers(1, 20))
def test_exhausted_work_goes_on_at_the_interval_of_then(
    schedule: tuple[timedelta, ...], attempts: int
) -> None:
    policy = RetryPolicy(delays=schedule, then=MINUTE)

    exhausted = policy.is_exhausted(attempts)

    assert exhausted == (attempts >= policy.max_attempts) == (attempts > len(schedule))
    assert not exhausted or policy.delay(attempts) == MINUTE


@given(st.floats(0, 1), jitters)
def test_jitter_spreads_a_delay_to_either_side(spread: float, jitter: float) -> None:
    delay = RetryPolicy(delays=(HOUR,), spread=spread).delay(1, jitter=jitter)

    assert delay is not None
    assert HOUR * (1 - spread) - SECOND <= delay <= HOUR * (1 + spread) + SECOND
    assert RetryPolicy(delays=(HOUR,), spread=spread).delay(1) == HOUR


def test_exponential_delays_grow_up_to_the_longest() -> None:
    policy = RetryPolicy.exponential(
        2 * MINUTE, max_attempts=8, max_delay=HOUR, then=HOUR, spread=0.1
    )

    assert [delay / MINUTE for delay in policy.delays] == [2, 4, 8, 16, 32, 60, 60]
    assert (policy.max_attempts, policy.then, policy.spread) == (8, HOUR, 0.1)
    fourfold = RetryPolicy.exponential(2 * SECOND, max_attempts=4, factor=4)
    assert [delay / SECOND for delay in fourfold.delays] == [2, 8, 32]


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [(None, MINUTE), (SECOND, MINUTE), (10 * MINUTE, 10 * MINUTE), (99 * HOUR, 24 * HOUR)],
)
def test_a_requested_wait_is_kept_up_to_the_longest(
    retry_after: timedelta | None, wait: timedelta
) -> None:
    policy = RetryPolicy(delays=(MINUTE,), max_retry_after=24 * HOUR)

    assert policy.next_attempt_at(1, at=NOW, retry_after=retry_after) == NOW + wait
    assert policy.next_attempt_at(2, at=NOW, retry_after=retry_after) is None


@pytest.mark.parametrize(
    ("failing_since", "limit", "timed_out"),
    [
        (None, HOUR, False),
        (NOW - HOUR, None, False),
        (NOW - HOUR + SECOND, HOUR, False),
        (NOW - HOUR, HOUR, True),
    ],
)
def test_failing_in_a_row_has_a_time_limit(
    failing_since: datetime | None, limit: timedelta | None, *, timed_out: bool
) -> None:
    policy = RetryPolicy(delays=(MINUTE,), time_limit=limit)

    assert policy.has_timed_out(failing_since, at=NOW) is timed_out
