"""Dates and times in the locale and time zone of an event."""

import functools
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_interval, format_time, get_timezone_name

from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.kernel.wall_clock import INDONESIAN_ZONE_NAMES, offset_name


@functools.lru_cache(maxsize=64)
def parse_locale(name: str) -> Locale:
    """Return a locale such as `id_ID` or `id-ID`. Raises Misconfigured for an unknown one."""
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError) as error:
        raise Misconfigured(
            f"no locale {name!r}; write one such as id_ID, en_GB or ar_EG"
        ) from error


@functools.lru_cache(maxsize=256)
def format_event_dates(starts_at: datetime, ends_at: datetime, time_zone: str, locale: str) -> str:
    """Return `Sabtu, 14 November 2026`, or `14-16 Nov 2026` for an event of several days."""
    first, last = _to_local(starts_at, time_zone), _to_local(ends_at, time_zone)
    if last - first < timedelta(days=1):
        return str(format_date(first, "full", locale=parse_locale(locale)))
    interval = format_interval(first, last, "yMMMd", tzinfo=None, locale=parse_locale(locale))
    return str(interval)


@functools.lru_cache(maxsize=256)
def format_event_times(starts_at: datetime, ends_at: datetime, time_zone: str, locale: str) -> str:
    """Return `08.00-12.00 WIB`; only the start for an event of several days or without length."""
    known = parse_locale(locale)
    first, last = _to_local(starts_at, time_zone), _to_local(ends_at, time_zone)
    shown = last if last - first < timedelta(days=1) else first
    skeleton = "hm" if "a" in known.time_formats["short"].pattern else "Hm"
    span = format_interval(first, shown, skeleton, tzinfo=first.tzinfo, locale=known)
    return f"{span} {_zone_label(first, known)}"


@functools.lru_cache(maxsize=256)
def format_instant(at: datetime, time_zone: str, locale: str) -> str:
    """Return an instant as `20 Nov 2026, 11.45 WIB`."""
    local, known = _to_local(at, time_zone), parse_locale(locale)
    day = format_date(local, "medium", locale=known)
    return f"{day}, {format_time(local, 'short', locale=known)} {_zone_label(local, known)}"


def _to_local(at: datetime, time_zone: str) -> datetime:
    return at.astimezone(ZoneInfo(time_zone))


def _zone_label(local: datetime, locale: Locale) -> str:
    """Return WIB, WITA or WIT in every language; else the usual abbreviation or the offset."""
    if (name := local.tzname()) in INDONESIAN_ZONE_NAMES:
        return str(name)
    name = str(get_timezone_name(local, "short", locale=locale))
    return offset_name(local) if name.startswith(("+", "-", "GMT", "UTC")) else name
