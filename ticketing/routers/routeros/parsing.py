"""Values that RouterOS prints: durations, instants, hotspot rows."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ticketing.platform.kernel.errors import RouterUnavailable
from ticketing.routers.model import HotspotProfile, RouterUser
from ticketing.routers.routeros.command import ReplyRow


@dataclass(frozen=True, slots=True)
class RouterHealth:
    """Health of a router; `clock` is its own time, in UTC.

    None for what cannot be read: a router works as well with a clock that nobody understands.
    """

    identity: str
    board: str
    version: str
    up_for: timedelta | None
    cpu_percent: int
    free_bytes: int
    clock: datetime | None


_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:\d+ms)?")
_CLOCK_DURATION = re.compile(r"(?:(\d+)w)?(?:(\d+)d)? ?(\d+):(\d\d):(\d\d)")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_OLD_DATE = re.compile(r"([a-z]{3})/(\d\d)/(\d{4})")  # before 7.10


def parse_duration(text: str) -> timedelta:
    """Return a duration from `1w2d3h4m5s`, or `1d 02:03:04` of older versions; empty text is 0."""
    read = _DURATION.fullmatch(text) or _CLOCK_DURATION.fullmatch(text)
    if read is None:
        raise RouterUnavailable(f"a router printed {text[:20]!r} instead of a duration")
    return timedelta(
        seconds=sum(
            int(count or 0) * unit
            for count, unit in zip(read.groups(), _UNITS.values(), strict=True)
        )
    )


def format_seconds(lasts: timedelta | None) -> str:
    """Return a duration in the form that every RouterOS version reads; empty for None."""
    return "" if lasts is None else f"{int(lasts.total_seconds())}s"


def parse_clock(clock: ReplyRow) -> datetime | None:
    """Return the time of `/system/clock` in UTC, None if invalid; its date has two formats."""
    try:
        offset = clock["gmt-offset"]
        signed = offset if offset.startswith(("+", "-")) else f"+{offset}"
        local = f"{_iso_date(clock['date'])}T{clock['time']}{signed}"
        return datetime.fromisoformat(local).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None


def _parse_uptime(text: str) -> timedelta | None:
    try:
        return parse_duration(text)
    except RouterUnavailable:
        return None


def parse_health(rows: ReplyRow) -> RouterHealth:
    """Return the health from the merged rows of `/system/identity`, `resource` and `clock`."""
    return RouterHealth(
        identity=rows.get("name", ""),
        board=rows.get("board-name", ""),
        version=rows.get("version", ""),
        up_for=_parse_uptime(rows.get("uptime", "")),
        cpu_percent=_parse_number(rows, "cpu-load"),
        free_bytes=_parse_number(rows, "free-memory"),
        clock=parse_clock(rows),
    )


def parse_user(row: ReplyRow) -> RouterUser:
    """Return a row of `/ip/hotspot/user`; columns that are not printed are empty or None."""
    return RouterUser(
        id=row.get(".id", ""),
        name=row.get("name", ""),
        profile=row.get("profile", ""),
        comment=row.get("comment", ""),
        online=parse_duration(row.get("uptime", "")),
        bytes_used=_parse_number(row, "bytes-in") + _parse_number(row, "bytes-out"),
        disabled=row.get("disabled") in {"true", "yes"},
        # versions differ in whether a limit of zero is printed; it means no limit
        online_limit=parse_duration(row.get("limit-uptime", "")) or None,
        bytes_limit=_parse_number(row, "limit-bytes-total") or None,
    )


def parse_profile(row: ReplyRow) -> HotspotProfile:
    """Return a row of `/ip/hotspot/user/profile`; shared_users None means unlimited."""
    shared = row.get("shared-users", "1")
    return HotspotProfile(
        name=row.get("name", ""),
        shared_users=int(shared) if shared.isdecimal() else None,
        runs_script=bool(row.get("on-login")),
    )


def _iso_date(text: str) -> str:
    old = _OLD_DATE.fullmatch(text.lower())
    return f"{old[3]}-{_MONTHS.index(old[1]) + 1:02}-{old[2]}" if old else text


def _parse_number(row: ReplyRow, name: str) -> int:
    text = row.get(name, "0")
    return int(text) if text.isdecimal() else 0
