"""Tests of the rate limit: daily budget, estimated end, and stop after failures."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.notifications.messages.message import (
    Accepted,
    Deferred,
    FailureScope,
    Rejected,
    SendOutcome,
    Unconfirmed,
)
from ticketing.notifications.rate_limit import (
    BREAKER_MIN_OUTCOMES,
    BREAKER_WINDOW,
    DAY,
    RateLimit,
    find_stop_reason,
)

THURSDAY = datetime(2026, 11, 19, 14, tzinfo=UTC)
PACES = st.builds(
    RateLimit,
    st.none() | st.integers(1, 8),
    st.sampled_from([timedelta(0), timedelta(seconds=1), timedelta(hours=3)]),
)
BEFORE = st.lists(st.timedeltas(timedelta(0), DAY * 2), max_size=10).map(
    lambda ago: sorted(THURSDAY - each for each in ago)
)
TAKEN = Accepted("1")


@given(PACES, st.integers(0, 30))
def test_messages_never_exceed_the_daily_budget_or_the_pace(pace: RateLimit, waiting: int) -> None:
    sent: list[datetime] = []
    for _ in range(waiting):
        sent.append(pace.next_send_at(sent, at=THURSDAY))

    for place, at in enumerate(sent):
        within = [each for each in sent[: place + 1] if each > at - DAY]
        assert pace.per_day is None or len(within) <= pace.per_day
    for earlier, later in pairwise(sent):
        assert later - earlier >= pace.min_interval


@given(PACES, st.integers(1, 30), BEFORE)
def test_the_estimated_end_is_when_the_last_message_is_sent(
    pace: RateLimit, waiting: int, before: list[datetime]
) -> None:
    foretold = pace.last_send_at(waiting, before, at=THURSDAY)

    sent = [each for each in before if each > THURSDAY - DAY]
    for _ in range(waiting):
        sent.append(pace.next_send_at(sent, at=THURSDAY))
    assert foretold == sent[-1]


@given(PACES, st.integers(0, 20), BEFORE)
def test_more_messages_never_end_earlier(
    pace: RateLimit, waiting: int, before: list[datetime]
) -> None:
    fewer = pace.last_send_at(waiting, before, at=THURSDAY)
    more = pace.last_send_at(waiting + 1, before, at=THURSDAY)

    assert fewer is not None
    assert more is not None
    assert more >= fewer


def test_two_thousand_messages_on_a_budget_of_1000_end_a_day_later() -> None:
    pace = RateLimit(1000, timedelta(seconds=1))

    ends = pace.last_send_at(2000, [], at=THURSDAY)

    assert ends == THURSDAY + DAY + timedelta(seconds=999)


def test_sent_messages_count_for_a_day() -> None:
    pace = RateLimit(2)
    sent = [THURSDAY - timedelta(hours=20), THURSDAY - timedelta(hours=1)]

    assert pace.next_send_at(sent, at=THURSDAY) == THURSDAY + timedelta(hours=4)


def test_without_a_budget_only_the_pace_counts() -> None:
    pace = RateLimit(None, timedelta(seconds=2))

    assert pace.last_send_at(4, [], at=THURSDAY) == THURSDAY + timedelta(seconds=6)


def test_without_messages_the_end_is_now_and_with_a_budget_of_zero_never() -> None:
    assert RateLimit(0).last_send_at(0, [], at=THURSDAY) == THURSDAY
    assert RateLimit(0).last_send_at(1, [], at=THURSDAY) is None


@pytest.mark.parametrize(
    "latest",
    [
        [],
        [Rejected("nobody")] * (BREAKER_MIN_OUTCOMES - 1),
        [TAKEN] * BREAKER_WINDOW,
        [Rejected("nobody")] * 15 + [TAKEN] * 35,
        [Rejected("nobody")] * 40 + [TAKEN] * BREAKER_WINDOW,
    ],
    ids=["nothing", "too few to judge", "all well", "some", "long ago"],
)
def test_a_channel_with_few_failures_continues(latest: list[SendOutcome]) -> None:
    assert find_stop_reason(latest) is None


@pytest.mark.parametrize(
    "failure", [Rejected("nobody"), Unconfirmed("no answer"), Deferred("busy")]
)
def test_rising_failures_stop_a_channel(failure: SendOutcome) -> None:
    latest = [TAKEN] * 30 + [failure] * 20

    assert find_stop_reason(latest) == "20 of the last 50 messages were not accepted"


def test_failures_caused_by_our_messages_are_named() -> None:
    latest = [TAKEN] * 10 + [Rejected("no such template", "132001", FailureScope.MESSAGE)] * 10

    assert find_stop_reason(latest) == (
        "10 of the last 20 messages were not accepted, 10 of them for their content"
    )


@given(st.lists(st.sampled_from([TAKEN, Rejected("nobody"), Unconfirmed("?")]), max_size=120))
def test_the_channel_stops_exactly_at_the_failure_threshold(latest: list[SendOutcome]) -> None:
    looked_at = latest[-BREAKER_WINDOW:]
    failing = sum(each != TAKEN for each in looked_at)

    too_many = len(looked_at) >= BREAKER_MIN_OUTCOMES and failing > 0.3 * len(looked_at)

    assert (find_stop_reason(latest) is not None) == too_many


@pytest.mark.parametrize(
    ("pace", "sent", "most", "room"),
    [
        (RateLimit(None), 3, 8, 8),
        (RateLimit(10), 3, 8, 7),
        (RateLimit(10), 10, 8, 0),
        (RateLimit(0), 0, 8, 0),
        (RateLimit(None, timedelta(seconds=30)), 0, 8, 1),
        (RateLimit(None, timedelta(seconds=30)), 1, 8, 0),
    ],
)
def test_the_rate_limit_gives_the_number_of_messages_allowed_now(
    pace: RateLimit, sent: int, most: int, room: int
) -> None:
    assert pace.available_now([THURSDAY] * sent, at=THURSDAY, most=most) == room


def test_a_fifth_of_the_daily_limit_is_kept_from_bulk_messages() -> None:
    assert RateLimit(250).bulk_limit == RateLimit(200)
    assert RateLimit(3).bulk_limit == RateLimit(3)
    assert RateLimit(None).bulk_limit == RateLimit(None)
