"""Property types: parsing, RouterOS' print format and comparison."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from simulators.routeros.refusals import Trap, ambiguous, no_match

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_COMPACT = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_CLOCK = re.compile(r"(?:(\d+)w)?(?:(\d+)d)? ?(\d+):(\d{2})(?::(\d{2}))?")
_NUMBER = re.compile(r"[0-9]{1,19}")

Rank = int | str  # numbers and durations compare numerically, all else as text


def parse_duration(text: str) -> int | None:
    """Parse a duration (`1:00:00`, `90m`, `3600`, `1w2d`); None if invalid."""
    if _NUMBER.fullmatch(text):
        return int(text)
    shape = _CLOCK.fullmatch(text) or (_COMPACT.fullmatch(text) if text else None)
    if shape is None:
        return None
    counts = [int(count or 0) for count in shape.groups()]
    return sum(count * unit for count, unit in zip(counts, _UNITS.values(), strict=True))


def format_duration(seconds: int) -> str:
    """Format a duration as RouterOS prints it: `1w2d3h4m5s`, `0s`."""
    parts = []
    for name, unit in _UNITS.items():
        count, seconds = divmod(seconds, unit)
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts) or "0s"


@dataclass(frozen=True, slots=True)
class ValueType:
    """Value type; `read` returns the printed form of an input or raises Trap."""

    read: Callable[[str, str], str]  # property's name, text
    rank: Callable[[str], Rank] = str
    silent: str = ""  # the value that print omits


def _read_text(_: str, text: str) -> str:
    return text


def _read_flag(name: str, text: str) -> str:
    if text in {"yes", "true"}:
        return "true"
    if text in {"no", "false"}:
        return "false"
    raise Trap(f"invalid value for argument {name}")


def _read_number(name: str, text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise Trap(f"invalid value for argument {name}")
    return str(int(text))


def _read_time(name: str, text: str) -> str:
    seconds = parse_duration(text)
    if seconds is None:
        raise Trap(f"invalid time value for argument {name}")
    return format_duration(seconds)


def _read_time_or_none(name: str, text: str) -> str:
    return text if text == "none" else _read_time(name, text)


def _rank_time(text: str) -> int:
    return parse_duration(text) or 0


def _rank_number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else 0


TEXT = ValueType(_read_text)
FLAG = ValueType(_read_flag)
NUMBER = ValueType(_read_number, _rank_number)
TIME = ValueType(_read_time, _rank_time)
TIME_OR_NONE = ValueType(_read_time_or_none, _rank_time)
LIMIT = ValueType(_read_number, _rank_number, silent="0")
TIME_LIMIT = ValueType(_read_time, _rank_time, silent="0s")


def reference(names: Callable[[], Iterable[str]], *, silent: str = "") -> ValueType:
    """Create a type that references another row by name or unique prefix."""

    def read(name: str, text: str) -> str:
        known = list(names())
        if text in known:
            return text
        meant = [each for each in known if text and each.startswith(text)]
        if len(meant) > 1:
            raise ambiguous(name)
        if not meant:
            raise no_match(name)
        return meant[0]

    return ValueType(read, silent=silent)
