"""Tests of the voucher invariants: wrong router users and wrong rows are found."""

from dataclasses import replace

import pytest

from chaos.environment import FOREIGN_USER
from chaos.voucher_invariants import RouterUsers, VoucherRow, VoucherSnapshot, find_violations

ROW = VoucherRow("VA", "kopi", "1day", "kopi-a", "pass-a", "active", 1, "paid", was_paid=True)
USER = {
    "name": "kopi-a",
    "password": "pass-a",
    "profile": "1day",
    "comment": "tk:office:VA:kopi-a",
}


@pytest.fixture
def snapshot() -> VoucherSnapshot:
    """Return a snapshot of one paid order with one voucher."""
    return VoucherSnapshot("office", {1: 1}, [ROW])


def test_a_voucher_that_exists_once_is_no_violation(snapshot: VoucherSnapshot) -> None:
    shelves = {"kopi": [FOREIGN_USER, USER], "taman": [FOREIGN_USER]}

    assert [*find_violations(snapshot, shelves, FOREIGN_USER)] == []


@pytest.mark.parametrize(
    ("router_users", "violation"),
    [
        ([FOREIGN_USER], "VA is active: on routers 0 times"),
        ([FOREIGN_USER, USER, USER], "VA is active: on routers 2 times"),
        ([FOREIGN_USER, USER | {"password": "other"}], "VA: wrong password on kopi"),
        ([FOREIGN_USER, USER | {"comment": "by hand"}], "VA: wrong comment on kopi"),
        ([FOREIGN_USER, USER | {"profile": "7days"}], "VA: wrong profile on kopi"),
        ([FOREIGN_USER, USER | {"comment": "tk:other:VA:kopi-a"}], "VA: wrong comment on kopi"),
        ([FOREIGN_USER, USER | {"name": "kopi-b"}], "kopi: 1 unknown users"),
        ([USER], "kopi: the user of another program was changed"),
    ],
)
def test_a_wrong_router_user_is_found(
    snapshot: VoucherSnapshot, router_users: RouterUsers, violation: str
) -> None:
    assert violation in [*find_violations(snapshot, {"kopi": router_users}, FOREIGN_USER)]


@pytest.mark.parametrize(
    ("row", "violation"),
    [
        ({"router": "taman"}, "VA: on kopi, not on taman"),
        ({"state": "provisioning"}, "order 1 is paid: its vouchers are {'provisioning': 1}, not 1"),
        ({"state": "provisioning"}, "VA is provisioning: on routers 1 times"),
        ({"state": "removed"}, "VA is removed: on routers 1 times"),
        ({"was_paid": False, "order_state": "expired"}, "VA: unpaid voucher of order 1"),
        ({"order_state": "cancelled"}, "VA is active: its order 1 is cancelled"),
    ],
)
def test_a_wrong_voucher_row_is_found(
    snapshot: VoucherSnapshot, row: dict[str, object], violation: str
) -> None:
    sick = replace(snapshot, rows=[replace(ROW, **row)])

    assert violation in [*find_violations(sick, {"kopi": [FOREIGN_USER, USER]}, FOREIGN_USER)]


def test_fewer_than_ordered_is_found(snapshot: VoucherSnapshot) -> None:
    owed = replace(snapshot, expected_counts={1: 2})

    found = [*find_violations(owed, {"kopi": [FOREIGN_USER, USER]}, FOREIGN_USER)]

    assert found == ["order 1 is paid: its vouchers are {'active': 1}, not 2"]


def test_vouchers_of_the_pool_are_no_violation(snapshot: VoucherSnapshot) -> None:
    ahead = replace(ROW, order=None, order_state="", was_paid=False)
    stock = replace(snapshot, expected_counts={}, rows=[ahead])

    assert [*find_violations(stock, {"kopi": [FOREIGN_USER, USER]}, FOREIGN_USER)] == []
