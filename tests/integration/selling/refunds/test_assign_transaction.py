"""Tests of payments that staff assign to an order by their transaction at the gateway."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from simulators.midtrans.server import MidtransSimulator
from ticketing.orders.order import Buyer, OrderState, ReviewFlag
from ticketing.platform.db import inbox, quarantined_webhooks
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import ImpossibleTransition, UnknownOrder
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.ledger.queries import check_ledger_matches_sales
from ticketing.selling.payments.assign_transaction import apply_assignment, plan_assignment
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.payments.settle import Settlement, settle
from ticketing.selling.refunds.resolve_flag import dismiss_flag

Place = Callable[..., PlacedOrder]
Start = Callable[[PlacedOrder], PaymentAttempt]
Assign = Callable[[PlacedOrder, str], OrderState]


@pytest.fixture
def guest(sell: Callable[..., int]) -> int:
    """Sell a ticket type of ten places at Rp50.000."""
    return sell("Guest", capacity=10)


@pytest.fixture
def assign(database: Database, client: Midtrans, now: datetime) -> Assign:
    """Return a function that plans an assignment and applies it twice."""

    def plan_and_apply(placed: PlacedOrder, transaction_id: str) -> OrderState:
        who = {"at": now, "by": "operator"}
        code = placed.order.code
        plan = plan_assignment(
            database, client, code, transaction_id=transaction_id, reason="dashboard", **who
        )
        for _ in range(2):
            order = apply_assignment(database, client, code, plan_hash=plan.plan_hash, **who)
        return order.state

    return plan_and_apply


@pytest.fixture
def dana(midtrans: MidtransSimulator) -> Callable[[PaymentAttempt], str]:
    """Return a function that pays by DANA, unknown under our key, and returns the transaction."""

    def pay(attempt: PaymentAttempt) -> str:
        midtrans.faults.set(only_transaction_ids=True)
        midtrans.push(attempt.key, "pay", "dana")
        return str(midtrans.bank.payments()[-1].number)

    return pay


@pytest.fixture
def books_agree(database: Database, is_consistent: Callable[[], bool]) -> Callable[[], bool]:
    """Return a function that checks stock, money and ledger."""

    def check() -> bool:
        return is_consistent() and check_ledger_matches_sales(database).violations == []

    return check


def test_a_stuck_payment_under_an_unknown_transaction_is_assigned(
    database: Database, client: Midtrans, guest: int, place: Place, start_paying: Start,
    dana: Callable[[PaymentAttempt], str], store_notification: Callable[..., bool], assign: Assign,
    flags: Callable[[], list[ReviewFlag]], books_agree: Callable[[], bool], sari: Buyer,
    now: datetime,
) -> None:  # fmt: skip
    placed = place((guest, 2), buyer=sari)
    attempt = start_paying(placed)
    transaction_id = dana(attempt)
    store_notification(transaction_id, "without our key")
    quarantined = settle(database, client, at=now, by="sensor")
    with database.transaction() as connection:
        inbox.store_webhook(
            connection, provider="midtrans", unique_key="money", external_reference=attempt.key,
            body=b'{"order_id": "%s", "status_code": "200", "gross_amount": "1"}'
            % attempt.key.encode(), at=now,
        )  # fmt: skip
    expire_orders(database, client, at=placed.order.expires_at, by="schedule")
    seen = flags()

    state = assign(placed, transaction_id)
    settled = settle(database, client, at=now, by="sensor")

    assert (quarantined.quarantined, seen) == (1, [ReviewFlag.STUCK])
    assert (state, flags()) == (OrderState.PAID, [])
    assert settled == Settlement(applied=0, unchanged=2, quarantined=0, postponed=0)
    assert database.run(quarantined_webhooks.list_quarantined) == []
    assert books_agree()


@pytest.fixture
def reused(
    database: Database, client: Midtrans, guest: int, place: Place, start_paying: Start,
    dana: Callable[[PaymentAttempt], str], store_notification: Callable[..., bool], sari: Buyer,
    budi: Buyer, now: datetime,
) -> tuple[PlacedOrder, PlacedOrder, str]:  # fmt: skip
    """Create an order that a transaction paid, and another one that it is reported for, too."""
    paid, other = place((guest, 2), buyer=sari), place((guest, 2), buyer=budi)
    first, second = start_paying(paid), start_paying(other)
    transaction_id = dana(first)
    told = {"order_id": second.key, "status_code": "201", "gross_amount": "1"}
    body = json.dumps(told | {"transaction_id": transaction_id}).encode()
    store_notification(second.key, "names the wrong transaction", body)
    said = client.get_payment_status(first.key, [transaction_id])
    assert said is not None
    for attempt in (first, second):
        statement = replace(said, attempt_key=attempt.key)
        database.run(record_payment, attempt, statement, at=now, by="sensor")
    return paid, other, transaction_id


def test_a_reused_transaction_is_moved_to_the_order_that_it_belongs_to(
    reused: tuple[PlacedOrder, PlacedOrder, str], assign: Assign,
    state_of: Callable[[PlacedOrder], OrderState], flags: Callable[[], list[ReviewFlag]],
    books_agree: Callable[[], bool],
) -> None:  # fmt: skip
    paid, other, transaction_id = reused
    before = (state_of(paid), state_of(other), flags())

    assign(other, transaction_id)

    assert before == (OrderState.PAID, OrderState.PENDING, [ReviewFlag.TRANSACTION_REUSED])
    assert (state_of(paid), state_of(other)) == (OrderState.CANCELLED, OrderState.PAID)
    assert flags() == [ReviewFlag.MONEY_REVERSED]
    assert books_agree()


def test_a_reused_transaction_that_stays_lets_the_other_order_expire(
    database: Database, client: Midtrans, reused: tuple[PlacedOrder, PlacedOrder, str],
    state_of: Callable[[PlacedOrder], OrderState], flags: Callable[[], list[ReviewFlag]],
    books_agree: Callable[[], bool], now: datetime,
) -> None:  # fmt: skip
    paid, other, _ = reused
    code, flag = other.order.code, ReviewFlag.TRANSACTION_REUSED
    expire_orders(database, client, at=other.order.expires_at, by="schedule")
    held = state_of(other)

    dismiss_flag(database, code, flag, reason="it is the first one's", at=now, by="operator")
    expire_orders(database, client, at=other.order.expires_at, by="schedule")

    assert (held, state_of(other)) == (OrderState.PENDING, OrderState.EXPIRED)
    assert state_of(paid) is OrderState.PAID
    assert flags() == []
    assert books_agree()


def test_a_transaction_of_another_order_at_the_gateway_is_not_assigned(
    database: Database, client: Midtrans, midtrans: MidtransSimulator, guest: int, place: Place,
    pay: Callable[..., PaymentAttempt], start_paying: Start, sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    pay(place((guest, 1), buyer=sari))
    placed = place((guest, 1), buyer=sari)
    start_paying(placed)
    who = {"reason": "guess", "at": now, "by": "operator"}
    code, known = placed.order.code, str(midtrans.bank.payments()[-1].number)

    with pytest.raises(ImpossibleTransition, match="at the gateway, not"):
        plan_assignment(database, client, code, transaction_id=known, **who)
    with pytest.raises(UnknownOrder, match="knows no transaction 'nothing'"):
        plan_assignment(database, client, code, transaction_id="nothing", **who)
