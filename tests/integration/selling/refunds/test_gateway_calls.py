"""Tests of the requests of refunds, order expiry and the closing of sessions: counted by kind."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select

from simulators.midtrans.server import MidtransSimulator
from ticketing.orders.order import Buyer
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.payments import gateway_calls, payment_attempts
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.pay_order import pay_order
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.refunds.refund_plan import RefundPlan
from ticketing.selling.refunds.service import AppliedRefund


@pytest.fixture
def place_guest(
    sell: Callable[..., int], place: Callable[..., PlacedOrder], sari: Buyer
) -> Callable[[], PlacedOrder]:
    """Return a function that orders one place at Rp50.000."""
    guest = sell("Guest", capacity=100)
    return lambda: place((guest, 1), buyer=sari)


@pytest.fixture
def open_session(
    database: Database, client: Midtrans, place_guest: Callable[[], PlacedOrder], now: datetime
) -> Callable[[], PlacedOrder]:
    """Return a function that places an order and opens its checkout session."""

    def start() -> PlacedOrder:
        placed = place_guest()
        pay_order(database, client, placed.order.id, finish_url="", at=now, by="web")
        return placed

    return start


@pytest.fixture
def counted(database: Database) -> Callable[[], dict[str, int]]:
    """Return a function that reads the number of counted requests by kind."""

    def fetch() -> dict[str, int]:
        query = select(gateway_calls.c.kind, gateway_calls.c.calls).join(payment_attempts)
        with database.transaction() as connection:
            return {row.kind: row.calls for row in connection.execute(query)}

    return fetch


def test_the_requests_of_a_refund_are_counted(
    place_guest: Callable[[], PlacedOrder], pay: Callable[[PlacedOrder], PaymentAttempt],
    plan: Callable[..., RefundPlan], apply: Callable[[RefundPlan], AppliedRefund],
    counted: Callable[[], dict[str, int]],
) -> None:  # fmt: skip
    placed = place_guest()
    pay(placed)

    apply(plan(placed))

    assert counted() == {"status": 1, "refund": 1}


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        (0, {"create": 1, "status": 1, "cancel": 1}),
        (3, {"create": 1, "status": 3}),  # no answer, so the order is not ended
    ],
)
def test_the_requests_of_an_order_that_expires_are_counted(
    database: Database, client: Midtrans, midtrans: MidtransSimulator,
    open_session: Callable[[], PlacedOrder], counted: Callable[[], dict[str, int]],
    errors: int, expected: dict[str, int],
) -> None:  # fmt: skip
    placed = open_session()
    midtrans.faults.set(answers=[{"kind": "error", "path": "/status", "times": errors}])

    expire_orders(database, client, at=placed.order.expires_at, by="schedule")

    assert counted() == expected
