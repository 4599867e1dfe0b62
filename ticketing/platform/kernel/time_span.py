"""Time spans, and their division into hours or days of a time zone."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo


class TimeStep(StrEnum):
    """Width of one data point of a time series."""

    HOUR = "hour"
    DAY = "day"


def iter_steps(
    begins_at: datetime, ends_at: datetime, step: TimeStep, time_zone: tzinfo
) -> Iterator[datetime]:
    """Yield the start of every step that overlaps the span, in the zone."""
    local = begins_at.astimezone(time_zone).replace(minute=0, second=0, microsecond=0)
    if step is TimeStep.DAY:
        local = local.replace(hour=0)
    while local < ends_at:
        yield local
        local = _next_step(local, step, time_zone)


def _next_step(local: datetime, step: TimeStep, zone: tzinfo) -> datetime:
    if step is TimeStep.DAY:  # a day has 23 or 25 hours when daylight saving time changes
        return local + timedelta(days=1)
    return (local.astimezone(UTC) + timedelta(hours=1)).astimezone(zone)


class TimeSpan(NamedTuple):
    """A half-open interval: `begins_at` inclusive, `ends_at` exclusive."""

    begins_at: datetime
    ends_at: datetime


BUSINESS_TIME_ZONE = ZoneInfo("Asia/Jakarta")  # days as the gateway and the bank count them


def day_span(day: date) -> TimeSpan:
    """Return the interval of a calendar day in Jakarta."""
    begins_at = datetime.combine(day, time(), tzinfo=BUSINESS_TIME_ZONE)
    return TimeSpan(begins_at, begins_at + timedelta(days=1))
