"""Tests of the voucher rules: states, validity, limits and completeness of orders."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.orders.order import OrderState
from ticketing.platform.kernel.errors import UnusablePackage
from ticketing.platform.kernel.money import Rupiah
from ticketing.routers.model import HotspotProfile
from ticketing.vouchers.model import (
    Package,
    ProfileMismatch,
    PurchaseState,
    ValidityStart,
    VoucherState,
    estimate_first_use,
    is_used_up,
    profile_mismatches,
    purchase_state,
    validity_end,
)

SOLD_AT = datetime(2026, 12, 31, 16, 59, tzinfo=UTC)
DAY = Package(
    code="5k",
    name="Seharian",
    price=Rupiah(5_000),
    profile="1day",
    validity=timedelta(hours=24),
)
IN_SERVICE = [VoucherState.ACTIVE, VoucherState.REVOKING, VoucherState.REMOVED]
instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
durations = st.timedeltas(timedelta(0), timedelta(days=30))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"code": "5K"}, "a package code has 1 to 32 of"),
        ({"code": ""}, "a package code has 1 to 32 of"),
        ({"profile": ""}, "is no profile name"),
        ({"profile": "harian é"}, "is no profile name"),
        ({"validity": timedelta(0)}, "validity"),
        ({"validity": timedelta(seconds=1.5)}, "validity"),
        ({"unused_expiry": timedelta(-1)}, "unused_expiry"),
        ({"online_limit": timedelta(0)}, "online_limit"),
        ({"bytes_limit": 0}, "bytes_limit"),
        ({"shared_users": 0}, "shared_users"),
    ],
)
def test_an_unusable_package_is_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(UnusablePackage, match=reason):
        replace(DAY, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("profiles", "mismatches"),
    [
        ([HotspotProfile("1day", 1, runs_script=False)], []),
        ([], [ProfileMismatch.MISSING]),
        ([HotspotProfile("1days", 1, runs_script=False)], [ProfileMismatch.MISSING]),
        ([HotspotProfile("1day", 3, runs_script=False)], [ProfileMismatch.SHARED_USERS]),
        (
            [HotspotProfile("1day", None, runs_script=True)],
            [ProfileMismatch.SHARED_USERS, ProfileMismatch.SCRIPT],
        ),
    ],
)
def test_router_profiles_decide_whether_a_package_can_be_sold(
    profiles: list[HotspotProfile], mismatches: list[ProfileMismatch]
) -> None:
    assert profile_mismatches(DAY, profiles) == mismatches


def test_counted_from_the_sale_it_ends_whether_used_or_not() -> None:
    package = replace(DAY, validity_start=ValidityStart.FROM_SALE)

    unused = validity_end(package, SOLD_AT, None)
    used = validity_end(package, SOLD_AT, SOLD_AT + timedelta(hours=3))

    assert unused == used == datetime(2027, 1, 1, 16, 59, tzinfo=UTC)


def test_counted_from_the_first_use_it_waits_for_it() -> None:
    first = SOLD_AT + timedelta(days=3)

    assert validity_end(DAY, SOLD_AT, None) is None
    assert validity_end(DAY, SOLD_AT, first) == first + timedelta(hours=24)


def test_an_unused_voucher_expires_at_its_final_limit() -> None:
    package = replace(DAY, unused_expiry=timedelta(days=90))
    first = SOLD_AT + timedelta(days=89)

    assert validity_end(package, SOLD_AT, None) == SOLD_AT + timedelta(days=90)
    assert validity_end(package, SOLD_AT, first) == first + timedelta(hours=24)


def test_an_offline_voucher_has_no_first_use() -> None:
    assert estimate_first_use(None, seen_at=SOLD_AT, online=timedelta(0)) is None


@given(instants, st.lists(st.tuples(durations, durations), min_size=1, max_size=6))
def test_a_buyer_never_gets_less_than_was_paid_for(
    first_login: datetime, breaks: list[tuple[timedelta, timedelta]]
) -> None:
    """Poll at random intervals; the voucher is online or offline between polls."""
    known, now, online = None, first_login, timedelta(0)
    for passed_online, passed_offline in breaks:
        now, online = now + passed_online + passed_offline, online + passed_online
        known = estimate_first_use(known, seen_at=now, online=online)

    assert known is None or known >= first_login


@given(instants, st.lists(st.tuples(instants, durations), max_size=8))
def test_another_poll_never_moves_the_first_use_later(
    known: datetime, looks: list[tuple[datetime, timedelta]]
) -> None:
    for seen_at, online in looks:
        later = estimate_first_use(known, seen_at=seen_at, online=online)
        assert later is not None
        assert later <= known
        known = later


def test_a_poll_during_the_first_session_gives_the_exact_first_use() -> None:
    now = SOLD_AT + timedelta(minutes=20)

    assert estimate_first_use(None, seen_at=now, online=timedelta(minutes=20)) == SOLD_AT


@pytest.mark.parametrize(
    ("online", "bytes_used", "up"),
    [
        (timedelta(minutes=59), 999, False),
        (timedelta(hours=1), 0, True),
        (timedelta(0), 1_000, True),
    ],
)
def test_a_limit_that_is_reached_uses_a_voucher_up(
    online: timedelta, bytes_used: int, up: bool
) -> None:
    package = replace(DAY, online_limit=timedelta(hours=1), bytes_limit=1_000)

    assert is_used_up(package, online=online, bytes_used=bytes_used) is up


def test_without_limits_nothing_is_used_up() -> None:
    assert not is_used_up(DAY, online=timedelta(days=365), bytes_used=10**15)


@given(st.lists(st.sampled_from(VoucherState), max_size=5), st.integers(1, 5), st.booleans())
def test_fewer_than_ordered_is_never_completed(
    vouchers: list[VoucherState], ordered: int, gave_up: bool
) -> None:
    state = purchase_state(OrderState.PAID, vouchers, ordered, has_failed=gave_up)

    served = sum(voucher in IN_SERVICE for voucher in vouchers)
    assert (state is PurchaseState.COMPLETED) == (served >= ordered)


@given(st.lists(st.sampled_from(VoucherState), max_size=5), st.booleans())
def test_an_unpaid_purchase_is_never_completed(vouchers: list[VoucherState], gave_up: bool) -> None:
    states = {
        order: purchase_state(order, vouchers, 1, has_failed=gave_up)
        for order in OrderState
        if order is not OrderState.PAID
    }

    assert states == {
        OrderState.PENDING: PurchaseState.PENDING,
        OrderState.CANCELLED: PurchaseState.FAILED,
        OrderState.EXPIRED: PurchaseState.FAILED,
    }


@pytest.mark.parametrize(
    ("has_failed", "state"),
    [(False, PurchaseState.PENDING), (True, PurchaseState.VOUCHER_GENERATION_FAILED)],
)
def test_a_paid_purchase_is_failed_once_retries_are_exhausted(
    has_failed: bool, state: PurchaseState
) -> None:
    vouchers = [VoucherState.ACTIVE, VoucherState.PROVISIONING, VoucherState.PENDING]

    assert purchase_state(OrderState.PAID, vouchers, 3, has_failed=has_failed) is state
