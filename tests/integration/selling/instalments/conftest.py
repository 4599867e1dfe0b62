"""Fixtures: orders paid in three instalments, and their invariants."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from ticketing.catalogue import stock_queries
from ticketing.catalogue.payment_plans import offer_plan
from ticketing.events.model import Event
from ticketing.orders import instalment_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.instalments import OverduePolicy, PaymentPlan, TicketReleasePolicy
from ticketing.orders.order import Buyer
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.reporting import sales_checks
from ticketing.selling.checkout.expire_orders import ExpiryResult, expire_orders
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.ledger.queries import check_ledger_matches_sales
from ticketing.selling.payments import refund_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.settle import PaymentGateway, Settlement

S = AttemptState
DAY = timedelta(days=1)
Begin = Callable[[PlacedOrder], PaymentAttempt]
ReceiveStatus = Callable[..., Settlement]
PaidInstalments = Callable[[PlacedOrder], list[bool]]
Expire = Callable[[timedelta], ExpiryResult]


@pytest.fixture
def offer(database: Database, event: Event) -> Callable[[OverduePolicy], None]:
    """Return a function that offers the plan `3 parts`: a week apart, two days of grace."""

    def offer_one(overdue: OverduePolicy) -> None:
        plan = PaymentPlan("3 parts", (40, 30, 30), 7 * DAY, 3 * DAY, 2 * DAY, overdue)
        offer_plan(database, event, plan, by="operator")

    return offer_one


@pytest.fixture
def offered(offer: Callable[[OverduePolicy], None]) -> None:
    """Offer the plan; overdue instalments raise a review flag."""
    offer(OverduePolicy.ASK)


@pytest.fixture
def guest(sell: Callable[..., int]) -> int:
    """Sell a ticket type of ten places at Rp50.001."""
    return sell("Guest", capacity=10, price=50_001)


@pytest.fixture
def order_by(
    offer: Callable[[OverduePolicy], None],
    guest: int,
    place: Callable[..., PlacedOrder],
    sari: Buyer,
) -> Callable[[OverduePolicy], PlacedOrder]:
    """Return a function that orders two places in three instalments under an overdue policy."""

    def order(overdue: OverduePolicy) -> PlacedOrder:
        offer(overdue)
        return place((guest, 2), buyer=sari, payment_plan="3 parts")

    return order


@pytest.fixture
def placed(order_by: Callable[[OverduePolicy], PlacedOrder]) -> PlacedOrder:
    """Order two places for Rp100.002 in three instalments; overdue raises a review flag."""
    return order_by(OverduePolicy.ASK)


@pytest.fixture
def pay_next(
    begin_payment: Begin, receive_status: ReceiveStatus
) -> Callable[[PlacedOrder], PaymentAttempt]:
    """Return a function that pays the next instalment."""

    def pay(placed: PlacedOrder) -> PaymentAttempt:
        attempt = begin_payment(placed)
        receive_status(attempt, S.SETTLED)
        return attempt

    return pay


@pytest.fixture
def paid_instalments(database: Database) -> PaidInstalments:
    """Return a function that reads the paid instalments."""

    def fetch(placed: PlacedOrder) -> list[bool]:
        with database.transaction() as connection:
            parts = instalment_queries.list_for_order(connection, placed.order.id)
        return [part.paid_by is not None for part in parts]

    return fetch


@pytest.fixture
def reserved_until(database: Database) -> Callable[[PlacedOrder], datetime]:
    """Return a function that reads until when an order reserves its places."""

    def fetch(placed: PlacedOrder) -> datetime:
        with database.transaction() as connection:
            return order_queries.get(connection, placed.order.id).expires_at

    return fetch


@pytest.fixture
def pending_refunds_of(database: Database) -> Callable[[PlacedOrder], int]:
    """Return a function that reads the amount of pending refunds."""

    def fetch(placed: PlacedOrder) -> int:
        with database.transaction() as connection:
            return sum(
                one.amount.amount
                for one in refund_queries.list_for_order(connection, placed.order.id)
            )

    return fetch


@pytest.fixture
def expire(database: Database, gateway: PaymentGateway, now: datetime) -> Expire:
    """Return a function that expires overdue orders, a given time later."""

    def run(later: timedelta) -> ExpiryResult:
        return expire_orders(database, gateway, at=now + later, by="sensor")

    return run


@pytest.fixture
def competing_attempts(
    database: Database, begin_payment: Begin
) -> Callable[[PlacedOrder], list[PaymentAttempt]]:
    """Return a function that starts three attempts for one instalment, each after a failed one."""

    def begin(placed: PlacedOrder) -> list[PaymentAttempt]:
        def fail(attempt: PaymentAttempt, state: AttemptState) -> None:
            with database.transaction() as connection:
                here = payment_attempts.c.id == attempt.id
                connection.execute(update(payment_attempts).where(here).values(state=state))

        attempts = list[PaymentAttempt]()
        for _ in range(3):
            attempts.append(begin_payment(placed))
            fail(attempts[-1], S.FAILED)
        for attempt in attempts:
            fail(attempt, S.CREATED)
        return attempts

    return begin


@pytest.fixture
def check_consistency(database: Database, event: Event) -> "Callable[[], None]":
    """Return a function that checks stock, money and ledger."""

    def check() -> None:
        with database.transaction() as connection:
            assert stock_queries.list_drifted(connection, event.id) == []
            assert refund_queries.list_over_refunded_keys(connection, event.id) == []
        assert check_ledger_matches_sales(database).violations == []
        assert sales_checks.check_unallocated_money(database).violations == []
        assert sales_checks.check_duplicate_payments(database).violations == []

    return check


@pytest.fixture
def order_with_early_tickets(
    database: Database, event: Event, guest: int, place: Callable[..., PlacedOrder], sari: Buyer
) -> PlacedOrder:
    """Order two places in three instalments; tickets after the first; refunded if overdue."""
    times = (7 * DAY, 3 * DAY, 2 * DAY)
    plan = PaymentPlan(
        "early", (40, 30, 30), *times, OverduePolicy.REFUND, TicketReleasePolicy.FIRST_INSTALMENT
    )
    offer_plan(database, event, plan, by="operator")
    return place((guest, 2), buyer=sari, payment_plan="early")
