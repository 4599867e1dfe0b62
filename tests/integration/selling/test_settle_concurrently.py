"""Tests of settling many payments at once: one question per attempt, and hanging answers."""

import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from threading import Event

import pytest

from simulators.midtrans.faults import MidtransResponseFault
from simulators.midtrans.server import MidtransSimulator
from ticketing.orders.order import Buyer, OrderState
from ticketing.orders.payment_attempt import AttemptState, PaymentStatus
from ticketing.platform.db import inbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import GatewayUnavailable
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans, MidtransAccount
from ticketing.selling.payments.settle import PaymentGateway, Settlement, SettlementPool, settle

PATIENCE_SECONDS = 60
Begin = Callable[[PlacedOrder], PaymentAttempt]


class RecordingGateway:
    """Records the questions; one about `hanging` is answered after `released` is set."""

    def __init__(self, gateway: PaymentGateway) -> None:
        self.asked: list[str] = []
        self.hanging = ""
        self.released = Event()
        self._gateway = gateway

    def get_payment_status(self, attempt_key: str, _: Collection[str] = ()) -> PaymentStatus | None:
        self.asked.append(attempt_key)
        if attempt_key == self.hanging:
            self.released.wait(PATIENCE_SECONDS)
        return self._gateway.get_payment_status(attempt_key)


@pytest.fixture
def recording_gateway(gateway: PaymentGateway) -> RecordingGateway:
    """Return a gateway that records the questions."""
    return RecordingGateway(gateway)


@pytest.fixture
def paid_attempts(
    sell: Callable[..., int],
    place: Callable[..., PlacedOrder],
    begin_payment: Begin,
    set_payment_status: Callable[..., None],
    sari: Buyer,
) -> Callable[[int], list[tuple[PlacedOrder, PaymentAttempt]]]:
    """Return a function that makes orders which are paid at the gateway."""
    guest = sell("Guest", capacity=100)

    def pay(count: int) -> list[tuple[PlacedOrder, PaymentAttempt]]:
        placed = [place((guest, 1), buyer=sari) for _ in range(count)]
        paid = [(one, begin_payment(one)) for one in placed]
        for _, attempt in paid:
            set_payment_status(attempt, AttemptState.SETTLED)
        return paid

    return pay


@pytest.fixture
def settle_until_paid(
    state_of: Callable[[PlacedOrder], OrderState],
) -> Callable[[SettlementPool, list[PlacedOrder]], None]:
    """Return a function that settles, as the worker does, until these orders are paid."""

    def advance(pool: SettlementPool, orders: list[PlacedOrder]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS / 2
        while {state_of(order) for order in orders} != {OrderState.PAID}:
            assert time.monotonic() < deadline, "the orders are not paid"
            pool.advance()
            time.sleep(0.01)

    return advance


def test_one_question_answers_all_notifications_of_an_attempt(
    database: Database,
    recording_gateway: RecordingGateway,
    paid_attempts: Callable[[int], list[tuple[PlacedOrder, PaymentAttempt]]],
    store_notification: Callable[..., bool],
    now: datetime,
) -> None:
    keys = [attempt.key for _, attempt in paid_attempts(3)]
    for status in ("pending", "settlement"):
        for key in keys:
            store_notification(key, f"{status} of {key}")

    done = settle(database, recording_gateway, at=now, by="sensor")

    assert sorted(recording_gateway.asked) == sorted(keys)
    assert done == Settlement(applied=3, unchanged=3, quarantined=0, postponed=0)


def test_a_hanging_answer_holds_up_neither_waiting_nor_later_notifications(
    database: Database,
    recording_gateway: RecordingGateway,
    paid_attempts: Callable[[int], list[tuple[PlacedOrder, PaymentAttempt]]],
    store_notification: Callable[..., bool],
    state_of: Callable[[PlacedOrder], OrderState],
    settle_until_paid: Callable[[SettlementPool, list[PlacedOrder]], None],
    now: datetime,
) -> None:
    (hanging, attempt), *waiting, later = paid_attempts(6)
    recording_gateway.hanging = attempt.key
    for _, one in [(hanging, attempt), *waiting]:
        store_notification(one.key, one.key)

    with SettlementPool(
        database, recording_gateway, clock=lambda: now, by="worker", concurrency=2
    ) as pool:
        settle_until_paid(pool, [order for order, _ in waiting])
        store_notification(later[1].key, later[1].key)  # while the answer hangs
        settle_until_paid(pool, [later[0]])
        state_while_hanging = state_of(hanging)
        recording_gateway.released.set()

    assert state_while_hanging is OrderState.PENDING
    assert state_of(hanging) is OrderState.PAID
    assert len(recording_gateway.asked) == 6


@pytest.mark.usefixtures("gateway")
def test_a_pause_that_the_gateway_asks_for_is_kept_by_all_questions(
    database: Database,
    paid_attempts: Callable[[int], list[tuple[PlacedOrder, PaymentAttempt]]],
    store_notification: Callable[..., bool],
    now: datetime,
) -> None:
    keys = [attempt.key for _, attempt in paid_attempts(5)]
    for key in keys:
        store_notification(key, key)

    with MidtransSimulator() as midtrans, Midtrans(MidtransAccount.simulator(midtrans.url)) as ours:
        busy = MidtransResponseFault("error", status=429, times=100, retry_after=90)
        midtrans.faults.set(answers=[busy])
        done = settle(database, ours, at=now, by="sensor", concurrency=1)
        answered = 100 - midtrans.faults.answers[0].times
        with pytest.raises(GatewayUnavailable, match="asked for a pause, of which"):
            ours.status("ORD-ANOTHER-01")

    with database.transaction() as connection:
        is_due_before, is_due = (
            inbox.has_overdue(connection, now + after, at=now + after)
            for after in (timedelta(seconds=80), timedelta(seconds=91))
        )
    assert (done.postponed, answered) == (5, 1)
    assert (is_due_before, is_due) == (False, True)
