"""Tests of settlement on a real database: each effect happens once, in any order of statuses."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import permutations

import pytest
from sqlalchemy import select

from ticketing.catalogue import stock_queries
from ticketing.catalogue.stock import Stock
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders.order import Buyer, OrderState, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db import quarantined_webhooks
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks as inbox_table
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.kernel.errors import BuyerUnknown, Unavailable
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_notifications import NOTIFICATION_RETRIES
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.complete_order import complete_order
from ticketing.selling.payments.settle import (
    PaymentGateway,
    Settlement,
    settle,
)
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.tickets.missing import count_missing_tickets

S = AttemptState
MAX_ATTEMPTS = NOTIFICATION_RETRIES.max_attempts
Place = Callable[..., PlacedOrder]
Sell = Callable[..., int]
Begin = Callable[[PlacedOrder], PaymentAttempt]
StoreNotification = Callable[..., bool]
SetPaymentStatus = Callable[..., None]
StateOf = Callable[[PlacedOrder], OrderState]
StockOf = Callable[[int], Stock]


def test_stock_counts_follow_ordering_paying_and_cancelling(
    *,
    database: Database,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    receive_status: Callable[..., Settlement],
    stock_of: StockOf,
    sari: Buyer,
    budi: Buyer,
    now: datetime,
) -> None:
    guest = sell("Guest", capacity=100)

    a = place((guest, 5), buyer=sari)
    after_a = stock_of(guest)
    b = place((guest, 3), buyer=budi)
    after_b = stock_of(guest)
    receive_status(begin_payment(a), S.SETTLED)
    after_payment = stock_of(guest)
    cancel_order(database, b.order.id, at=now, by="web")
    after_cancel = stock_of(guest)

    assert (after_a.available, after_a.pending, after_a.sold) == (95, 5, 0)
    assert (after_b.available, after_b.pending, after_b.sold) == (92, 8, 0)
    assert (after_payment.available, after_payment.pending, after_payment.sold) == (92, 3, 5)
    assert (after_cancel.available, after_cancel.pending, after_cancel.sold) == (95, 0, 5)


def test_places_of_a_paid_order_are_entitled_and_get_tickets(
    *,
    database: Database,
    event: Event,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    receive_status: Callable[..., Settlement],
    state_of: StateOf,
    messages: Callable[[], list[tuple[str, str]]],
    keys: KeyRing,
    job_id: int,
    sari: Buyer,
    now: datetime,
) -> None:
    placed = place((sell("Guest"), 3), (sell("VIP"), 1), buyer=sari)

    outcome = receive_status(begin_payment(placed), S.SETTLED)
    missing = count_missing_tickets(database, event, at=now)
    issued = issue_tickets(database, event, keys=keys, job_id=job_id, at=now, by="sensor")

    assert outcome == Settlement(applied=1, unchanged=0, quarantined=0, postponed=0)
    assert state_of(placed) is OrderState.PAID
    assert (missing, issued.created, issued.failed) == (4, 4, 0)
    assert messages() == [("order.paid", "organiser"), ("order.confirmation", sari.email)]


def test_capture_and_settlement_entitle_once(
    sell: Sell, place: Place, begin_payment: Begin, receive_status: Callable[..., Settlement],
    count_entitled: Callable[[], int], messages: Callable[[], list[tuple[str, str]]],
    sari: Buyer,
) -> None:  # fmt: skip
    attempt = begin_payment(place((sell("Guest"), 2), buyer=sari))

    receive_status(attempt, S.CAPTURED)
    receive_status(attempt, S.SETTLED)

    assert count_entitled() == 2
    assert len(messages()) == 2


@pytest.mark.parametrize("late", [S.PENDING, S.EXPIRED, S.FAILED, S.CHALLENGE])
def test_a_late_status_leaves_a_paid_order_paid(
    sell: Sell, place: Place, begin_payment: Begin, receive_status: Callable[..., Settlement],
    state_of: StateOf, stock_of: StockOf, sari: Buyer, late: AttemptState,
) -> None:  # fmt: skip
    guest = sell("Guest", capacity=10)
    placed = place((guest, 2), buyer=sari)
    attempt = begin_payment(placed)
    receive_status(attempt, S.SETTLED)

    outcome = receive_status(attempt, late)

    assert outcome.unchanged == 1
    assert state_of(placed) is OrderState.PAID
    assert stock_of(guest) == Stock(10, 0, 2)


@pytest.mark.parametrize("statuses", list(permutations([S.CAPTURED, S.PENDING, S.PARTLY_REFUNDED])))
def test_statuses_in_any_order_give_the_same_result(
    sell: Sell, place: Place, begin_payment: Begin, receive_status: Callable[..., Settlement],
    state_of: StateOf, stock_of: StockOf, count_entitled: Callable[[], int],
    flags: Callable[[], list[ReviewFlag]], messages: Callable[[], list[tuple[str, str]]],
    sari: Buyer, statuses: tuple[AttemptState, ...],
) -> None:  # fmt: skip
    guest = sell("Guest", capacity=10)
    placed = place((guest, 2), buyer=sari)
    attempt = begin_payment(placed)

    for state in (*statuses, *statuses):
        receive_status(attempt, state)

    assert state_of(placed) is OrderState.PAID
    assert stock_of(guest) == Stock(10, 0, 2)
    assert count_entitled() == 2
    assert flags() == [ReviewFlag.MONEY_RETURNED]
    assert len(messages()) == 3


def test_the_same_notification_is_stored_once(
    database: Database, store_notification: StoreNotification, begin_payment: Begin, place: Place,
    sell: Sell,
    sari: Buyer,
) -> None:  # fmt: skip
    attempt = begin_payment(place((sell("Guest"), 1), buyer=sari))

    heard = [store_notification(attempt.key, "the same") for _ in range(3)]

    assert heard == [True, False, False]
    with database.transaction() as connection:
        assert connection.execute(select(inbox_table.c.body)).scalars().all() == [
            b'{"order_id": "..."}'
        ]


def test_a_notification_alone_does_not_settle_an_order(
    sell: Sell, place: Place, begin_payment: Begin, store_notification: StoreNotification,
    set_payment_status: SetPaymentStatus,
    settle_all: Callable[..., Settlement], state_of: StateOf, sari: Buyer,
) -> None:  # fmt: skip
    placed = place((sell("Guest"), 1), buyer=sari)
    attempt = begin_payment(placed)
    set_payment_status(attempt, S.PENDING)

    store_notification(attempt.key, "a notice that claims settlement")
    settle_all()

    assert state_of(placed) is OrderState.PENDING


def test_a_notification_of_an_unknown_order_is_kept_for_review(
    database: Database, store_notification: StoreNotification, settle_all: Callable[..., Settlement]
) -> None:
    store_notification("ORD-NOBODY-01", "x")

    assert settle_all().quarantined == 1
    assert settle_all(hours=9) == Settlement(0, 0, 0, 0)
    with database.transaction() as connection:
        found = quarantined_webhooks.list_quarantined(connection)
    assert [(one.external_reference, one.reason) for one in found] == [
        ("ORD-NOBODY-01", "no payment attempt has the key 'ORD-NOBODY-01'")
    ]


def test_a_notification_that_names_the_transaction_id_is_settled(
    sell: Sell, place: Place, begin_payment: Begin, receive_status: Callable[..., Settlement],
    store_notification: StoreNotification, set_payment_status: SetPaymentStatus,
    settle_all: Callable[..., Settlement],
    state_of: StateOf,
    sari: Buyer,
) -> None:  # fmt: skip
    placed = place((sell("Guest"), 1), buyer=sari)
    attempt = begin_payment(placed)
    receive_status(attempt, S.PENDING)

    set_payment_status(attempt, S.SETTLED)
    store_notification(f"tx-{attempt.key}", "a bank's slip")
    settle_all()

    assert state_of(placed) is OrderState.PAID


def test_a_status_of_another_attempt_is_not_trusted(
    sell: Sell, place: Place, begin_payment: Begin, store_notification: StoreNotification,
    set_payment_status: SetPaymentStatus,
    gateway: PaymentGateway, settle_all: Callable[..., Settlement], state_of: StateOf,
    sari: Buyer, budi: Buyer,
) -> None:  # fmt: skip
    guest = sell("Guest")
    mine, other = place((guest, 1), buyer=sari), place((guest, 1), buyer=budi)
    asked, paid = begin_payment(mine), begin_payment(other)
    set_payment_status(paid, S.SETTLED)
    gateway.by_key[asked.key] = gateway.by_key[paid.key]

    store_notification(asked.key, "x")

    assert settle_all().postponed == 1
    assert state_of(mine) is state_of(other) is OrderState.PENDING


def test_a_failed_attempt_leaves_the_order_open_for_another(
    sell: Sell, place: Place, begin_payment: Begin, receive_status: Callable[..., Settlement],
    state_of: StateOf, sari: Buyer,
) -> None:  # fmt: skip
    placed = place((sell("Guest"), 1), buyer=sari)
    first = begin_payment(placed)
    same = begin_payment(placed)

    receive_status(first, S.DENIED)
    second = begin_payment(placed)
    receive_status(second, S.SETTLED)

    assert same == first
    assert (first.key, second.key) == (f"{placed.order.code}-01", f"{placed.order.code}-02")
    assert state_of(placed) is OrderState.PAID


def test_an_unreachable_gateway_is_asked_again_later(
    sell: Sell, place: Place, begin_payment: Begin, store_notification: StoreNotification,
    set_payment_status: SetPaymentStatus,
    gateway: PaymentGateway, settle_all: Callable[..., Settlement], state_of: StateOf, sari: Buyer,
) -> None:  # fmt: skip
    placed = place((sell("Guest"), 1), buyer=sari)
    attempt = begin_payment(placed)
    store_notification(attempt.key, "x")
    gateway.by_key[attempt.key] = Unavailable("no answer")

    outcomes = [settle_all(hours=hours).postponed for hours in range(2 * MAX_ATTEMPTS)]
    at_once = settle_all(hours=2 * MAX_ATTEMPTS - 1)
    set_payment_status(attempt, S.SETTLED)
    settle_all(hours=50)

    assert sum(outcomes) > MAX_ATTEMPTS
    assert at_once == Settlement(0, 0, 0, 0)
    assert state_of(placed) is OrderState.PAID


@pytest.mark.parametrize("error", [None, RuntimeError("a word nobody knows")])
def test_an_unreadable_notification_is_retried_and_then_set_aside(
    database: Database, sell: Sell, place: Place, begin_payment: Begin,
    store_notification: StoreNotification,
    gateway: PaymentGateway, settle_all: Callable[..., Settlement], sari: Buyer,
    error: Exception | None,
) -> None:  # fmt: skip
    attempt = begin_payment(place((sell("Guest"), 1), buyer=sari))
    store_notification(attempt.key, "x")
    gateway.by_key[attempt.key] = error

    runs = [settle_all(hours=2 * hours) for hours in range(MAX_ATTEMPTS + 1)]

    assert [run.postponed for run in runs] == [1] * (MAX_ATTEMPTS - 1) + [0, 0]
    assert [run.quarantined for run in runs] == [0] * (MAX_ATTEMPTS - 1) + [
        1,
        0,
    ]
    with database.transaction() as connection:
        assert len(quarantined_webhooks.list_quarantined(connection)) == 1


def test_one_bad_notification_stops_no_other(
    sell: Sell, place: Place, begin_payment: Begin, store_notification: StoreNotification,
    set_payment_status: SetPaymentStatus,
    gateway: PaymentGateway, settle_all: Callable[..., Settlement], sari: Buyer, budi: Buyer,
) -> None:  # fmt: skip
    guest = sell("Guest")
    bad, good = (begin_payment(place((guest, 1), buyer=buyer)) for buyer in (sari, budi))
    store_notification(bad.key, "bad")
    store_notification(good.key, "good")
    gateway.by_key[bad.key] = RuntimeError("broken")
    set_payment_status(good, S.SETTLED)

    assert settle_all() == Settlement(applied=1, unchanged=0, quarantined=0, postponed=1)


def test_concurrent_settlements_complete_an_order_once(
    *,
    database: Database,
    gateway: PaymentGateway,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    store_notification: StoreNotification,
    set_payment_status: SetPaymentStatus,
    stock_of: StockOf,
    count_entitled: Callable[[], int],
    messages: Callable[[], list[tuple[str, str]]],
    sari: Buyer,
    now: datetime,
) -> None:
    guest = sell("Guest", capacity=10)
    attempt = begin_payment(place((guest, 2), buyer=sari))
    set_payment_status(attempt, S.SETTLED)
    for number in range(12):
        store_notification(attempt.key, f"notice {number}")

    with ThreadPoolExecutor(6) as pool:
        runs = [
            pool.submit(settle, database, gateway, at=now, by="sensor", limit=3) for _ in range(6)
        ]
        results = [run.result() for run in runs]

    assert sum(result.applied for result in results) == 1
    assert sum(result.unchanged for result in results) == 11
    assert (stock_of(guest), count_entitled(), len(messages())) == (Stock(10, 0, 2), 2, 2)


def test_an_order_completed_by_two_processes_is_completed_once(
    database: Database, sell: Sell, place: Place, stock_of: StockOf,
    count_entitled: Callable[[], int], sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    guest = sell("Guest", capacity=10)
    pending = place((guest, 2), buyer=sari).order

    for _ in range(2):
        with database.transaction() as connection:
            complete_order(connection, pending, attempt_id=None, at=now, by="web")

    assert (stock_of(guest), count_entitled()) == (Stock(10, 0, 2), 2)


def test_stock_counts_agree_with_orders_after_concurrent_load(
    *,
    database: Database,
    event: Event,
    gateway: PaymentGateway,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    store_notification: StoreNotification,
    set_payment_status: SetPaymentStatus,
    stock_of: StockOf,
    sari: Buyer,
    now: datetime,
) -> None:
    seats, parking = sell("Seat", capacity=60), sell("Parking", capacity=60)

    def buy(number: int) -> None:
        placed = place((parking, 1), (seats, 1), buyer=sari)
        if number % 3 == 0:
            cancel_order(database, placed.order.id, at=now, by="web")
            return
        attempt = begin_payment(placed)
        set_payment_status(attempt, S.SETTLED)
        store_notification(attempt.key, attempt.key)
        settle(database, gateway, at=now, by="sensor", limit=2)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(buy, range(60)))
    settle(database, gateway, at=now, by="sensor")

    assert [stock_of(kind) for kind in (seats, parking)] == [Stock(60, 0, 40)] * 2
    with database.transaction() as connection:
        assert stock_queries.list_drifted(connection, event.id) == []


def test_an_order_without_a_buyer_cannot_be_paid(
    sell: Sell, place: Place, begin_payment: Begin
) -> None:
    placed = place((sell("Guest"), 1))

    with pytest.raises(BuyerUnknown, match="has no buyer yet"):
        begin_payment(placed)


def test_a_free_order_is_paid_as_soon_as_it_has_a_buyer(
    sell: Sell, place: Place, stock_of: StockOf, count_entitled: Callable[[], int], sari: Buyer
) -> None:
    guest = sell("Guest", price=0, capacity=10)

    placed = place((guest, 2), buyer=sari)

    assert placed.order.state is OrderState.PAID
    assert (stock_of(guest), count_entitled()) == (Stock(10, 0, 2), 2)


def test_a_run_is_audited_unless_it_was_idle(
    database: Database, store_notification: StoreNotification, settle_all: Callable[..., Settlement]
) -> None:
    settle_all()
    store_notification("ORD-NOBODY-01", "x")
    store_notification("ORD-NOBODY-02", "y")

    settle_all()

    query = select(audit_log.c.actor, audit_log.c.action, audit_log.c["items"], audit_log.c.details)
    with database.transaction() as connection:
        assert connection.execute(query).all() == [
            ("sensor", "payments.settle", 2, {"quarantined": 2})
        ]
