"""Tests of checkout sessions with a simulated gateway: one open page per order, and none left."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select

from simulators.midtrans.server import SERVER_KEY, MidtransSimulator
from ticketing.catalogue.payment_plans import offer_plan
from ticketing.catalogue.stock import Stock
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.holds import NO_HOLD_LIMITS
from ticketing.orders.instalments import OverduePolicy, PaymentPlan
from ticketing.orders.order import Buyer, OrderState, ReviewFlag, Selection
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.platform.kernel.errors import (
    GatewayUnavailable,
    ImpossibleTransition,
    PaymentUnderWay,
)
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.pay_order import pay_order
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.checkout.place_order_once import (
    OrderRequest,
    idempotency_from_key,
    place_order_once,
)
from ticketing.selling.payments import attempt_queries, checkout_session_queries
from ticketing.selling.payments.expire_checkout_sessions import (
    SessionExpiryResult,
    expire_order_sessions,
    expire_sessions_of_ended_orders,
)
from ticketing.selling.payments.midtrans.client import CheckoutSession, Midtrans, MidtransAccount
from ticketing.selling.payments.midtrans.snap_request import CheckoutRequest

Sell = Callable[..., int]
Place = Callable[..., PlacedOrder]
Pay = Callable[..., CheckoutSession]
FINISH = "https://shop.example.org/orders/x"


@pytest.fixture
def simulator(now: datetime) -> Iterator[MidtransSimulator]:
    """Start the simulated gateway on the test's clock."""
    with MidtransSimulator(clock=lambda: now) as running:
        yield running


@pytest.fixture
def midtrans(simulator: MidtransSimulator) -> Iterator[Midtrans]:
    """Open a client that does not wait between retries."""
    account = MidtransAccount.for_base_url(simulator.url, SERVER_KEY)
    with Midtrans(account, pause=lambda _: None) as client:
        yield client


@pytest.fixture
def placed(sell: Sell, place: Place, sari: Buyer) -> PlacedOrder:
    """Place Sari's order of two places."""
    return place((sell("VIP", capacity=10), 2), buyer=sari)


@pytest.fixture
def pay(database: Database, midtrans: Midtrans, now: datetime) -> Pay:
    """Return a function that asks for a checkout page, some minutes after the order."""

    def ask(order: PlacedOrder, minutes: float = 0) -> CheckoutSession:
        at = now + timedelta(minutes=minutes)
        return pay_order(database, midtrans, order.order.id, finish_url=FINISH, at=at, by="web")

    return ask


def test_concurrent_requests_get_one_page_or_are_asked_to_wait(
    pay: Pay, placed: PlacedOrder, simulator: MidtransSimulator
) -> None:
    simulator.faults.set(answers=[{"kind": "slow", "seconds": 0.3, "times": 1}])

    with ThreadPoolExecutor(8) as buyers:
        asked = [buyers.submit(pay, placed) for _ in range(8)]
    refusals = [type(one.exception()) for one in asked if one.exception()]
    tokens = {one.result().token for one in asked if not one.exception()}

    assert len(tokens) == len(simulator.bank.sessions()) == 1
    assert set(refusals) <= {PaymentUnderWay}
    assert pay(placed).token in tokens


def test_the_attempt_is_stored_before_the_gateway_is_called(
    database: Database, pay: Pay, placed: PlacedOrder, simulator: MidtransSimulator
) -> None:
    simulator.faults.set(answers=[{"kind": "hang-up", "times": 3}])

    with pytest.raises(GatewayUnavailable):
        pay(placed)

    with database.transaction() as connection:
        [attempt] = attempt_queries.list_for_order(connection, placed.order.id)
    assert (attempt.state, attempt.amount) == (AttemptState.CREATED, placed.order.total)
    assert pay(placed).url.startswith(simulator.url)


def test_a_request_that_died_is_taken_over_after_five_minutes(
    database: Database, pay: Pay, placed: PlacedOrder, now: datetime
) -> None:
    with database.transaction() as connection:
        attempt = attempt_queries.get_or_insert_open(
            connection, order_queries.lock(connection, placed.order.id), at=now
        )
        assert checkout_session_queries.claim(connection, attempt.id, at=now)

    with pytest.raises(PaymentUnderWay):
        pay(placed, minutes=4.9)
    assert pay(placed, minutes=5).token


@pytest.mark.parametrize("minutes", [0, 7.5, 40])
def test_the_page_and_every_payment_method_expire_with_the_reservation(
    pay: Pay, placed: PlacedOrder, simulator: MidtransSimulator, now: datetime, minutes: float
) -> None:
    pay(placed, minutes)

    [session] = simulator.bank.sessions()
    at = now + timedelta(minutes=minutes)
    ends = session.payment_expires_at(at + timedelta(minutes=1))
    assert ends is not None
    assert placed.order.expires_at - timedelta(minutes=1) < ends <= placed.order.expires_at


@pytest.mark.parametrize("minutes", [59.5, 60, 600])
def test_an_expired_reservation_cannot_be_paid(
    pay: Pay, placed: PlacedOrder, simulator: MidtransSimulator, minutes: float
) -> None:
    pay(placed)

    with pytest.raises(ImpossibleTransition, match=r"reservation of order .* has ended"):
        pay(placed, minutes)

    assert len(simulator.bank.sessions()) == 1


def test_after_a_failed_attempt_the_old_page_is_closed_before_there_is_a_new_one(
    database: Database, pay: Pay, placed: PlacedOrder, simulator: MidtransSimulator
) -> None:
    pay(placed)
    with database.transaction() as connection:
        connection.execute(payment_attempts.update().values(state=AttemptState.DENIED))

    page = pay(placed)

    first, second = simulator.bank.sessions()
    assert (first.canceled, second.token) == (True, page.token)
    assert [first.order_id, second.order_id] == [f"{placed.order.code}-0{n}" for n in (1, 2)]


def test_a_buyer_who_paid_on_the_old_page_gets_no_second_page(
    database: Database, pay: Pay, placed: PlacedOrder, simulator: MidtransSimulator
) -> None:
    old = pay(placed)
    key = f"{placed.order.code}-01"
    simulator.push(key, "decline", "credit_card")
    with database.transaction() as connection:
        connection.execute(payment_attempts.update().values(state=AttemptState.DENIED))
    simulator.push(key, "pay", "gopay")

    with pytest.raises(ImpossibleTransition, match="is paid"):
        pay(placed)

    assert [session.token for session in simulator.bank.sessions()] == [old.token]
    with database.transaction() as connection:
        assert order_queries.lock(connection, placed.order.id).state is OrderState.PAID


def test_an_order_cancelled_during_the_gateway_call_leaves_no_page(
    *,
    database: Database,
    placed: PlacedOrder,
    simulator: MidtransSimulator,
    now: datetime,
) -> None:
    class CancellingGateway(Midtrans):
        """Gateway that is so slow that the buyer cancels in the meantime."""

        def create_checkout_session(self, checkout: CheckoutRequest) -> CheckoutSession:
            cancel_order(database, placed.order.id, at=now, by="web")
            return super().create_checkout_session(checkout)

    with (
        CancellingGateway(MidtransAccount.for_base_url(simulator.url, SERVER_KEY)) as slow,
        pytest.raises(ImpossibleTransition, match="cancelled"),
    ):
        pay_order(database, slow, placed.order.id, finish_url=FINISH, at=now, by="web")

    [session] = simulator.bank.sessions()
    assert session.canceled


def test_cancelling_ends_a_payment_that_was_begun_but_not_made(
    database: Database,
    pay: Pay,
    placed: PlacedOrder,
    simulator: MidtransSimulator,
    midtrans: Midtrans,
    now: datetime,
) -> None:
    pay(placed)
    simulator.push(f"{placed.order.code}-01", "choose", "bca_va")
    cancel_order(database, placed.order.id, at=now, by="web")

    expire_order_sessions(database, midtrans, placed.order.id, at=now, by="web")

    with database.transaction() as connection:
        [attempt] = attempt_queries.list_for_order(connection, placed.order.id)
        assert checkout_session_queries.list_open_for_order(connection, placed.order.id) == []
    assert attempt.state is AttemptState.CANCELLED


def test_a_payment_before_the_page_was_closed_raises_a_review_flag(
    database: Database,
    pay: Pay,
    placed: PlacedOrder,
    simulator: MidtransSimulator,
    midtrans: Midtrans,
    flags: Callable[[], list[ReviewFlag]],
    now: datetime,
) -> None:
    pay(placed)
    simulator.push(f"{placed.order.code}-01", "pay", "gopay")
    cancel_order(database, placed.order.id, at=now, by="web")

    expire_order_sessions(database, midtrans, placed.order.id, at=now, by="web")

    assert flags() == [ReviewFlag.PAID_AFTER_CANCELLING]
    assert expire_sessions_of_ended_orders(
        database, midtrans, at=now, by="sensor"
    ) == SessionExpiryResult(0, 0)


def test_expiry_closes_the_pages_of_ended_orders_and_the_next_run_the_rest(
    database: Database,
    sell: Sell,
    place: Place,
    sari: Buyer,
    pay: Pay,
    simulator: MidtransSimulator,
    midtrans: Midtrans,
    now: datetime,
) -> None:
    vip = sell("VIP", capacity=10)
    for _ in range(3):
        pay(place((vip, 1), buyer=sari))
    simulator.faults.set(answers=[{"kind": "error", "path": "/cancel", "times": 9}])
    at = now + timedelta(minutes=60)
    expire_orders(database, midtrans, at=at, by="sensor")
    left_open = [session.canceled for session in simulator.bank.sessions()]

    expire_orders(database, midtrans, at=at, by="sensor")

    assert left_open == [False, False, False]
    assert [session.canceled for session in simulator.bank.sessions()] == [True, True, True]
    with database.transaction() as connection:
        closed = select(payment_attempts.c.checkout_closed_at).order_by(payment_attempts.c.id)
        assert list(connection.execute(closed).scalars()) == [at, at, at]


def test_a_page_that_cannot_be_closed_stops_no_other(
    database: Database,
    sell: Sell,
    place: Place,
    sari: Buyer,
    pay: Pay,
    simulator: MidtransSimulator,
    midtrans: Midtrans,
    now: datetime,
) -> None:
    vip = sell("VIP", capacity=10)
    placed = [place((vip, 1), buyer=sari) for _ in range(2)]
    tokens = [pay(one).token for one in placed]
    for one in placed:
        cancel_order(database, one.order.id, at=now, by="web")
    names = (tokens[0], placed[0].order.code)  # of the session and of its payment
    refusing = [{"kind": "error", "status": 402, "path": name} for name in names]
    simulator.faults.set(answers=refusing)

    first = expire_sessions_of_ended_orders(database, midtrans, at=now, by="sensor")
    second = expire_sessions_of_ended_orders(database, midtrans, at=now, by="sensor")

    assert (first, second) == (
        SessionExpiryResult(closed=1, left=1),
        SessionExpiryResult(closed=1, left=0),
    )


def test_one_request_sent_concurrently_is_one_order(
    database: Database,
    event: Event,
    sell: Sell,
    sari: Buyer,
    stock_of: Callable[[int], Stock],
    now: datetime,
) -> None:
    vip = sell("VIP", capacity=10)
    once = idempotency_from_key(KeyRing(bytes(32)), "the same key for all of them", bytes(32))
    wanted = OrderRequest([Selection(vip, 2)], sari)
    take = partial(
        place_order_once, database, event, wanted,
        idempotency=once, holds=NO_HOLD_LIMITS, at=now, by="web",
    )  # fmt: skip

    with ThreadPoolExecutor(8) as senders:
        answers = list(senders.map(lambda _: take(), range(16)))

    assert {placed.token for placed, _ in answers} == {once.token}
    assert len({placed.order.id for placed, _ in answers}) == 1
    assert [known for _, known in answers].count(False) == 1
    assert stock_of(vip) == Stock(10, 2, 0)


@pytest.mark.parametrize("plan", [None, "2 parts"])
def test_no_payment_begins_while_a_signed_notification_of_another_is_unsettled(
    database: Database, event: Event, pay: Pay, sell: Sell, place: Place,
    store_notification: Callable[..., bool], sari: Buyer, now: datetime, plan: str | None,
) -> None:  # fmt: skip
    days = [timedelta(days=count) for count in (7, 3, 2)]
    parts = PaymentPlan("2 parts", (60, 40), *days, OverduePolicy.ASK)
    offer_plan(database, event, parts, by="operator")
    placed = place((sell("Guest"), 2), buyer=sari, payment_plan=plan)
    pay(placed)
    with database.transaction() as connection:
        [attempt] = attempt_queries.list_for_order(connection, placed.order.id)
        failed = replace(attempt, state=AttemptState.DENIED)
        attempt_queries.update_attempt(connection, failed, at=now, by="sensor")
    signed = {"order_id": attempt.key, "status_code": "200", "gross_amount": "1.00"}
    store_notification(attempt.key, "money", json.dumps(signed).encode())

    with pytest.raises(PaymentUnderWay, match="a payment is being processed"):
        pay(placed)

    with database.transaction() as connection:
        assert attempt_queries.list_for_order(connection, placed.order.id) == [failed]
