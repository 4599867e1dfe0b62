"""The circuit breaker of a failing router, and the incident it opens."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.vouchers.provisioning.retry_policy import (
    ROUTER_RETRIES,
    VOUCHER_RETRIES,
    is_request_allowed,
)

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
jitters = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(("failures", "seconds"), [(1, 2), (2, 8), (3, 32), (4, 30), (99, 30)])
def test_a_router_is_retried_three_times_and_then_every_half_minute(
    failures: int, seconds: float
) -> None:
    assert ROUTER_RETRIES.delay(failures) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("failures", "given_up"), [(0, False), (1, False), (3, False), (4, True)])
def test_after_three_retries_an_incident_is_opened(failures: int, *, given_up: bool) -> None:
    assert ROUTER_RETRIES.is_exhausted(failures) is given_up


@given(st.integers(1, 1000), jitters)
def test_a_pause_is_never_long_and_is_spread_by_a_quarter(failures: int, jitter: float) -> None:
    middle, pause = ROUTER_RETRIES.delay(failures), ROUTER_RETRIES.delay(failures, jitter=jitter)

    assert middle is not None
    assert pause is not None
    assert middle * 0.74 < pause < middle * 1.26
    assert pause <= timedelta(seconds=42)


@pytest.mark.parametrize(("tries", "seconds"), [(1, 2), (2, 8), (3, 32), (4, 600), (99, 600)])
def test_a_refused_voucher_is_placed_again_at_growing_intervals(tries: int, seconds: float) -> None:
    assert VOUCHER_RETRIES.delay(tries) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("open_until", "is_allowed"), [(None, True), (NOW, True), (NOW + timedelta(seconds=1), False)]
)
def test_an_open_circuit_breaker_allows_no_request(
    open_until: datetime | None, is_allowed: bool
) -> None:
    assert is_request_allowed(open_until, at=NOW) is is_allowed
