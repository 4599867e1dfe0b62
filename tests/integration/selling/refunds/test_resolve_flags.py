"""Tests of resolving review flags about late and duplicate payments."""

from collections.abc import Callable
from datetime import datetime

import pytest

from simulators.midtrans.server import MidtransSimulator
from ticketing.catalogue.stock import Stock
from ticketing.catalogue.ticket_types import SaleTerms, open_sale
from ticketing.events.model import Event
from ticketing.orders.order import Buyer, OrderState, ReviewFlag
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import ImpossibleTransition, SoldOut
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.refunds.refund_plan import RefundPlan
from ticketing.selling.refunds.resolve_flag import (
    complete_late_order,
    dismiss_flag,
    refund_request_for_flag,
)
from ticketing.selling.refunds.service import AppliedRefund, plan_refund

Apply = Callable[[RefundPlan], AppliedRefund]
GatewayRefunds = Callable[[PaymentAttempt], list[tuple[str, int]]]
StateOf = Callable[[PlacedOrder], OrderState]


@pytest.fixture
def two_places(sell: Callable[..., int]) -> int:
    """Sell a ticket type with two places."""
    return sell("VIP", capacity=2, price=100_000)


@pytest.fixture
def paid_late(
    database: Database,
    client: Midtrans,
    midtrans: MidtransSimulator,
    two_places: int,
    place: Callable[..., PlacedOrder],
    start_paying: Callable[[PlacedOrder], PaymentAttempt],
    store_status: Callable[[PaymentAttempt], None],
    sari: Buyer,
    budi: Buyer,
) -> tuple[PlacedOrder, PaymentAttempt]:
    """Create an order that was paid after it expired, when its places were sold."""
    placed = place((two_places, 2), buyer=sari)
    attempt = start_paying(placed)
    expire_orders(database, client, at=placed.order.expires_at, by="schedule")
    place((two_places, 1), buyer=budi)
    midtrans.push(attempt.key, "pay", "gopay")
    store_status(attempt)
    return placed, attempt


def test_a_late_payment_is_completed_once_places_are_available(
    database: Database,
    event: Event,
    paid_late: tuple[PlacedOrder, PaymentAttempt],
    two_places: int,
    state_of: StateOf,
    stock_of: Callable[[int], Stock],
    count_entitled: Callable[[], int],
    flags: Callable[[], list[ReviewFlag]],
    is_consistent: Callable[[], bool],
    now: datetime,
) -> None:
    placed, _ = paid_late
    seen = flags()
    open_sale(database, event, "VIP", SaleTerms(capacity=3), by="operator")

    complete_late_order(database, placed.order.code, at=now, by="operator")

    assert (seen, flags()) == ([ReviewFlag.PAID_LATE], [])
    assert (state_of(placed), count_entitled()) == (OrderState.PAID, 2)
    assert stock_of(two_places) == Stock(3, 1, 2)
    assert is_consistent()


def test_a_late_payment_is_not_completed_without_places(
    database: Database, paid_late: tuple[PlacedOrder, PaymentAttempt], state_of: StateOf,
    flags: Callable[[], list[ReviewFlag]], now: datetime,
) -> None:  # fmt: skip
    placed, _ = paid_late

    with pytest.raises(SoldOut):
        complete_late_order(database, placed.order.code, at=now, by="operator")

    assert (state_of(placed), flags()) == (OrderState.EXPIRED, [ReviewFlag.PAID_LATE])


def test_a_late_payment_is_refunded(
    database: Database,
    paid_late: tuple[PlacedOrder, PaymentAttempt],
    apply: Apply,
    gateway_refunds: GatewayRefunds,
    state_of: StateOf,
    flags: Callable[[], list[ReviewFlag]],
    is_consistent: Callable[[], bool],
    now: datetime,
) -> None:
    placed, attempt = paid_late
    asked = refund_request_for_flag(ReviewFlag.PAID_LATE, reason="too late")

    apply(plan_refund(database, placed.order.code, asked, at=now, by="operator"))

    assert [amount for _, amount in gateway_refunds(attempt)] == [200_000]
    assert (state_of(placed), flags()) == (OrderState.EXPIRED, [])
    assert is_consistent()


def test_a_refunded_late_payment_completes_nothing(
    database: Database, event: Event, paid_late: tuple[PlacedOrder, PaymentAttempt], apply: Apply,
    now: datetime,
) -> None:  # fmt: skip
    placed, _ = paid_late
    asked = refund_request_for_flag(ReviewFlag.PAID_LATE, reason="too late")
    apply(plan_refund(database, placed.order.code, asked, at=now, by="operator"))
    open_sale(database, event, "VIP", SaleTerms(capacity=9), by="operator")

    with pytest.raises(ImpossibleTransition, match="no payment without refunds"):
        complete_late_order(database, placed.order.code, at=now, by="operator")


def test_a_duplicate_payment_is_refunded_and_the_order_stays_paid(
    database: Database,
    midtrans: MidtransSimulator,
    two_places: int,
    place: Callable[..., PlacedOrder],
    pay: Callable[..., PaymentAttempt],
    start_paying: Callable[[PlacedOrder], PaymentAttempt],
    store_status: Callable[[PaymentAttempt], None],
    apply: Apply,
    gateway_refunds: GatewayRefunds,
    state_of: StateOf,
    stock_of: Callable[[int], Stock],
    flags: Callable[[], list[ReviewFlag]],
    sari: Buyer,
    now: datetime,
) -> None:
    placed = place((two_places, 2), buyer=sari)
    first = start_paying(placed)
    midtrans.push(first.key, "choose", "gopay")
    midtrans.push(first.key, "decline")
    store_status(first)
    second = pay(placed, "other_qris")
    midtrans.push(first.key, "settle")
    store_status(first)
    seen = flags()

    asked = refund_request_for_flag(ReviewFlag.PAID_TWICE, reason="paid twice")
    apply(plan_refund(database, placed.order.code, asked, at=now, by="operator"))

    assert (seen, flags()) == ([ReviewFlag.PAID_TWICE], [])
    assert ([amount for _, amount in gateway_refunds(first)], gateway_refunds(second)) == (
        [200_000],
        [],
    )
    assert (state_of(placed), stock_of(two_places)) == (OrderState.PAID, Stock(2, 0, 2))


def test_a_payment_of_a_cancelled_order_is_refunded(
    database: Database, midtrans: MidtransSimulator, two_places: int,
    place: Callable[..., PlacedOrder], start_paying: Callable[[PlacedOrder], PaymentAttempt],
    store_status: Callable[[PaymentAttempt], None], apply: Apply, gateway_refunds: GatewayRefunds,
    flags: Callable[[], list[ReviewFlag]], sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    placed = place((two_places, 2), buyer=sari)
    attempt = start_paying(placed)
    cancel_order(database, placed.order.id, at=now, by="web")
    midtrans.push(attempt.key, "pay", "gopay")
    store_status(attempt)
    seen = flags()

    asked = refund_request_for_flag(ReviewFlag.PAID_AFTER_CANCELLING, reason="cancelled")
    apply(plan_refund(database, placed.order.code, asked, at=now, by="operator"))

    assert (seen, flags()) == ([ReviewFlag.PAID_AFTER_CANCELLING], [])
    assert len(gateway_refunds(attempt)) == 1


def test_only_an_expired_order_is_completed_late(
    database: Database, two_places: int, place: Callable[..., PlacedOrder], sari: Buyer,
    now: datetime,
) -> None:  # fmt: skip
    placed = place((two_places, 2), buyer=sari)

    with pytest.raises(ImpossibleTransition, match="is pending"):
        complete_late_order(database, placed.order.code, at=now, by="operator")


def test_a_review_flag_is_closed_without_any_action(
    database: Database,
    paid_late: tuple[PlacedOrder, PaymentAttempt],
    flags: Callable[[], list[ReviewFlag]],
    now: datetime,
) -> None:
    placed, _ = paid_late

    dismiss_flag(
        database,
        placed.order.code,
        ReviewFlag.PAID_LATE,
        reason="settled by phone",
        at=now,
        by="operator",
    )

    assert flags() == []


def test_a_review_flag_without_surplus_money_has_no_refund() -> None:
    with pytest.raises(ImpossibleTransition, match="cannot be resolved by a refund"):
        refund_request_for_flag(ReviewFlag.STUCK, reason="")
