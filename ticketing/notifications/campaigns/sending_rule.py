"""A sending rule of an event: when, to whom, by which channels and with which message.

A rule is applied once, when it is due. What it sends is planned at that moment.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from ticketing.events.model import Event
from ticketing.notifications.delivery import Channel
from ticketing.platform.kernel.errors import Refused


class Audience(StrEnum):
    """The valid, printed roster tickets that a campaign or a rule is about."""

    UNSENT = "unsent"  # without any message; of campaigns, not of rules
    ALL = "all"
    UNOPENED = "unopened"  # whose page and PDF were never opened by the link
    UNDELIVERED = "undelivered"  # without a message that a provider has accepted


class RuleMessage(StrEnum):
    """Templates that a rule can send; both have the ticket as an attachment."""

    TICKET = "ticket_ready"
    REMINDER = "ticket_reminder"


class RuleState(StrEnum):
    """States of a rule."""

    WAITING = "waiting"
    APPLIED = "applied"
    DISABLED = "disabled"
    MISSED = "missed"  # the event ended before anything applied it


class UnusableRule(Refused):
    """A sending rule cannot be used; the message says what to change."""


@dataclass(frozen=True, slots=True)
class RuleTime:
    """When a rule is due: days on the venue's calendar or hours before the start, or an instant."""

    days_before: int | None = None
    hours_before: int | None = None
    send_at: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse none and several."""
        given = (self.days_before, self.hours_before, self.send_at)
        if sum(one is not None for one in given) != 1:
            raise UnusableRule("give one of the days before, the hours before, and a time")

    def due_at(self, event: Event) -> datetime:
        """Return when the rule is due; days keep the time of the start on the venue's clock."""
        if self.send_at is not None:
            return self.send_at
        if self.hours_before is not None:
            return event.starts_at - timedelta(hours=self.hours_before)
        local = event.starts_at.astimezone(ZoneInfo(event.time_zone))
        return (local - timedelta(days=self.days_before or 0)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class NewRule:
    """The input for a new rule."""

    time: RuleTime
    audience: Audience
    channels: tuple[Channel, ...]
    message: RuleMessage


@dataclass(frozen=True, slots=True)
class SendingRule:
    """A stored rule."""

    id: int
    event_id: int
    time: RuleTime
    audience: Audience
    channels: tuple[Channel, ...]
    message: RuleMessage
    disabled_at: datetime | None
    applied_at: datetime | None
    ticket_count: int

    def state(self, event: Event, *, at: datetime) -> RuleState:
        """Return the state of the rule."""
        if self.applied_at is not None:
            return RuleState.APPLIED
        if self.disabled_at is not None:
            return RuleState.DISABLED
        return RuleState.MISSED if at >= event.ends_at else RuleState.WAITING

    def is_due(self, event: Event, *, at: datetime) -> bool:
        """Return whether the rule has to be applied now."""
        return self.state(event, at=at) is RuleState.WAITING and self.time.due_at(event) <= at

    @property
    def revision(self) -> int:
        """Return the revision of its messages: with the ticket the key that is used once."""
        return self.id + 1  # 1 is that of campaigns
