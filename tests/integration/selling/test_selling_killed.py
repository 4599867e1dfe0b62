"""Tests of settlement and expiry killed before any statement: the next run completes the work."""

import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from subprocess import CompletedProcess

import pytest

from ticketing.catalogue import stock_queries
from ticketing.catalogue.payment_plans import offer_plan
from ticketing.catalogue.stock import Stock
from ticketing.events.model import Event
from ticketing.orders import instalment_queries
from ticketing.orders.instalments import OverduePolicy, PaymentPlan
from ticketing.orders.order import Buyer, OrderState
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db.database import Database
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.ledger.queries import check_ledger_matches_sales
from ticketing.selling.payments import refund_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.settle import PaymentGateway, Settlement

pytestmark = pytest.mark.kill

Place = Callable[..., PlacedOrder]

WORKER = """
import os, signal, sys
from datetime import datetime
from sqlalchemy import event
from ticketing.orders.payment_attempt import PaymentStatus
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.kernel.money import Rupiah
from ticketing.platform.kernel.money import ZERO
from ticketing.platform.db.database import Database
from ticketing.selling.payments.settle import settle
from ticketing.selling.checkout.expire_orders import expire_orders

url, operation, at, said, when, amount = sys.argv[1:]
left, amount = int(when), int(amount)

class Gateway:
    def get_payment_status(self, attempt_key, transaction_ids=()):
        if not said:
            return None
        state, tx = AttemptState(said), f"tx-{attempt_key}"
        return PaymentStatus(attempt_key, tx, state, Rupiah(amount), ZERO)

def die_at_last(*_):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

def settle_one_by_one(*args, **kwargs):  # so that no thread counts at the same moment
    settle(*args, **kwargs, concurrency=1)

database = Database.from_url(url)
event.listen(database.engine, "before_cursor_execute", die_at_last)
event.listen(database.engine, "commit", die_at_last)
{"settle": settle_one_by_one, "expire": expire_orders}[operation](
    database, Gateway(), at=datetime.fromisoformat(at), by="sensor"
)
"""


@pytest.fixture
def run_killed(
    run_script: Callable[..., CompletedProcess[str]], database_url: str
) -> Callable[..., int]:
    """Return a function that runs an operation in a process that kills itself at a statement."""

    def run(operation: str, at: datetime, said: str, when: int, amount: int = 100_000) -> int:
        words = [operation, at.isoformat(), said, str(when), str(amount)]
        return run_script(WORKER, database_url, *words).returncode

    return run


@pytest.mark.parametrize("when", [1, 2, 3, 5, 9, 14, 19, 24, 27, 40])
def test_a_killed_settlement_loses_and_doubles_nothing(
    *,
    database: Database,
    event: Event,
    sell: Callable[..., int],
    place: Place,
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    store_notification: Callable[..., bool],
    set_payment_status: Callable[..., None],
    settle_all: Callable[..., Settlement],
    stock_of: Callable[[int], Stock],
    count_entitled: Callable[[], int],
    messages: Callable[[], list[tuple[str, str]]],
    run_killed: Callable[..., int],
    sari: Buyer,
    now: datetime,
    when: int,
) -> None:
    guest = sell("Guest", capacity=10)
    for number in range(2):
        attempt = begin_payment(place((guest, 2), buyer=sari))
        set_payment_status(attempt, AttemptState.SETTLED)
        store_notification(attempt.key, f"notice {number}")

    killed = run_killed("settle", now, "settlement", when)
    settle_all(hours=1)

    assert killed == -signal.SIGKILL
    assert stock_of(guest) == Stock(10, 0, 4)
    assert (count_entitled(), len(messages())) == (4, 4)
    assert settle_all(hours=9) == Settlement(0, 0, 0, 0)
    with database.transaction() as connection:
        assert stock_queries.list_drifted(connection, event.id) == []


@pytest.mark.parametrize("when", [1, 3, 6, 8, 10, 13])
def test_a_killed_expiry_releases_nothing_twice(
    *,
    database: Database,
    event: Event,
    gateway: PaymentGateway,
    sell: Callable[..., int],
    place: Place,
    state_of: Callable[[PlacedOrder], OrderState],
    stock_of: Callable[[int], Stock],
    run_killed: Callable[..., int],
    now: datetime,
    when: int,
) -> None:
    guest = sell("Guest", capacity=10)
    due = [place((guest, 2)) for _ in range(2)]
    place((guest, 3), at=now + timedelta(minutes=5))
    at = now + timedelta(minutes=10)

    killed = run_killed("expire", at, "", when)
    expire_orders(database, gateway, at=at, by="sensor")

    assert killed == -signal.SIGKILL
    assert [state_of(placed) for placed in due] == [OrderState.EXPIRED] * 2
    assert stock_of(guest) == Stock(10, 3, 0)
    with database.transaction() as connection:
        assert stock_queries.list_drifted(connection, event.id) == []


@pytest.fixture
def order_with_paid_instalment(
    *,
    database: Database,
    event: Event,
    sell: Callable[..., int],
    place: Place,
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    receive_status: Callable[..., Settlement],
    sari: Buyer,
) -> PlacedOrder:
    """Create an order of Rp100.000 in two instalments, one paid; overdue is refunded."""
    day = timedelta(days=1)
    plan = PaymentPlan("halves", (50, 50), 7 * day, day, day, OverduePolicy.REFUND)
    offer_plan(database, event, plan, by="operator")
    placed = place((sell("Guest", capacity=10), 2), buyer=sari, payment_plan="halves")
    receive_status(begin_payment(placed), AttemptState.SETTLED)
    return placed


@pytest.mark.parametrize("when", [4, 8, 11, 14, 16, 18, 20, 22, 24, 28])
def test_a_killed_settlement_loses_and_doubles_no_instalment(
    *,
    database: Database,
    event: Event,
    order_with_paid_instalment: PlacedOrder,
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    store_notification: Callable[..., bool],
    set_payment_status: Callable[..., None],
    settle_all: Callable[..., Settlement],
    state_of: Callable[[PlacedOrder], OrderState],
    count_entitled: Callable[[], int],
    messages: Callable[[], list[tuple[str, str]]],
    run_killed: Callable[..., int],
    now: datetime,
    when: int,
) -> None:
    attempt = begin_payment(order_with_paid_instalment)
    set_payment_status(attempt, AttemptState.SETTLED)
    store_notification(attempt.key, "the second half")

    killed = run_killed("settle", now, "settlement", when, 50_000)
    settle_all(hours=1)

    assert killed == -signal.SIGKILL
    assert state_of(order_with_paid_instalment) is OrderState.PAID
    assert (count_entitled(), len(messages())) == (2, 2)
    with database.transaction() as connection:
        parts = instalment_queries.list_for_order(connection, order_with_paid_instalment.order.id)
        assert stock_queries.list_drifted(connection, event.id) == []
    assert parts[1].paid_by == attempt.id
    assert check_ledger_matches_sales(database).violations == []


@pytest.mark.parametrize("when", [3, 6, 8, 10, 12, 14, 16, 18, 20, 24])
def test_a_killed_expiry_refunds_an_instalment_once(
    *,
    database: Database,
    event: Event,
    gateway: PaymentGateway,
    order_with_paid_instalment: PlacedOrder,
    state_of: Callable[[PlacedOrder], OrderState],
    run_killed: Callable[..., int],
    now: datetime,
    when: int,
) -> None:
    at = now + timedelta(days=8)

    killed = run_killed("expire", at, "settlement", when, 50_000)
    expire_orders(database, gateway, at=at, by="sensor")

    assert killed == -signal.SIGKILL
    assert state_of(order_with_paid_instalment) is OrderState.EXPIRED
    with database.transaction() as connection:
        promised = refund_queries.list_for_order(connection, order_with_paid_instalment.order.id)
        assert stock_queries.list_drifted(connection, event.id) == []
    assert [one.amount.amount for one in promised] == [50_000]
    assert check_ledger_matches_sales(database).violations == []
