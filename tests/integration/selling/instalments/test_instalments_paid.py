"""Tests of paid instalments: places stay reserved, tickets come with the last or the first."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from ticketing.catalogue.stock import Stock
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, OrderState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import ImpossibleTransition
from ticketing.platform.kernel.money import Rupiah
from ticketing.reporting import sales_checks
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.checkout.set_buyer import set_order_buyer
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.refunds.refund_plan import RefundRequest
from ticketing.selling.refunds.service import plan_refund

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
StateOf = Callable[[PlacedOrder], OrderState]
StockOf = Callable[[int], Stock]
PaidInstalments = Callable[[PlacedOrder], list[bool]]


def test_tickets_come_with_the_last_instalment_and_not_before(
    *, placed: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt], state_of: StateOf,
    stock_of: StockOf, guest: int, count_entitled: Callable[[], int],
    paid_instalments: PaidInstalments,
    check_consistency: Callable[[], None],
) -> None:  # fmt: skip
    paid = [pay_next(placed) for _ in range(2)]
    before = (state_of(placed), stock_of(guest), count_entitled(), paid_instalments(placed))
    check_consistency()
    paid.append(pay_next(placed))

    assert before == (OrderState.PENDING, Stock(10, 2, 0), 0, [True, True, False])
    assert [one.amount.amount for one in paid] == [40_000, 30_001, 30_001]
    assert (state_of(placed), stock_of(guest)) == (OrderState.PAID, Stock(10, 0, 2))
    assert (count_entitled(), paid_instalments(placed)) == (2, [True] * 3)
    check_consistency()


def test_places_are_reserved_from_instalment_to_instalment(
    *, placed: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt],
    reserved_until: Callable[[PlacedOrder], datetime], now: datetime,
) -> None:  # fmt: skip
    holds = [reserved_until(placed)]
    for _ in range(2):
        pay_next(placed)
        holds.append(reserved_until(placed))

    assert holds == [now + HOUR, now + 9 * DAY, now + 16 * DAY]


def test_the_buyer_is_notified_once_when_all_instalments_are_paid(
    placed: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt],
    messages: Callable[[], list[tuple[str, str]]],
) -> None:  # fmt: skip
    for _ in range(3):
        pay_next(placed)

    assert messages() == [
        ("order.paid", "organiser"), ("order.confirmation", "sari@example.org")
    ]  # fmt: skip


def test_a_paid_order_is_refunded_from_all_of_its_instalments(
    *, database: Database, placed: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt],
    now: datetime,
) -> None:  # fmt: skip
    attempts = [pay_next(placed) for _ in range(3)]

    planned = plan_refund(database, placed.order.code, RefundRequest(), at=now, by="operator")

    assert planned.amount == Rupiah(100_002)
    assert [part.attempt_id for part in planned.parts] == [one.id for one in attempts]


def test_a_checkout_page_of_a_later_instalment_lasts_an_hour_and_is_then_replaced(
    *, database: Database, placed: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt],
    now: datetime,
) -> None:  # fmt: skip
    pay_next(placed)
    with database.transaction() as connection:
        order = order_queries.lock(connection, placed.order.id)
        second = attempt_queries.get_or_insert_open(connection, order, at=now)
        again = attempt_queries.get_or_insert_open(
            connection, order, at=now + HOUR - timedelta(minutes=1)
        )
        third = attempt_queries.get_or_insert_open(connection, order, at=now + HOUR)

    assert second.session_expires_at(order) == now + HOUR
    assert (again.key, third.instalment_sequence, third.key) == (
        second.key, 2, second.key[:-2] + "03"
    )  # fmt: skip


def test_tickets_come_with_the_first_instalment_under_an_early_release_policy(
    *, order_with_early_tickets: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt],
    state_of: StateOf,
    stock_of: StockOf, guest: int, count_entitled: Callable[[], int],
    messages: Callable[[], list[tuple[str, str]]], check_consistency: Callable[[], None],
) -> None:  # fmt: skip
    counts = [count_entitled()]
    for _ in range(3):
        pay_next(order_with_early_tickets)
        counts.append(count_entitled())

    assert counts == [0, 2, 2, 2]
    assert (state_of(order_with_early_tickets), stock_of(guest)) == (
        OrderState.PAID,
        Stock(10, 0, 2),
    )
    assert messages() == [("order.confirmation", "sari@example.org"), ("order.paid", "organiser")]
    check_consistency()


def test_an_early_order_without_tickets_is_a_violation_after_its_grace_time(
    *, database: Database, order_with_early_tickets: PlacedOrder, pay_next: Callable[[PlacedOrder],
    PaymentAttempt],
    now: datetime,
) -> None:  # fmt: skip
    pay_next(order_with_early_tickets)

    soon = sales_checks.check_orders_fulfilled(database, at=now + timedelta(minutes=1))
    later = sales_checks.check_orders_fulfilled(database, at=now + timedelta(minutes=5))

    assert soon.violations == []
    assert [one.subject for one in later.violations] == [order_with_early_tickets.order.code]


def test_the_buyer_cannot_change_after_an_instalment_was_paid(
    *, database: Database, placed: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt],
    sari: Buyer, budi: Buyer, now: datetime,
) -> None:  # fmt: skip
    set_order_buyer(database, placed.order.id, buyer=sari, at=now, by="web")
    pay_next(placed)

    with pytest.raises(ImpossibleTransition, match="its buyer cannot be changed"):
        set_order_buyer(database, placed.order.id, buyer=budi, at=now, by="web")
