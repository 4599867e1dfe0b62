"""Tests of the instalment rules: sums, due dates and order of payment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.orders.instalments import (
    Instalment,
    InstalmentAction,
    OverduePolicy,
    PaymentPlan,
    assign_payments_to_instalments,
    instalment_action,
    next_unpaid_instalment,
    reservation_deadline,
    schedule_instalments,
    split_amount,
)
from ticketing.orders.order import RESERVATION_PERIOD, OrderState
from ticketing.orders.payment_attempt import AttemptState
from ticketing.orders.refund import PaymentBalance
from ticketing.platform.kernel.errors import NotOnSale
from ticketing.platform.kernel.money import ZERO, Rupiah, total

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
DAY = timedelta(days=1)
PLAN = PaymentPlan("3 parts", (40, 30, 30), 30 * DAY, 14 * DAY, 3 * DAY, OverduePolicy.ASK)


@st.composite
def shares(draw: st.DrawFn) -> tuple[int, ...]:
    """Build lists of percentages that add up to 100."""
    cuts = draw(st.lists(st.integers(1, 99), min_size=1, max_size=11, unique=True))
    bounds = [0, *sorted(cuts), 100]
    return tuple(after - before for before, after in pairwise(bounds))


@given(st.integers(0, 10**12), shares())
def test_instalments_add_up_to_the_total(whole: int, parts: tuple[int, ...]) -> None:
    found = split_amount(Rupiah(whole), parts)

    assert total(found) == Rupiah(whole)
    assert len(found) == len(parts)


@given(st.integers(0, 10**12), shares())
def test_an_instalment_is_its_share_within_one_rupiah(whole: int, parts: tuple[int, ...]) -> None:
    found = split_amount(Rupiah(whole), parts)

    assert all(
        abs(part.amount * 100 - whole * share) < 100
        for part, share in zip(found, parts, strict=True)
    )


def test_the_first_instalment_is_due_within_the_hour_and_the_others_at_equal_intervals() -> None:
    parts = schedule_instalments(PLAN, Rupiah(100_001), at=NOW, starts_at=NOW + 74 * DAY)

    assert [part.amount.amount for part in parts] == [40_000, 30_000, 30_001]
    assert [part.due_at for part in parts] == [
        NOW + RESERVATION_PERIOD,
        NOW + 30 * DAY,
        NOW + 60 * DAY,
    ]
    assert [part.number for part in parts] == [1, 2, 3]


def test_a_plan_whose_last_instalment_would_be_late_is_refused() -> None:
    with pytest.raises(NotOnSale, match="too late"):
        schedule_instalments(
            PLAN, Rupiah(100_000), at=NOW, starts_at=NOW + 74 * DAY - timedelta(seconds=1)
        )


@pytest.mark.parametrize("whole", [0, 1, 2])
def test_a_total_too_small_for_instalments_is_refused(whole: int) -> None:
    with pytest.raises(NotOnSale, match="too little"):
        schedule_instalments(PLAN, Rupiah(whole), at=NOW, starts_at=NOW + 365 * DAY)


@pytest.mark.parametrize(
    ("parts", "every", "grace"),
    [
        ((100,), DAY, DAY),
        ((), DAY, DAY),
        ((50, 40), DAY, DAY),
        ((101, -1), DAY, DAY),
        ((100, 0), DAY, DAY),
        ((10,) * 8 + (5,) * 4 + (0,), DAY, DAY),
        ((50, 50), RESERVATION_PERIOD, DAY),
        ((50, 50), DAY, -DAY),
    ],
)
def test_an_invalid_plan_is_refused(
    parts: tuple[int, ...], every: timedelta, grace: timedelta
) -> None:
    with pytest.raises(NotOnSale):
        PaymentPlan("odd", parts, every, DAY, grace, OverduePolicy.KEEP)


def test_the_next_instalment_is_the_first_without_a_payment() -> None:
    paid, due, later = (
        Instalment(1, NOW, Rupiah(5), paid_by=7, paid_at=NOW),
        Instalment(2, NOW, Rupiah(5)),
        Instalment(3, NOW, Rupiah(5), paid_by=8, paid_at=NOW),
    )

    assert next_unpaid_instalment([paid, due, later]) is due
    assert next_unpaid_instalment([paid, later]) is None


def test_places_are_reserved_for_the_grace_period_and_an_hour_at_least() -> None:
    part, strict = Instalment(2, NOW, Rupiah(5)), replace(PLAN, grace=timedelta())

    assert reservation_deadline(part, PLAN, at=NOW - 9 * DAY) == NOW + 3 * DAY
    assert reservation_deadline(part, PLAN, at=NOW + 9 * DAY) == NOW + 12 * DAY
    assert (
        reservation_deadline(part, strict, at=NOW + 9 * DAY) == NOW + 9 * DAY + RESERVATION_PERIOD
    )


@pytest.mark.parametrize(
    ("state", "meaning"),
    [
        (OrderState.PENDING, InstalmentAction.PAY),
        (OrderState.EXPIRED, InstalmentAction.COMPLETE_LATE),
        (OrderState.CANCELLED, InstalmentAction.REVIEW),
        (OrderState.PAID, InstalmentAction.REVIEW),
    ],
)
def test_a_payment_pays_an_unpaid_instalment(state: OrderState, meaning: InstalmentAction) -> None:
    assert instalment_action(Instalment(1, NOW, Rupiah(5)), state) is meaning


@pytest.mark.parametrize("state", OrderState)
def test_a_payment_of_a_paid_instalment_raises_a_review_flag(state: OrderState) -> None:
    assert (
        instalment_action(Instalment(1, NOW, Rupiah(5), 7, NOW), state) is InstalmentAction.REVIEW
    )


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.integers(0, 10)),
        max_size=8,
    )
)
def test_an_order_is_covered_only_by_unrefunded_payments_of_every_instalment(
    paid: list[tuple[int, int]],
) -> None:
    parts = [Instalment(number, NOW, Rupiah(10)) for number in (1, 2, 3)]
    payments = [
        PaymentBalance(
            number, str(number), AttemptState.SETTLED, "qris", Rupiah(10), Rupiah(gone), NOW
        )
        for number, (_, gone) in enumerate(paid)
    ]
    of_part = {number: part for number, (part, _) in enumerate(paid)}

    found = assign_payments_to_instalments(parts, payments, of_part)

    whole = {part for part, gone in paid if not gone}
    assert bool(found) == (whole == {1, 2, 3})
    assert all(of_part[attempt] == part for part, attempt in found.items())
    assert all(payments[attempt].refunded_or_promised == ZERO for attempt in found.values())
