"""Dates and instants as sources write them. A date without a time stays a date.

As an instant, 10 February in Jakarta would become 9 February in UTC.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from ticketing.billing.sources.mapping.errors import BadRecord
from ticketing.billing.sources.mapping.paths import word
from ticketing.billing.sources.strict_json import shorten

ISO = "iso"
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_DATE_LENGTH = len("2026-02-10")
_TIME_DIRECTIVES = ("%H", "%I", "%c", "%X", "%s")


def parse_date(value: object, formats: Sequence[str], zone: ZoneInfo) -> date | datetime:
    """Return a date, or an aware instant in UTC if the text has a time.

    A time without an offset is in the source's zone. Raises BadRecord if no format fits.
    """
    text = word(value)
    for form in formats:
        found = _parse(text, form) if text.isascii() else None
        if found is None:
            continue
        if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
            raise BadRecord(f"{shorten(text)} is no date of a payment: the year is {found.year}")
        return _as_instant(found, zone) if isinstance(found, datetime) else found
    raise BadRecord(f"{shorten(text)} is no date of {', '.join(formats)}")


def day_of(value: date | datetime, zone: ZoneInfo) -> date:
    """Return the day in the source's zone."""
    return value.astimezone(zone).date() if isinstance(value, datetime) else value


def start_of(value: date | datetime, zone: ZoneInfo) -> datetime:
    """Return an instant for comparisons; a date begins at midnight in the source's zone."""
    if isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day, tzinfo=zone)


def _parse(text: str, form: str) -> date | datetime | None:
    try:
        if form == ISO:
            is_date = len(text) == _DATE_LENGTH
            return date.fromisoformat(text) if is_date else datetime.fromisoformat(text)
        found = datetime.strptime(text, form)  # noqa: DTZ007 - the caller adds the zone
    except ValueError:
        return None
    return found if any(each in form for each in _TIME_DIRECTIVES) else found.date()


def _as_instant(found: datetime, zone: ZoneInfo) -> datetime:
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
