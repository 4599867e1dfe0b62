"""How long each class of fields is kept, for an event: its own rule, else that of every event."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ticketing.people_data.field_class import FieldClass


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How long one class is kept after the end of an event; `days` None is for ever."""

    field_class: FieldClass
    event_id: int | None  # None: every event without a rule of its own
    days: int | None
    event: str = ""  # its slug


@dataclass(frozen=True, slots=True)
class EndedEvent:
    """An event that is over; one with unfinished orders still needs its people's data."""

    id: int
    slug: str
    ended_at: datetime
    unfinished_orders: int


@dataclass(frozen=True, slots=True)
class DueErasure:
    """A class that is due for erasure at an event, with the rule that says so."""

    rule: RetentionRule
    event: EndedEvent


def rule_for(
    rules: Iterable[RetentionRule], field_class: FieldClass, event_id: int | None
) -> RetentionRule | None:
    """Return the rule that applies, None without one: the class is kept."""
    of_class = {rule.event_id: rule for rule in rules if rule.field_class is field_class}
    rule = of_class.get(event_id) or of_class.get(None)
    return None if rule is None or rule.days is None else rule


def cutoff(rule: RetentionRule, at: datetime) -> datetime:
    """Return the time before which the class is erased."""
    if rule.days is None:
        raise ValueError(f"{rule.field_class} is kept for ever")
    return at - timedelta(days=rule.days)


def list_due(
    rules: Iterable[RetentionRule], events: Iterable[EndedEvent], *, at: datetime
) -> list[DueErasure]:
    """Return what is due, event by event."""
    known = list(rules)
    return [
        DueErasure(rule, event)
        for event in events
        for field_class in FieldClass
        if (rule := rule_for(known, field_class, event.id)) and event.ended_at < cutoff(rule, at)
    ]
