"""Tests of drift: every voucher and every router user is counted once."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.routers.model import RouterUser
from ticketing.vouchers.provisioning.drift import (
    ChangedVoucher,
    ExpectedVoucher,
    VoucherChange,
    compare,
    find_changes,
)

SOLD = ExpectedVoucher("V1", "gsp1", "1h", timedelta(hours=1), 1_000)
AS_SOLD = RouterUser(
    id="*1",
    name="gsp1",
    profile="1h",
    comment="tk:gsp:V1:gsp1",
    online=timedelta(minutes=3),
    bytes_used=10,
    disabled=False,
    online_limit=timedelta(hours=1),
    bytes_limit=1_000,
)
FOREIGN = replace(AS_SOLD, name="tamu", comment="vc-123-01.31.26-")
numbers = st.sets(st.integers(1, 30))


def test_a_correct_router_has_no_drift() -> None:
    found = compare([SOLD], [AS_SOLD, FOREIGN], "gsp")

    assert (found.agreed, found.foreign) == (1, 1)
    assert (found.missing, found.changed, found.unexpected) == ((), (), ())


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"profile": "2h"}, VoucherChange.PROFILE),
        ({"online_limit": None}, VoucherChange.ONLINE_LIMIT),
        ({"bytes_limit": 2_000}, VoucherChange.BYTES_LIMIT),
        ({"disabled": True}, VoucherChange.DISABLED),
    ],
)
def test_a_changed_user_is_reported_as_changed(
    change: dict[str, object], difference: VoucherChange
) -> None:
    changed = replace(AS_SOLD, **change)  # type: ignore[arg-type]

    assert find_changes(SOLD, changed) == (difference,)
    assert compare([SOLD], [changed], "gsp").changed == (ChangedVoucher("V1", (difference,)),)


@pytest.mark.parametrize(
    ("limit", "is_changed"),
    [
        (None, False),
        (timedelta(days=1), False),
        (timedelta(days=2), False),
        (timedelta(1) / 2, True),
    ],
)
def test_without_a_sold_time_limit_a_row_must_allow_the_validity(
    limit: timedelta | None, is_changed: bool
) -> None:
    unlimited = replace(SOLD, online_limit=None, validity=timedelta(days=1))

    changes = find_changes(unlimited, replace(AS_SOLD, online_limit=limit))

    assert changes == ((VoucherChange.ONLINE_LIMIT,) if is_changed else ())


@pytest.mark.parametrize("comment", ["", "dec/12/2026 10:00:00", "tk:other:V1:gsp1"])
def test_a_row_of_the_name_without_our_marker_is_not_missing(comment: str) -> None:
    found = compare([SOLD], [replace(AS_SOLD, comment=comment)], "gsp")

    assert found.changed == (ChangedVoucher("V1", (VoucherChange.COMMENT,)),)
    assert (found.missing, found.foreign) == ((), 1)


def test_a_copied_user_is_foreign() -> None:
    copy = replace(AS_SOLD, name="tamu")

    found = compare([SOLD], [copy], "gsp")

    assert (found.missing, found.unexpected, found.foreign) == (("V1",), (), 1)


@given(wanted=numbers, there=numbers, foreign=numbers)
def test_every_voucher_and_every_row_is_counted_once(
    wanted: set[int], there: set[int], foreign: set[int]
) -> None:
    expected = [replace(SOLD, key=f"V{n}", name=f"gsp{n}") for n in wanted]
    rows = [replace(AS_SOLD, name=f"gsp{n}", comment=f"tk:gsp:V{n}:gsp{n}") for n in there]
    others = [replace(FOREIGN, name=f"tamu{n}") for n in foreign]

    found = compare(expected, rows + others, "gsp")

    assert (found.agreed, found.foreign) == (len(wanted & there), len(foreign))
    assert {int(key[1:]) for key in found.missing} == wanted - there
    assert {marker.key for marker in found.unexpected} == {f"V{n}" for n in there - wanted}
