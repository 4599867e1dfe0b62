"""How long a response asks its caller to wait."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_MAX_SECONDS = 600.0
_FIRST_EPOCH = 1e9  # larger values of a reset are instants, smaller ones seconds to go
_RESET_HEADERS = ("x-ratelimit-reset", "ratelimit-reset")
_REMAINING_HEADERS = ("x-ratelimit-remaining", "ratelimit-remaining")


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds of `Retry-After`, else of a rate limit's reset; 0 to 600, or None.

    Instants are compared with the response's own `Date`, because clocks differ.
    """
    server_now = _http_date(headers.get("date", "")) or now
    text = headers.get("retry-after", "").strip()
    if text:
        date = _http_date(text)
        seconds = _number(text) if date is None else (date - server_now).total_seconds()
        if seconds is not None:
            return _clamp(seconds)
    return _reset(headers, server_now)


def pause_before_limit(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return for how long nobody should send, when a response says that nothing remains."""
    remaining = [_number(headers[name]) for name in _REMAINING_HEADERS if name in headers]
    if 0 not in remaining:
        return None
    return _reset(headers, _http_date(headers.get("date", "")) or now)


def _reset(headers: Mapping[str, str], server_now: datetime) -> float | None:
    for name in _RESET_HEADERS:
        value = _number(headers.get(name, ""))
        if value is not None:
            return _clamp(value - server_now.timestamp() if value > _FIRST_EPOCH else value)
    return None


def _number(text: str) -> float | None:
    cleaned = text.strip()
    is_number = cleaned.isascii() and cleaned.replace(".", "", 1).isdigit()
    return float(cleaned) if is_number else None


def _http_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _clamp(seconds: float) -> float:
    return min(max(seconds, 0.0), _MAX_SECONDS)
