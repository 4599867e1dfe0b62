"""How long a router rests that fails, and when a person is told."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.vouchers.provisioning.retry_policy import (
    PROBE_INTERVAL,
    REFUSED_RETRY_DELAY,
    circuit_open_until,
    has_exhausted_retries,
    is_request_allowed,
    next_attempt_at,
)

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
jitters = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(("failures", "seconds"), [(1, 2), (2, 8), (3, 32), (4, 30), (99, 30)])
def test_a_router_is_tried_three_times_more_and_then_looked_at_every_half_minute(
    failures: int, seconds: float
) -> None:
    assert circuit_open_until(failures, at=NOW, jitter=0.5) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(("failures", "given_up"), [(0, False), (1, False), (3, False), (4, True)])
def test_after_three_retries_a_person_is_told(failures: int, given_up: bool) -> None:
    assert has_exhausted_retries(failures) is given_up


@given(st.integers(1, 1000), jitters)
def test_a_rest_is_never_long_and_is_spread_by_a_quarter(failures: int, jitter: float) -> None:
    middle = circuit_open_until(failures, at=NOW, jitter=0.5) - NOW

    rest = circuit_open_until(failures, at=NOW, jitter=jitter) - NOW

    assert middle * 0.74 < rest < middle * 1.26
    assert rest <= PROBE_INTERVAL * 1.4


@pytest.mark.parametrize(("tries", "seconds"), [(1, 2), (2, 8), (3, 32), (4, 600)])
def test_what_a_router_refuses_is_asked_for_again_ever_more_rarely(
    tries: int, seconds: float
) -> None:
    again = next_attempt_at(tries, is_permanent=False, at=NOW, jitter=0.5)

    assert again == NOW + timedelta(seconds=seconds)


@given(st.integers(1, 1000))
def test_what_only_a_person_mends_is_not_asked_for_at_once(tries: int) -> None:
    assert (
        next_attempt_at(tries, is_permanent=True, at=NOW, jitter=0.5) == NOW + REFUSED_RETRY_DELAY
    )


@pytest.mark.parametrize(
    ("rests", "may"), [(None, True), (NOW, True), (NOW + timedelta(seconds=1), False)]
)
def test_a_router_that_rests_is_not_asked(rests: datetime | None, may: bool) -> None:
    assert is_request_allowed(rests, at=NOW) is may
