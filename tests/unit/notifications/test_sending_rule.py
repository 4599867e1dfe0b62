"""Tests of when a sending rule is due, and of its states."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ticketing.events.model import Event
from ticketing.notifications.campaigns.sending_rule import (
    Audience,
    RuleMessage,
    RuleState,
    RuleTime,
    SendingRule,
    UnusableRule,
)
from ticketing.notifications.delivery import Channel

# on the day after the clocks in Berlin were put back; 09:00 local time
STARTS = datetime(2026, 10, 26, 8, tzinfo=UTC)
EVENT = Event(
    1, UUID(int=1), "wisuda", "Wisuda", STARTS, STARTS + timedelta(hours=4), "Europe/Berlin", "en",
    "Aula", "DE", "classic", 1,
)  # fmt: skip


@pytest.mark.parametrize(
    ("time", "due"),
    [
        (RuleTime(days_before=3), datetime(2026, 10, 23, 7, tzinfo=UTC)),  # 09:00 in summer
        (RuleTime(hours_before=72), datetime(2026, 10, 23, 8, tzinfo=UTC)),
        (RuleTime(days_before=0), STARTS),
        (RuleTime(send_at=STARTS - timedelta(minutes=5)), STARTS - timedelta(minutes=5)),
    ],
)
def test_days_before_keep_the_venues_clock_and_hours_are_counted(
    time: RuleTime, due: datetime
) -> None:
    assert time.due_at(EVENT) == due


@pytest.mark.parametrize("given", [{}, {"days_before": 1, "hours_before": 2}])
def test_a_rule_has_exactly_one_time(given: dict[str, int]) -> None:
    with pytest.raises(UnusableRule, match="give one of"):
        RuleTime(**given)


def test_a_rule_is_due_once_and_not_after_the_event() -> None:
    rule = SendingRule(
        7, 1, RuleTime(hours_before=1), Audience.ALL, (Channel.MAIL,), RuleMessage.REMINDER,
        None, None, 0,
    )  # fmt: skip
    due, over = STARTS - timedelta(hours=1), EVENT.ends_at

    assert [rule.is_due(EVENT, at=at) for at in (due - timedelta(seconds=1), due, over)] == [
        False, True, False,
    ]  # fmt: skip
    assert rule.state(EVENT, at=over) is RuleState.MISSED
    for ended in ({"applied_at": due}, {"disabled_at": due}):
        assert not replace(rule, **ended).is_due(EVENT, at=due)
