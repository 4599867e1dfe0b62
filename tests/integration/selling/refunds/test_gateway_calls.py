"""Tests of the requests of refunds, order expiry and closed sessions: counted, side by side."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import pytest
from sqlalchemy import select

from simulators.midtrans.server import MidtransSimulator
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, OrderState
from ticketing.orders.refund import Refund, RefundState
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.payments import gateway_calls, payment_attempts
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.pay_order import pay_order
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments import checkout_session_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.expire_checkout_sessions import expire_sessions_of_ended_orders
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.refunds.decide_refund import decide_refund
from ticketing.selling.refunds.refund_plan import RefundPlan, RefundRequest
from ticketing.selling.refunds.send_refunds import send_refunds
from ticketing.selling.refunds.service import AppliedRefund, build_refund_plan


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


@dataclass(frozen=True, slots=True)
class Work:
    """Requests about three payments; those about the first hang at `hanging_path`."""

    hanging_path: str
    run: Callable[[], object]
    list_done: Callable[[], list[bool]]


@pytest.fixture
def waiting_refunds(
    database: Database, client: Midtrans, place_guest: Callable[[], PlacedOrder],
    pay: Callable[[PlacedOrder], PaymentAttempt],
    refunds_of: Callable[[PlacedOrder], list[Refund]], now: datetime,
) -> Work:  # fmt: skip
    """Decide three refunds without sending them."""
    placed = [place_guest() for _ in range(3)]
    attempts = [pay(one) for one in placed]
    for one in placed:
        with database.transaction() as connection:
            order = order_queries.lock(connection, one.order.id)
            planned = build_refund_plan(connection, order, RefundRequest(), at=now)
            decide_refund(connection, order, planned, at=now, by="operator")
    return Work(
        f"{attempts[0].key}/refund",
        lambda: send_refunds(database, client, at=now, by="operator"),
        lambda: [refunds_of(one)[0].state is RefundState.DONE for one in placed],
    )


@pytest.fixture
def overdue_orders(
    database: Database, client: Midtrans, open_session: Callable[[], PlacedOrder],
    state_of: Callable[[PlacedOrder], OrderState],
) -> Work:  # fmt: skip
    """Open the sessions of three orders that are to expire."""
    placed = [open_session() for _ in range(3)]
    ends_at = placed[0].order.expires_at
    return Work(
        f"{placed[0].order.code}-01/status",
        lambda: expire_orders(database, client, at=ends_at, by="schedule"),
        lambda: [state_of(one) is OrderState.EXPIRED for one in placed],
    )


@pytest.fixture
def open_sessions(
    database: Database, client: Midtrans, open_session: Callable[[], PlacedOrder], now: datetime
) -> Work:
    """Cancel three orders whose sessions are open."""
    ids = [open_session().order.id for _ in range(3)]
    for order_id in ids:
        cancel_order(database, order_id, at=now, by="web")
    list_open = checkout_session_queries.list_open_for_order
    [first] = database.run(list_open, ids[0])
    return Work(
        first.token,
        lambda: expire_sessions_of_ended_orders(database, client, at=now, by="schedule"),
        lambda: [not database.run(list_open, order_id) for order_id in ids],
    )


@pytest.mark.parametrize("kind", ["waiting_refunds", "overdue_orders", "open_sessions"])
def test_a_hanging_answer_holds_up_no_other_payment(
    midtrans: MidtransSimulator, request: pytest.FixtureRequest, kind: str
) -> None:
    work: Work = request.getfixturevalue(kind)
    midtrans.faults.set(answers=[{"kind": "slow", "path": work.hanging_path}])
    deadline = time.monotonic() + 4  # a question about a status is repeated after five seconds

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(work.run)
        while sum(work.list_done()) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        while_hanging = work.list_done()
        midtrans.hurry()
        running.result()

    assert while_hanging == [False, True, True]
    assert work.list_done() == [True, True, True]
