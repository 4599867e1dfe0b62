"""Tests of payments that the gateway reports under their transaction id instead of our key.

Midtrans does so for DANA and some virtual accounts, when asked by order id or by transaction id.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from simulators.midtrans.merchant import MerchantWebhook
from simulators.midtrans.server import MidtransSimulator
from simulators.midtrans.transaction import signature
from ticketing.orders.order import Buyer, OrderState, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState, PaymentStatus
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.money import ZERO
from ticketing.reporting.reconcile_day import reconcile_day
from ticketing.selling.checkout.expire_orders import ExpiryResult, expire_orders
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans, MidtransAccount
from ticketing.selling.payments.midtrans.snap_request import CheckoutItem, CheckoutRequest
from ticketing.selling.payments.reconcile import reconcile
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.payments.settle import Settlement, settle, store_notification
from ticketing.selling.refunds.refund_plan import RefundRequest
from ticketing.selling.refunds.send_refunds import send_refunds
from ticketing.selling.refunds.service import apply_refund, plan_refund

Place = Callable[..., PlacedOrder]
Begin = Callable[[PlacedOrder], PaymentAttempt]
METHODS = ("dana", "danamon_va", "bsi_va", "seabank_va", "saqu_va")


@dataclass(frozen=True, slots=True)
class Paid:
    """An order that was paid at the gateway, of which nothing is recorded yet."""

    placed: PlacedOrder
    attempt: PaymentAttempt


@pytest.fixture
def merchant() -> Iterator[MerchantWebhook]:
    with MerchantWebhook() as somebody:
        yield somebody


@pytest.fixture
def midtrans(merchant: MerchantWebhook) -> Iterator[MidtransSimulator]:
    with MidtransSimulator(merchant.url) as simulator:
        yield simulator


@pytest.fixture
def client(midtrans: MidtransSimulator) -> Iterator[Midtrans]:
    account = MidtransAccount.for_base_url(midtrans.url, midtrans.server_key)
    with Midtrans(account, pause=lambda _: None) as ours:
        yield ours


@pytest.fixture
def pay(
    sell: Callable[..., int], place: Place, begin_payment: Begin, client: Midtrans,
    midtrans: MidtransSimulator, sari: Buyer,
) -> Callable[[str], Paid]:  # fmt: skip
    """Return a function that orders two places and pays them at the gateway."""

    def pay_with(method: str) -> Paid:
        placed = place((sell("Guest", capacity=10), 2), buyer=sari)
        attempt = begin_payment(placed)
        items = (CheckoutItem("ALL", "All of it", attempt.amount, 1),)
        client.create_checkout_session(CheckoutRequest(attempt.key, items, datetime.now(UTC), 60))
        midtrans.push(attempt.key, "pay", method)
        return Paid(placed, attempt)

    return pay_with


@pytest.fixture
def store_notifications(
    database: Database, midtrans: MidtransSimulator, now: datetime
) -> Callable[[], None]:
    """Return a function that stores the gateway's notifications, pending and settlement."""

    def store() -> None:
        for told in midtrans.notifications(at_least=2):
            store_notification(database, told.body.encode(), server_key=midtrans.server_key, at=now)

    return store


@pytest.mark.parametrize("only_transaction_ids", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_a_payment_that_is_reported_under_its_transaction_id_pays_its_order(
    database: Database, client: Midtrans, midtrans: MidtransSimulator, pay: Callable[[str], Paid],
    store_notifications: Callable[[], None], state_of: Callable[[PlacedOrder], OrderState],
    now: datetime, method: str, only_transaction_ids: bool,
) -> None:  # fmt: skip
    midtrans.faults.set(only_transaction_ids=only_transaction_ids)
    paid = pay(method)
    store_notifications()

    outcome = settle(database, client, at=now, by="sensor")

    assert outcome == Settlement(applied=1, unchanged=1, quarantined=0, postponed=0)
    assert state_of(paid.placed) is OrderState.PAID


@pytest.mark.parametrize("only_transaction_ids", [False, True])
def test_every_question_finds_a_payment_by_the_transaction_of_its_notification(
    database: Database, client: Midtrans, midtrans: MidtransSimulator, pay: Callable[[str], Paid],
    store_notifications: Callable[[], None], state_of: Callable[[PlacedOrder], OrderState],
    now: datetime, only_transaction_ids: bool,
) -> None:  # fmt: skip
    midtrans.faults.set(only_transaction_ids=only_transaction_ids)
    paid = pay("dana")
    store_notifications()

    overdue = expire_orders(database, client, at=now + timedelta(hours=2), by="sensor")
    again = reconcile(database, client, at=now, by="sensor")
    day = reconcile_day(database, client, now.date())
    request = RefundRequest(reason="rain")
    code = paid.placed.order.code
    plan = plan_refund(database, code, request, at=now, by="operator")
    apply_refund(database, client, code, plan_hash=plan.plan_hash, at=now, by="operator")
    send_refunds(database, client, at=now, by="operator")

    assert overdue == ExpiryResult(expired=0, left=1, stuck=0)
    assert state_of(paid.placed) is OrderState.CANCELLED
    assert (again.agreed, again.mismatches, day.differences) == (1, (), ())
    assert midtrans.bank.payments()[0].refunded == paid.attempt.amount.amount


def test_a_notification_under_its_transaction_id_is_assigned_by_the_key_that_it_repeats(
    database: Database, client: Midtrans, midtrans: MidtransSimulator, pay: Callable[[str], Paid],
    state_of: Callable[[PlacedOrder], OrderState], now: datetime,
) -> None:  # fmt: skip
    paid = pay("bsi_va")
    told = json.loads(midtrans.notifications(at_least=2)[1].body)
    told["order_id"] = told["transaction_id"]
    signed = (told["order_id"], told["status_code"], told["gross_amount"], midtrans.server_key)
    told["signature_key"] = signature(*signed)

    body = json.dumps(told).encode()
    store_notification(database, body, server_key=midtrans.server_key, at=now)
    outcome = settle(database, client, at=now, by="sensor")

    assert outcome.applied == 1
    assert state_of(paid.placed) is OrderState.PAID


def test_an_unknown_transaction_is_no_answer_and_holds_the_order(
    database: Database, client: Midtrans, pay: Callable[[str], Paid],
    state_of: Callable[[PlacedOrder], OrderState], flags: Callable[[], list[ReviewFlag]],
    now: datetime,
) -> None:  # fmt: skip
    paid = pay("dana")

    overdue = expire_orders(database, client, at=now + timedelta(hours=2), by="sensor")

    assert overdue.stuck == 1
    assert state_of(paid.placed) is OrderState.PENDING
    assert flags() == [ReviewFlag.STUCK]


def test_one_transaction_pays_one_order(
    database: Database, sell: Callable[..., int], place: Place, begin_payment: Begin,
    state_of: Callable[[PlacedOrder], OrderState], flags: Callable[[], list[ReviewFlag]],
    sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    guest = sell("Guest")
    orders = [place((guest, 1), buyer=sari) for _ in range(2)]

    for placed in orders:
        attempt = begin_payment(placed)
        said = PaymentStatus(attempt.key, "tx", AttemptState.SETTLED, attempt.amount, ZERO)
        database.run(record_payment, attempt, said, at=now, by="sensor")

    assert [state_of(each) for each in orders] == [OrderState.PAID, OrderState.PENDING]
    assert flags() == [ReviewFlag.TRANSACTION_REUSED]
