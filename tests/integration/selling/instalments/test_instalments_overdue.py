"""Tests of orders with overdue instalments: ended once, paid money handled by the plan's rule."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from ticketing.catalogue.stock import Stock
from ticketing.orders.instalments import OverduePolicy
from ticketing.orders.order import OrderState, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import RefundRefused
from ticketing.platform.kernel.money import Rupiah
from ticketing.reporting import sales_checks
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.expire_orders import ExpiryResult
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.settle import Settlement
from ticketing.selling.refunds.refund_plan import RefundRequest, RefundScope
from ticketing.selling.refunds.resolve_flag import dismiss_flag, refund_request_for_flag
from ticketing.selling.refunds.service import plan_refund

S = AttemptState
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
Begin = Callable[[PlacedOrder], PaymentAttempt]
SetPaymentStatus = Callable[..., None]
StateOf = Callable[[PlacedOrder], OrderState]
StockOf = Callable[[int], Stock]
Flags = Callable[[], list[ReviewFlag]]
PaidInstalments = Callable[[PlacedOrder], list[bool]]
Expire = Callable[[timedelta], ExpiryResult]


def test_a_missed_first_instalment_expires_the_order(
    placed: PlacedOrder, expire: Expire, state_of: StateOf, stock_of: StockOf, guest: int,
    flags: Flags,
) -> None:  # fmt: skip
    early, late = expire(HOUR - timedelta(seconds=1)), expire(HOUR)

    assert (early.expired, late.expired) == (0, 1)
    assert (state_of(placed), stock_of(guest), flags()) == (
        OrderState.EXPIRED, Stock(10, 0, 0), []
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "refund_amount", "expected_flags"),
    [
        (OverduePolicy.KEEP, 0, []),
        (OverduePolicy.REFUND, 40_000, []),
        (OverduePolicy.ASK, 0, [ReviewFlag.INSTALMENTS_UNFINISHED]),
    ],
)
def test_an_overdue_instalment_releases_the_places_once_and_applies_the_rule(
    *,
    order_by: Callable[[OverduePolicy], PlacedOrder],
    pay_next: Callable[[PlacedOrder], PaymentAttempt],
    expire: Expire,
    state_of: StateOf,
    stock_of: StockOf,
    guest: int,
    flags: Flags,
    pending_refunds_of: Callable[[PlacedOrder], int],
    rule: OverduePolicy,
    refund_amount: int,
    expected_flags: list[ReviewFlag],
    check_consistency: Callable[[], None],
) -> None:
    placed = order_by(rule)
    pay_next(placed)

    early = expire(9 * DAY - timedelta(seconds=1))
    ends = [expire(9 * DAY), expire(10 * DAY)]

    assert (early.expired, [one.expired for one in ends]) == (0, [1, 0])
    assert (state_of(placed), stock_of(guest)) == (OrderState.EXPIRED, Stock(10, 0, 0))
    assert (pending_refunds_of(placed), flags()) == (refund_amount, expected_flags)
    check_consistency()


@pytest.mark.parametrize(
    ("rule", "refund_amount", "expected_flags"),
    [
        (OverduePolicy.KEEP, 0, []),
        (OverduePolicy.REFUND, 40_000, []),
        (OverduePolicy.ASK, 0, [ReviewFlag.INSTALMENTS_UNFINISHED]),
    ],
)
def test_cancelling_an_order_follows_the_same_rule(
    *,
    database: Database,
    order_by: Callable[[OverduePolicy], PlacedOrder],
    pay_next: Callable[[PlacedOrder], PaymentAttempt],
    state_of: StateOf,
    stock_of: StockOf,
    guest: int,
    flags: Flags,
    pending_refunds_of: Callable[[PlacedOrder], int],
    rule: OverduePolicy,
    refund_amount: int,
    expected_flags: list[ReviewFlag],
    now: datetime,
    check_consistency: Callable[[], None],
) -> None:
    placed = order_by(rule)
    pay_next(placed)

    for _ in range(2):
        cancel_order(database, placed.order.id, at=now, by="web")

    assert (state_of(placed), stock_of(guest)) == (OrderState.CANCELLED, Stock(10, 0, 0))
    assert (pending_refunds_of(placed), flags()) == (refund_amount, expected_flags)
    check_consistency()


def test_staff_refund_payments_that_a_rule_left_open(
    *, database: Database, placed: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt],
    expire: Expire, now: datetime,
) -> None:  # fmt: skip
    pay_next(placed)
    expire(9 * DAY)

    asked = refund_request_for_flag(ReviewFlag.INSTALMENTS_UNFINISHED, reason="as agreed")
    planned = plan_refund(database, placed.order.code, asked, at=now, by="operator")

    assert planned.amount == Rupiah(40_000)


def test_kept_payments_are_announced_and_are_no_surplus(
    *, database: Database, order_by: Callable[[OverduePolicy], PlacedOrder],
    pay_next: Callable[[PlacedOrder], PaymentAttempt], expire: Expire, now: datetime,
    messages: Callable[[], list[tuple[str, str]]],
) -> None:  # fmt: skip
    placed = order_by(OverduePolicy.KEEP)
    pay_next(placed)

    expire(9 * DAY)

    assert messages() == [("order.instalments_kept", "sari@example.org")]
    with pytest.raises(RefundRefused):
        plan_refund(
            database,
            placed.order.code,
            RefundRequest(money=RefundScope.SURPLUS),
            at=now,
            by="operator",
        )


def test_a_pending_payment_of_an_overdue_instalment_is_awaited(
    *, placed: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt], begin_payment: Begin,
    set_payment_status: SetPaymentStatus, expire: Expire, state_of: StateOf,
    paid_instalments: PaidInstalments,
) -> None:  # fmt: skip
    pay_next(placed)
    second = begin_payment(placed)
    set_payment_status(second, S.PENDING)
    waits = expire(9 * DAY)
    set_payment_status(second, S.SETTLED)
    paid = expire(9 * DAY + HOUR)

    assert (waits.stuck, paid.left, paid.expired) == (1, 1, 0)
    assert (state_of(placed), paid_instalments(placed)) == (OrderState.PENDING, [True, True, False])


def test_early_entitlements_end_with_an_overdue_instalment(
    *, database: Database, order_with_early_tickets: PlacedOrder, pay_next: Callable[[PlacedOrder],
    PaymentAttempt],
    expire: Expire, stock_of: StockOf, guest: int, count_entitled: Callable[[], int],
    pending_refunds_of: Callable[[PlacedOrder], int], now: datetime, check_consistency: Callable[[],
    None],
) -> None:  # fmt: skip
    pay_next(order_with_early_tickets)

    expire(9 * DAY)

    assert (stock_of(guest), count_entitled(), pending_refunds_of(order_with_early_tickets)) == (
        Stock(10, 0, 0),
        0,
        40_000,
    )
    assert sales_checks.check_orders_fulfilled(database, at=now + HOUR).violations == []
    check_consistency()


def test_the_rule_refunds_instalments_but_no_second_payment_that_staff_returned_by_hand(
    *, database: Database, order_by: Callable[[OverduePolicy], PlacedOrder],
    competing_attempts: Callable[[PlacedOrder], list[PaymentAttempt]],
    receive_status: Callable[..., Settlement], expire: Expire,
    pending_refunds_of: Callable[[PlacedOrder], int], now: datetime,
    check_consistency: Callable[[], None],
) -> None:  # fmt: skip
    placed = order_by(OverduePolicy.REFUND)
    for attempt in competing_attempts(placed)[:2]:
        receive_status(attempt, S.SETTLED)
    paid_twice = ReviewFlag.PAID_TWICE
    dismiss_flag(
        database, placed.order.code, paid_twice, reason="returned by hand", at=now, by="op"
    )

    expire(9 * DAY)

    assert pending_refunds_of(placed) == 40_000
    check_consistency()
