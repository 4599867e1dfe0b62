"""Which class of fields is due for erasure at which event."""

from datetime import UTC, datetime, timedelta

import pytest

from ticketing.people_data.field_class import FieldClass
from ticketing.people_data.retention import EndedEvent, RetentionRule, list_due

NOW = datetime(2026, 12, 31, tzinfo=UTC)
NAMES = FieldClass.NAMES
EVERY, OWN, KEPT = (
    RetentionRule(NAMES, None, 30),
    RetentionRule(NAMES, 1, 10),
    RetentionRule(NAMES, 1, None),
)


@pytest.mark.parametrize(
    ("rules", "ended_days_ago", "due"),
    [
        ([], 1000, []),
        ([EVERY], 30, []),
        ([EVERY], 31, [30]),
        ([EVERY, OWN], 11, [10]),
        ([EVERY, OWN], 10, []),
        ([EVERY, KEPT], 1000, []),
        ([RetentionRule(NAMES, 2, 1)], 1000, []),
    ],
)
def test_the_rule_of_an_event_goes_before_that_of_every_event(
    rules: list[RetentionRule], ended_days_ago: int, due: list[int]
) -> None:
    event = EndedEvent(1, "wisuda", NOW - timedelta(days=ended_days_ago), 0)

    assert [one.rule.days for one in list_due(rules, [event], at=NOW)] == due
