"""Comparison of a router's rows with the expected vouchers: missing, changed, unexpected.

Rows without our marker belong to other software and are only counted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from ticketing.routers.model import Marker, RouterUser


@dataclass(frozen=True, slots=True)
class ExpectedVoucher:
    """A voucher that should be on a router, with the terms of its sale.

    Without a sold `online_limit` the row has one from the validity, or none if it is older; it must
    allow at least `validity`, on all devices together.
    """

    key: str
    name: str = field(repr=False)
    profile: str
    online_limit: timedelta | None = None
    bytes_limit: int | None = None
    validity: timedelta = timedelta(0)


class VoucherChange(StrEnum):
    """A manual change of a row."""

    PROFILE = "profile"
    ONLINE_LIMIT = "online_limit"
    BYTES_LIMIT = "bytes_limit"
    DISABLED = "disabled"
    COMMENT = "comment"  # without our marker; such a row is never changed


@dataclass(frozen=True, slots=True)
class ChangedVoucher:
    """A voucher whose row was changed on the router."""

    key: str
    what: tuple[VoucherChange, ...]


@dataclass(frozen=True, slots=True)
class RouterComparison:
    """Result of the comparison; `unexpected` rows have our marker and still need a classification.

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
    """Compare a router's rows with the vouchers expected on it."""
    own_rows: dict[str, tuple[Marker, RouterUser]] = {}
    foreign: set[str] = set()
    others = 0
    for row in rows:
        if row.marker is not None and row.marker.installation_id == installation_id:
            own_rows[row.marker.key] = (row.marker, row)
        else:
            foreign.add(row.name)
            others += 1
    missing, changed = [], []
    for one in expected:
        if one.key in own_rows:
            changes = find_changes(one, own_rows[one.key][1])
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
        unexpected=tuple(marker for key, (marker, _) in own_rows.items() if key not in known),
        foreign=others,
    )


def find_changes(expected: ExpectedVoucher, row: RouterUser) -> tuple[VoucherChange, ...]:
    """Return the differences between our row and the voucher it stands for."""
    differs = {
        VoucherChange.PROFILE: row.profile != expected.profile,
        VoucherChange.ONLINE_LIMIT: _is_limit_changed(expected, row.online_limit),
        VoucherChange.BYTES_LIMIT: row.bytes_limit != expected.bytes_limit,
        VoucherChange.DISABLED: row.disabled,
    }
    return tuple(change for change, is_so in differs.items() if is_so)


def _is_limit_changed(expected: ExpectedVoucher, limit: timedelta | None) -> bool:
    if expected.online_limit is not None:
        return limit != expected.online_limit
    return limit is not None and limit < expected.validity
