"""Hours and days one after another, as somebody's clock has them: the steps of a curve."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_


class TimeStep(StrEnum):
    """How long one point of a curve is."""

    HOUR = "hour"
    DAY = "day"


def iter_steps(
    begins_at: datetime, ends_at: datetime, step: TimeStep, time_zone: tzinfo
) -> Iterator[datetime]:
    """The beginning of every step that has some of the span in it, as an instant of the zone."""
    local = begins_at.astimezone(time_zone).replace(minute=0, second=0, microsecond=0)
    if step is TimeStep.DAY:
        local = local.replace(hour=0)
    while local < ends_at:
        yield local
        local = _next_step(local, step, time_zone)


def _next_step(local: datetime, step: TimeStep, zone: tzinfo) -> datetime:
    if step is TimeStep.DAY:  # of 23 hours or 25 where clocks are put on and back
        return local + timedelta(days=1)
    return (local.astimezone(UTC) + timedelta(hours=1)).astimezone(zone)


class TimeSpan(NamedTuple):
    """From an instant on, to before another."""

    begins_at: datetime
    ends_at: datetime

    def contains(self, column: ColumnElement[datetime]) -> ColumnElement[bool]:
        """Whether the column's instant lies in it."""
        return and_(column >= self.begins_at, column < self.ends_at)


BUSINESS_TIME_ZONE = ZoneInfo("Asia/Jakarta")  # the days of the gateway, and of the bank


def day_span(day: date) -> TimeSpan:
    """A day in Jakarta, as instants."""
    begins_at = datetime.combine(day, time(), tzinfo=BUSINESS_TIME_ZONE)
    return TimeSpan(begins_at, begins_at + timedelta(days=1))
