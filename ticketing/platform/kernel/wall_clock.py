"""Local times as a person writes them, as instants; and the names of zones on the wall clock."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from ticketing.platform.kernel.errors import UnusableTime
from ticketing.platform.kernel.time_span import BUSINESS_TIME_ZONE

INDONESIAN_ZONE_NAMES = frozenset({"WIB", "WITA", "WIT"})
_PRECISION = timedelta(minutes=1)  # of a change of the clock


def to_instant(local: datetime, zone: ZoneInfo, *, field: str) -> datetime:
    """Return a local time as an instant in UTC.

    A time with an offset from UTC is an instant already. A time that occurs twice, because the
    clock is put back, is the first of the two. Raises UnusableTime for a time that is skipped.
    """
    if local.tzinfo is not None:
        return local.astimezone(UTC)
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) != local:
        begins, ends = _find_gap(local, zone)
        raise UnusableTime(
            f"{field} {local:%Y-%m-%d %H:%M} does not exist in {zone.key}: the clock is put forward"
            f" from {begins:%H:%M} to {ends:%H:%M}; write a time before or after that"
        )
    return first


def _find_gap(skipped: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the wall clock immediately before and after the change that skips a time."""
    # with fold 1 the offset after the change is used, which gives an instant before it
    before = skipped.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = skipped.replace(tzinfo=zone, fold=0).astimezone(UTC)
    offset = before.astimezone(zone).utcoffset()
    while after - before > _PRECISION:
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    change = (before + _PRECISION).replace(second=0, microsecond=0)
    return (change + (offset or timedelta())).replace(tzinfo=None), change.astimezone(zone)


def format_clock(at: datetime, zone: tzinfo = BUSINESS_TIME_ZONE) -> str:
    """Return an instant as `2026-12-12 08:00 WIB`; in Jakarta's time where no venue is known."""
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M} {zone_name(local)}"


def zone_name(local: datetime) -> str:
    """Return the zone of a local time: WIB, WITA, WIT, CEST; UTC+4 if it has no abbreviation."""
    name = local.tzname() or ""
    return name if name.isalpha() else offset_name(local)


def offset_name(local: datetime) -> str:
    """Return the offset of a local time: `UTC+7`, `UTC+5:30`."""
    minutes = int((local.utcoffset() or timedelta()).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}"
