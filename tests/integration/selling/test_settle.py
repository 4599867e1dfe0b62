"""Settling on a real database: however the news comes, every effect comes about exactly once."""

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
from ticketing.platform.db import inbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks as inbox_table
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.roster import guests
from ticketing.platform.kernel.errors import BuyerUnknown, Unavailable
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.complete_order import complete_order
from ticketing.selling.payments.settle import (
    NOTIFICATION_RETRIES,
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
Receive = Callable[..., bool]
Say = Callable[..., None]
StateOf = Callable[[PlacedOrder], OrderState]
StockOf = Callable[[int], Stock]


def test_the_example_that_must_hold(
    *,
    database: Database,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    hear: Callable[..., Settlement],
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
    hear(begin_payment(a), S.SETTLED)
    after_payment = stock_of(guest)
    cancel_order(database, b.order.id, at=now, by="web")
    after_cancel = stock_of(guest)

    assert (after_a.available, after_a.pending, after_a.sold) == (95, 5, 0)
    assert (after_b.available, after_b.pending, after_b.sold) == (92, 8, 0)
    assert (after_payment.available, after_payment.pending, after_payment.sold) == (92, 3, 5)
    assert (after_cancel.available, after_cancel.pending, after_cancel.sold) == (95, 0, 5)


def test_a_paid_order_s_places_are_on_the_list_and_get_their_tickets(
    *,
    database: Database,
    event: Event,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    hear: Callable[..., Settlement],
    state_of: StateOf,
    messages: Callable[[], list[tuple[str, str]]],
    keys: KeyRing,
    job_id: int,
    sari: Buyer,
    now: datetime,
) -> None:
    placed = place((sell("Guest"), 3), (sell("VIP"), 1), buyer=sari)

    outcome = hear(begin_payment(placed), S.SETTLED)
    missing = count_missing_tickets(database, event, at=now)
    issued = issue_tickets(database, event, keys=keys, job_id=job_id, at=now, by="sensor")

    assert outcome == Settlement(applied=1, unchanged=0, quarantined=0, postponed=0)
    assert state_of(placed) is OrderState.PAID
    assert (missing, issued.created, issued.failed) == (4, 4, 0)
    assert messages() == [("order.paid", "organiser"), ("order.confirmation", sari.email)]


def test_capture_and_settlement_entitle_once(
    sell: Sell, place: Place, begin_payment: Begin, hear: Callable[..., Settlement],
    count_entitled: Callable[[], int], messages: Callable[[], list[tuple[str, str]]],
    sari: Buyer,
) -> None:  # fmt: skip
    attempt = begin_payment(place((sell("Guest"), 2), buyer=sari))

    hear(attempt, S.CAPTURED)
    hear(attempt, S.SETTLED)

    assert count_entitled() == 2
    assert len(messages()) == 2


@pytest.mark.parametrize("late", [S.PENDING, S.EXPIRED, S.FAILED, S.CHALLENGE])
def test_a_late_word_leaves_a_paid_order_paid(
    sell: Sell, place: Place, begin_payment: Begin, hear: Callable[..., Settlement],
    state_of: StateOf, stock_of: StockOf, sari: Buyer, late: AttemptState,
) -> None:  # fmt: skip
    guest = sell("Guest", capacity=10)
    placed = place((guest, 2), buyer=sari)
    attempt = begin_payment(placed)
    hear(attempt, S.SETTLED)

    outcome = hear(attempt, late)

    assert outcome.unchanged == 1
    assert state_of(placed) is OrderState.PAID
    assert stock_of(guest) == Stock(10, 0, 2)


@pytest.mark.parametrize(
    "order_of_news", list(permutations([S.CAPTURED, S.PENDING, S.PARTLY_REFUNDED]))
)
def test_the_order_of_the_news_makes_no_difference(
    sell: Sell, place: Place, begin_payment: Begin, hear: Callable[..., Settlement],
    state_of: StateOf, stock_of: StockOf, count_entitled: Callable[[], int],
    flags: Callable[[], list[ReviewFlag]], messages: Callable[[], list[tuple[str, str]]],
    sari: Buyer, order_of_news: tuple[AttemptState, ...],
) -> None:  # fmt: skip
    guest = sell("Guest", capacity=10)
    placed = place((guest, 2), buyer=sari)
    attempt = begin_payment(placed)

    for state in (*order_of_news, *order_of_news):
        hear(attempt, state)

    assert state_of(placed) is OrderState.PAID
    assert stock_of(guest) == Stock(10, 0, 2)
    assert count_entitled() == 2
    assert flags() == [ReviewFlag.MONEY_RETURNED]
    assert len(messages()) == 3


def test_the_same_notice_is_kept_once(
    database: Database, receive: Receive, begin_payment: Begin, place: Place, sell: Sell,
    sari: Buyer,
) -> None:  # fmt: skip
    attempt = begin_payment(place((sell("Guest"), 1), buyer=sari))

    heard = [receive(attempt.key, "the same") for _ in range(3)]

    assert heard == [True, False, False]
    with database.transaction() as connection:
        assert connection.execute(select(inbox_table.c.body)).scalars().all() == [
            b'{"order_id": "..."}'
        ]


def test_a_notice_alone_proves_nothing(
    sell: Sell, place: Place, begin_payment: Begin, receive: Receive, say: Say,
    settle_all: Callable[..., Settlement], state_of: StateOf, sari: Buyer,
) -> None:  # fmt: skip
    placed = place((sell("Guest"), 1), buyer=sari)
    attempt = begin_payment(placed)
    say(attempt, S.PENDING)

    receive(attempt.key, "a notice that claims settlement")
    settle_all()

    assert state_of(placed) is OrderState.PENDING


def test_an_unknown_order_is_kept_where_somebody_sees_it(
    database: Database, receive: Receive, settle_all: Callable[..., Settlement]
) -> None:
    receive("ORD-NOBODY-01", "x")

    assert settle_all().quarantined == 1
    assert settle_all(hours=9) == Settlement(0, 0, 0, 0)
    with database.transaction() as connection:
        found = inbox.list_quarantined(connection)
    assert [(one.external_reference, one.reason) for one in found] == [
        ("ORD-NOBODY-01", "no payment attempt has the key 'ORD-NOBODY-01'")
    ]


def test_a_notice_that_names_the_transaction_instead_is_understood(
    sell: Sell, place: Place, begin_payment: Begin, hear: Callable[..., Settlement],
    receive: Receive, say: Say, settle_all: Callable[..., Settlement], state_of: StateOf,
    sari: Buyer,
) -> None:  # fmt: skip
    placed = place((sell("Guest"), 1), buyer=sari)
    attempt = begin_payment(placed)
    hear(attempt, S.PENDING)

    say(attempt, S.SETTLED)
    receive(f"tx-{attempt.key}", "a bank's slip")
    settle_all()

    assert state_of(placed) is OrderState.PAID


def test_an_answer_about_another_attempt_is_not_believed(
    sell: Sell, place: Place, begin_payment: Begin, receive: Receive, say: Say,
    gateway: PaymentGateway, settle_all: Callable[..., Settlement], state_of: StateOf,
    sari: Buyer, budi: Buyer,
) -> None:  # fmt: skip
    guest = sell("Guest")
    mine, other = place((guest, 1), buyer=sari), place((guest, 1), buyer=budi)
    asked, paid = begin_payment(mine), begin_payment(other)
    say(paid, S.SETTLED)
    gateway.by_key[asked.key] = gateway.by_key[paid.key]

    receive(asked.key, "x")

    assert settle_all().postponed == 1
    assert state_of(mine) is state_of(other) is OrderState.PENDING


def test_a_failed_attempt_leaves_the_order_open_for_another(
    sell: Sell, place: Place, begin_payment: Begin, hear: Callable[..., Settlement],
    state_of: StateOf, sari: Buyer,
) -> None:  # fmt: skip
    placed = place((sell("Guest"), 1), buyer=sari)
    first = begin_payment(placed)
    same = begin_payment(placed)

    hear(first, S.DENIED)
    second = begin_payment(placed)
    hear(second, S.SETTLED)

    assert same == first
    assert (first.key, second.key) == (f"{placed.order.code}-01", f"{placed.order.code}-02")
    assert state_of(placed) is OrderState.PAID


def test_a_gateway_out_of_reach_is_asked_again_later(
    sell: Sell, place: Place, begin_payment: Begin, receive: Receive, say: Say,
    gateway: PaymentGateway, settle_all: Callable[..., Settlement], state_of: StateOf, sari: Buyer,
) -> None:  # fmt: skip
    placed = place((sell("Guest"), 1), buyer=sari)
    attempt = begin_payment(placed)
    receive(attempt.key, "x")
    gateway.by_key[attempt.key] = Unavailable("no answer")

    outcomes = [settle_all(hours=hours).postponed for hours in range(2 * MAX_ATTEMPTS)]
    at_once = settle_all(hours=2 * MAX_ATTEMPTS - 1)
    say(attempt, S.SETTLED)
    settle_all(hours=50)

    assert sum(outcomes) > MAX_ATTEMPTS
    assert at_once == Settlement(0, 0, 0, 0)
    assert state_of(placed) is OrderState.PAID


@pytest.mark.parametrize("trouble", [None, RuntimeError("a word nobody knows")])
def test_what_cannot_be_understood_is_tried_again_and_then_put_aside(
    database: Database, sell: Sell, place: Place, begin_payment: Begin, receive: Receive,
    gateway: PaymentGateway, settle_all: Callable[..., Settlement], sari: Buyer,
    trouble: Exception | None,
) -> None:  # fmt: skip
    attempt = begin_payment(place((sell("Guest"), 1), buyer=sari))
    receive(attempt.key, "x")
    gateway.by_key[attempt.key] = trouble

    runs = [settle_all(hours=2 * hours) for hours in range(MAX_ATTEMPTS + 1)]

    assert [run.postponed for run in runs] == [1] * (MAX_ATTEMPTS - 1) + [0, 0]
    assert [run.quarantined for run in runs] == [0] * (MAX_ATTEMPTS - 1) + [
        1,
        0,
    ]
    with database.transaction() as connection:
        assert len(inbox.list_quarantined(connection)) == 1


def test_one_bad_notice_stops_no_other(
    sell: Sell, place: Place, begin_payment: Begin, receive: Receive, say: Say,
    gateway: PaymentGateway, settle_all: Callable[..., Settlement], sari: Buyer, budi: Buyer,
) -> None:  # fmt: skip
    guest = sell("Guest")
    bad, good = (begin_payment(place((guest, 1), buyer=buyer)) for buyer in (sari, budi))
    receive(bad.key, "bad")
    receive(good.key, "good")
    gateway.by_key[bad.key] = RuntimeError("broken")
    say(good, S.SETTLED)

    assert settle_all() == Settlement(applied=1, unchanged=0, quarantined=0, postponed=1)


def test_settlers_side_by_side_complete_an_order_once(
    *,
    database: Database,
    gateway: PaymentGateway,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    receive: Receive,
    say: Say,
    stock_of: StockOf,
    count_entitled: Callable[[], int],
    messages: Callable[[], list[tuple[str, str]]],
    sari: Buyer,
    now: datetime,
) -> None:
    guest = sell("Guest", capacity=10)
    attempt = begin_payment(place((guest, 2), buyer=sari))
    say(attempt, S.SETTLED)
    for number in range(12):
        receive(attempt.key, f"notice {number}")

    with ThreadPoolExecutor(6) as pool:
        runs = [
            pool.submit(settle, database, gateway, at=now, by="sensor", limit=3) for _ in range(6)
        ]
        results = [run.result() for run in runs]

    assert sum(result.applied for result in results) == 1
    assert sum(result.unchanged for result in results) == 11
    assert (stock_of(guest), count_entitled(), len(messages())) == (Stock(10, 0, 2), 2, 2)


def test_an_order_completed_by_two_who_saw_it_pending_is_completed_once(
    database: Database, sell: Sell, place: Place, stock_of: StockOf,
    count_entitled: Callable[[], int], sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    guest = sell("Guest", capacity=10)
    pending = place((guest, 2), buyer=sari).order

    for _ in range(2):
        with database.transaction() as connection:
            complete_order(connection, pending, attempt_id=None, at=now, by="web")

    assert (stock_of(guest), count_entitled()) == (Stock(10, 0, 2), 2)


def test_counts_agree_with_orders_after_a_storm(
    *,
    database: Database,
    event: Event,
    gateway: PaymentGateway,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    receive: Receive,
    say: Say,
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
        say(attempt, S.SETTLED)
        receive(attempt.key, attempt.key)
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


def test_what_is_free_is_paid_as_soon_as_somebody_takes_it(
    sell: Sell, place: Place, stock_of: StockOf, count_entitled: Callable[[], int], sari: Buyer
) -> None:
    guest = sell("Guest", price=0, capacity=10)

    placed = place((guest, 2), buyer=sari)

    assert placed.order.state is OrderState.PAID
    assert (stock_of(guest), count_entitled()) == (Stock(10, 0, 2), 2)


def test_a_buyer_the_roster_knows_keeps_the_roster_s_name(
    *,
    database: Database,
    event: Event,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    hear: Callable[..., Settlement],
    sari: Buyer,
) -> None:
    with database.transaction() as connection:
        connection.execute(
            guests.insert().values(
                event_id=event.id, natural_key=sari.key, full_name="Sari Wulandari, S.T."
            )
        )

    hear(begin_payment(place((sell("Guest"), 1), buyer=sari)), S.SETTLED)

    with database.transaction() as connection:
        assert connection.execute(select(guests.c.full_name)).scalars().all() == [
            "Sari Wulandari, S.T."
        ]


def test_a_run_leaves_a_trace_and_an_idle_one_none(
    database: Database, receive: Receive, settle_all: Callable[..., Settlement]
) -> None:
    settle_all()
    receive("ORD-NOBODY-01", "x")
    receive("ORD-NOBODY-02", "y")

    settle_all()

    query = select(audit_log.c.actor, audit_log.c.action, audit_log.c["items"], audit_log.c.details)
    with database.transaction() as connection:
        assert connection.execute(query).all() == [
            ("sensor", "payments.settle", 2, {"quarantined": 2})
        ]
