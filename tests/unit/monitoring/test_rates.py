"""Rates of what was lost, delivered and repaired."""

from hypothesis import given
from hypothesis import strategies as st

from ticketing.monitoring.rates import FulfilmentStats, InterventionStats

NUMBERS = st.integers(0, 10**9)


def test_of_nothing_there_is_no_rate() -> None:
    nothing = FulfilmentStats(due=0, lost=0, ready=0, received=0)

    assert (nothing.loss_rate, nothing.delivery_rate) == (None, None)
    assert InterventionStats(0, 0).manual_intervention_rate is None


def test_a_rate_is_a_part_of_one() -> None:
    assert FulfilmentStats(due=200, lost=3, ready=4, received=3).loss_rate == 0.015
    assert FulfilmentStats(due=200, lost=3, ready=4, received=3).delivery_rate == 0.75
    assert InterventionStats(manual=1, automatic=3).manual_intervention_rate == 0.25


@given(person=NUMBERS, itself=NUMBERS)
def test_the_level_lies_between_none_and_all(person: int, itself: int) -> None:
    level = InterventionStats(person, itself).manual_intervention_rate

    assert level is None or 0 <= level <= 1
