"""Where a router and our books differ: what it lost, what it has too much, what was changed on it.

A row without our marker is counted and nothing else: it is somebody else's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from ticketing.routers.model import Marker, RouterUser


@dataclass(frozen=True, slots=True)
class Expected:
    """A voucher that should be on a router, as it was sold."""

    key: str
    name: str = field(repr=False)
    profile: str
    online_limit: timedelta | None = None
    bytes_limit: int | None = None


class Change(StrEnum):
    """What somebody has changed of a row."""

    PROFILE = "profile"
    ONLINE_LIMIT = "online_limit"
    BYTES_LIMIT = "bytes_limit"
    DISABLED = "disabled"
    COMMENT = "comment"  # our marker is not in it any more: nothing of ours touches the row


@dataclass(frozen=True, slots=True)
class Changed:
    """A voucher whose row is not as it was made."""

    key: str
    what: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows against vouchers. `unexpected` rows have our marker; why they are there is to be asked.

    The built-in trial user counts as a foreign row.
    """

    agreed: int
    missing: tuple[str, ...]  # keys
    changed: tuple[Changed, ...]
    unexpected: tuple[Marker, ...]
    foreign: int


def compared(expected: Sequence[Expected], rows: Iterable[RouterUser], office: str) -> Comparison:
    """How a router's rows and what should be there go together."""
    ours: dict[str, tuple[Marker, RouterUser]] = {}
    foreign: set[str] = set()
    others = 0
    for row in rows:
        if row.marker is not None and row.marker.office == office:
            ours[row.marker.key] = (row.marker, row)
        else:
            foreign.add(row.name)
            others += 1
    missing, changed = [], []
    for one in expected:
        if one.key in ours:
            changes = changes_of(one, ours[one.key][1])
        elif one.name in foreign:
            changes = (Change.COMMENT,)
        else:
            missing.append(one.key)
            continue
        if changes:
            changed.append(Changed(one.key, changes))
    known = {one.key for one in expected}
    return Comparison(
        agreed=len(expected) - len(missing) - len(changed),
        missing=tuple(missing),
        changed=tuple(changed),
        unexpected=tuple(marker for key, (marker, _) in ours.items() if key not in known),
        foreign=others,
    )


def changes_of(one: Expected, row: RouterUser) -> tuple[Change, ...]:
    """What of a row of ours is not as it was made."""
    differs = {
        Change.PROFILE: row.profile != one.profile,
        Change.ONLINE_LIMIT: row.online_limit != one.online_limit,
        Change.BYTES_LIMIT: row.bytes_limit != one.bytes_limit,
        Change.DISABLED: row.disabled,
    }
    return tuple(change for change, is_so in differs.items() if is_so)
