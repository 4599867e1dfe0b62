"""Tests of the rates of lost, delivered and repaired purchases."""

from hypothesis import given
from hypothesis import strategies as st

from ticketing.monitoring.rates import fulfilment_stats, intervention_stats

NUMBERS = st.integers(0, 10**9)


def test_a_rate_without_a_total_is_undefined() -> None:
    nothing = fulfilment_stats(due=0, lost=0, ready=0, received=0)

    assert (nothing.voucher_loss_rate, nothing.delivery_rate) == (None, None)
    assert intervention_stats(0, 0).level is None


def test_rates_are_fractions_of_the_total() -> None:
    stats = fulfilment_stats(due=200, lost=3, ready=4, received=3)

    assert (stats.voucher_loss_rate, stats.delivery_rate) == (0.015, 0.75)
    assert intervention_stats(manual=1, automatic=3).level == 0.25


@given(person=NUMBERS, itself=NUMBERS)
def test_the_level_lies_between_none_and_all(person: int, itself: int) -> None:
    level = intervention_stats(person, itself).level

    assert level is None or 0 <= level <= 1
