"""Where a router and our books differ: what it lost, what it has too much, what was changed on it.

A row without our marker is counted and nothing else: it is somebody else's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from ticketing.routers.model import Marker, RouterUser


@dataclass(frozen=True, slots=True)
class ExpectedVoucher:
    """A voucher that should be on a router, as it was sold."""

    key: str
    name: str = field(repr=False)
    profile: str
    online_limit: timedelta | None = None
    bytes_limit: int | None = None


class VoucherChange(StrEnum):
    """What somebody has changed of a row."""

    PROFILE = "profile"
    ONLINE_LIMIT = "online_limit"
    BYTES_LIMIT = "bytes_limit"
    DISABLED = "disabled"
    COMMENT = "comment"  # our marker is not in it any more: nothing of ours touches the row


@dataclass(frozen=True, slots=True)
class ChangedVoucher:
    """A voucher whose row is not as it was made."""

    key: str
    what: tuple[VoucherChange, ...]


@dataclass(frozen=True, slots=True)
class RouterComparison:
    """Rows against vouchers. `unexpected` rows have our marker; why they are there is to be asked.

    The built-in trial user counts as a foreign row.
    """

    agreed: int
    missing: tuple[str, ...]  # keys
    changed: tuple[ChangedVoucher, ...]
    unexpected: tuple[Marker, ...]
    foreign: int


def compare(
    expected: Sequence[ExpectedVoucher], rows: Iterable[RouterUser], installation_id: str
) -> RouterComparison:
    """How a router's rows and what should be there go together."""
    ours: dict[str, tuple[Marker, RouterUser]] = {}
    foreign: set[str] = set()
    others = 0
    for row in rows:
        if row.marker is not None and row.marker.installation_id == installation_id:
            ours[row.marker.key] = (row.marker, row)
        else:
            foreign.add(row.name)
            others += 1
    missing, changed = [], []
    for one in expected:
        if one.key in ours:
            changes = find_changes(one, ours[one.key][1])
        elif one.name in foreign:
            changes = (VoucherChange.COMMENT,)
        else:
            missing.append(one.key)
            continue
        if changes:
            changed.append(ChangedVoucher(one.key, changes))
    known = {one.key for one in expected}
    return RouterComparison(
        agreed=len(expected) - len(missing) - len(changed),
        missing=tuple(missing),
        changed=tuple(changed),
        unexpected=tuple(marker for key, (marker, _) in ours.items() if key not in known),
        foreign=others,
    )


def find_changes(expected: ExpectedVoucher, row: RouterUser) -> tuple[VoucherChange, ...]:
    """What of a row of ours is not as it was made."""
    differs = {
        VoucherChange.PROFILE: row.profile != expected.profile,
        VoucherChange.ONLINE_LIMIT: row.online_limit != expected.online_limit,
        VoucherChange.BYTES_LIMIT: row.bytes_limit != expected.bytes_limit,
        VoucherChange.DISABLED: row.disabled,
    }
    return tuple(change for change, is_so in differs.items() if is_so)
