"""Tests of refunding instalments at the gateway: overdue orders and cancelled events."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from ticketing.catalogue.payment_plans import offer_plan
from ticketing.catalogue.stock import Stock
from ticketing.events.model import Event
from ticketing.orders.instalments import OverduePolicy, PaymentPlan, TicketReleasePolicy
from ticketing.orders.order import Buyer, OrderState, ReviewFlag
from ticketing.orders.refund import RefundFee, RefundState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.money import Rupiah
from ticketing.reporting import sales_checks
from ticketing.selling.cancellation.cancel_event import cancel_event
from ticketing.selling.cancellation.plan_cancellation import plan_cancellation
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.ledger.queries import check_ledger_matches_sales
from ticketing.selling.payments import refund_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.refunds.refund_plan import RefundRequest
from ticketing.selling.refunds.send_refunds import send_refunds
from ticketing.selling.refunds.service import plan_refund

DAY = timedelta(days=1)
Pay = Callable[..., PaymentAttempt]
StateOf = Callable[[PlacedOrder], OrderState]


@pytest.fixture
def guest(sell: Callable[..., int]) -> int:
    """Sell a ticket type of ten places at Rp50.001."""
    return sell("Guest", capacity=10, price=50_001)


@pytest.fixture
def order_in_halves(
    database: Database, event: Event, guest: int, place: Callable[..., PlacedOrder], sari: Buyer
) -> Callable[..., PlacedOrder]:
    """Return a function that orders a place in two instalments under given rules."""

    def order(name: str, overdue: OverduePolicy, tickets: TicketReleasePolicy) -> PlacedOrder:
        plan = PaymentPlan(name, (50, 50), 7 * DAY, DAY, DAY, overdue, tickets)
        offer_plan(database, event, plan, by="operator")
        return place((guest, 1), buyer=sari, payment_plan=name)

    return order


@pytest.mark.parametrize("tickets", TicketReleasePolicy)
def test_a_cancelled_event_refunds_every_instalment(
    *,
    database: Database,
    client: Midtrans,
    event: Event,
    guest: int,
    order_in_halves: Callable[..., PlacedOrder],
    pay: Pay,
    tickets: TicketReleasePolicy,
    state_of: StateOf,
    stock_of: Callable[[int], Stock],
    count_entitled: Callable[[], int],
    now: datetime,
) -> None:
    whole = order_in_halves("A", OverduePolicy.KEEP, tickets)
    half = order_in_halves("B", OverduePolicy.KEEP, tickets)
    for placed in (whole, whole, half):
        pay(placed)

    planned = plan_cancellation(
        database, event, fee=RefundFee(), reason="rain", at=now, by="operator"
    )
    called = cancel_event(
        database, client, event, plan_hash=planned.plan_hash, at=now, by="operator"
    )

    assert planned.amount == Rupiah(75_001)
    assert (called.ended, called.left, called.outstanding_refunds) == (2, 0, 0)
    with database.transaction() as connection:
        gone = [refund_queries.sum_refunded(connection, one.order.id) for one in (whole, half)]
    assert gone == [Rupiah(50_001), Rupiah(25_000)]
    assert [state_of(one) for one in (whole, half)] == [OrderState.CANCELLED] * 2
    assert (stock_of(guest), count_entitled()) == (Stock(10, 0, 0), 0)
    assert check_ledger_matches_sales(database).violations == []
    assert sales_checks.check_unallocated_money(database).violations == []


def test_an_overdue_instalment_is_refunded_at_the_gateway_once(
    *,
    database: Database,
    client: Midtrans,
    order_in_halves: Callable[..., PlacedOrder],
    pay: Pay,
    state_of: StateOf,
    now: datetime,
) -> None:
    placed = order_in_halves("A", OverduePolicy.REFUND, TicketReleasePolicy.FULL_PAYMENT)
    attempt = pay(placed)

    for _ in range(2):
        expire_orders(database, client, at=now + 8 * DAY, by="sensor")
        send_refunds(database, client, at=now + 8 * DAY, by="sensor")

    with database.transaction() as connection:
        known = refund_queries.list_for_order(connection, placed.order.id)
    assert [(one.amount, one.state) for one in known] == [(Rupiah(25_000), RefundState.DONE)]
    told = client.get_payment_status(attempt.key)
    assert told is not None
    assert told.refunded == Rupiah(25_000)
    assert state_of(placed) is OrderState.EXPIRED
    assert check_ledger_matches_sales(database).violations == []


def test_a_paid_order_is_refunded_by_instalment_without_a_review_flag(
    *,
    database: Database,
    client: Midtrans,
    order_in_halves: Callable[..., PlacedOrder],
    pay: Pay,
    apply: Callable[..., object],
    store_status: Callable[[PaymentAttempt], None],
    state_of: StateOf,
    stock_of: Callable[[int], Stock],
    guest: int,
    flags: Callable[[], list[ReviewFlag]],
    now: datetime,
) -> None:
    placed = order_in_halves("A", OverduePolicy.ASK, TicketReleasePolicy.FULL_PAYMENT)
    attempts = [pay(placed) for _ in range(2)]

    asked = RefundRequest(reason="ill")
    apply(plan_refund(database, placed.order.code, asked, at=now, by="operator"))
    for attempt in attempts:
        store_status(attempt)

    with database.transaction() as connection:
        assert refund_queries.sum_refunded(connection, placed.order.id) == Rupiah(50_001)
    assert (state_of(placed), flags()) == (OrderState.CANCELLED, [])
    assert stock_of(guest) == Stock(10, 0, 0)
    assert check_ledger_matches_sales(database).violations == []
    assert sales_checks.check_unallocated_money(database).violations == []
    told = client.get_payment_status(attempts[1].key)
    assert told is not None
    assert told.refunded == Rupiah(25_001)
