"""Tests of order expiry: once per order, and never while a payment may be under way."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from ticketing.catalogue import stock_queries
from ticketing.catalogue.stock import Stock
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, OrderState, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import promos
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.kernel.errors import ImpossibleTransition, Unavailable
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.expire_orders import ExpiryResult, expire_orders
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.checkout.set_buyer import set_order_buyer
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_notifications import NOTIFICATION_RETRIES
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.reconcile import reconcile
from ticketing.selling.payments.settle import PaymentGateway, Settlement
from ticketing.selling.refunds.resolve_flag import dismiss_flag

S = AttemptState
Place = Callable[..., PlacedOrder]
Sell = Callable[..., int]
Begin = Callable[[PlacedOrder], PaymentAttempt]
SetPaymentStatus = Callable[..., None]
ReceiveStatus = Callable[..., Settlement]
StateOf = Callable[[PlacedOrder], OrderState]
StockOf = Callable[[int], Stock]
Expire = Callable[..., ExpiryResult]
Flags = Callable[[], list[ReviewFlag]]


@pytest.fixture
def notify_of_money(
    store_notification: Callable[..., bool], settle_all: Callable[..., Settlement]
) -> Callable[[PaymentAttempt, str], None]:
    """Return a function that stores a signed notification of money in a state of the inbox."""
    runs = {"unhandled": 0, "postponed": 1, "quarantined": NOTIFICATION_RETRIES.max_attempts}

    def notify(attempt: PaymentAttempt, state: str) -> None:
        signed = {"order_id": attempt.key, "status_code": "200", "gross_amount": "1.00"}
        body = json.dumps(signed | {"transaction_id": f"tx-{attempt.key}"}).encode()
        store_notification(attempt.key, "money", body)
        for hours in range(runs[state]):
            settle_all(hours=hours)

    return notify


@pytest.fixture
def expire(database: Database, gateway: PaymentGateway, now: datetime) -> Expire:
    """Return a function that expires overdue orders, some minutes after `now`."""

    def run(minutes: float = 60) -> ExpiryResult:
        at = now + timedelta(minutes=minutes)
        return expire_orders(database, gateway, at=at, by="sensor", chunk=2)

    return run


def test_an_order_expires_after_its_hour_and_not_before(
    sell: Sell, place: Place, expire: Expire, state_of: StateOf, stock_of: StockOf, sari: Buyer
) -> None:
    guest = sell("Guest", capacity=10)
    placed = place((guest, 2), buyer=sari)

    early = expire(59.99)
    held = stock_of(guest)
    due = expire(60)
    again = expire(61)

    assert (early.expired, due.expired, again.expired) == (0, 1, 0)
    assert (held, stock_of(guest)) == (Stock(10, 2, 0), Stock(10, 0, 0))
    assert state_of(placed) is OrderState.EXPIRED


def test_an_order_without_a_buyer_expires_after_ten_minutes_and_a_buyer_makes_it_an_hour(
    *, database: Database, sell: Sell, place: Place, expire: Expire, state_of: StateOf,
    sari: Buyer, budi: Buyer, now: datetime,
) -> None:  # fmt: skip
    guest = sell("Guest", capacity=10)
    anonymous, named = place((guest, 2)), place((guest, 2))
    for buyer in (sari, budi):  # a second buyer extends nothing
        set_order_buyer(database, named.order.id, buyer=buyer, at=now, by="web")

    counts = [expire(minutes).expired for minutes in (9.99, 10, 59.99, 60)]

    assert counts == [0, 1, 0, 1]
    assert state_of(anonymous) is OrderState.EXPIRED


def test_an_hour_over_midnight_is_an_hour(
    *,
    database: Database,
    gateway: PaymentGateway,
    sell: Sell,
    place: Place,
    state_of: StateOf,
    sari: Buyer,
) -> None:
    before_midnight = datetime(2026, 12, 1, 16, 30, tzinfo=UTC)  # 23:30 in Jakarta
    placed = place((sell("Guest"), 1), buyer=sari, at=before_midnight)

    at = before_midnight + timedelta(minutes=59)
    assert expire_orders(database, gateway, at=at, by="sensor").expired == 0
    at = before_midnight + timedelta(minutes=60)
    assert expire_orders(database, gateway, at=at, by="sensor").expired == 1
    assert state_of(placed) is OrderState.EXPIRED


def test_every_overdue_order_is_expired_despite_stuck_ones(
    database: Database, sell: Sell, place: Place, begin_payment: Begin,
    set_payment_status: SetPaymentStatus,
    expire: Expire,
    sari: Buyer,
) -> None:  # fmt: skip
    guest = sell("Guest")
    for _ in range(3):
        set_payment_status(begin_payment(place((guest, 1), buyer=sari)), S.PENDING)
    for _ in range(4):
        place((guest, 1))

    assert expire() == ExpiryResult(expired=4, left=0, stuck=3)
    query = select(audit_log.c["items"], audit_log.c.details)
    with database.transaction() as connection:
        trace = connection.execute(query.where(audit_log.c.action == "orders.expire"))
        assert trace.all() == [(4, {"left": 0, "stuck": 3})]


@pytest.mark.parametrize("ended", [S.DENIED, S.EXPIRED, S.CANCELLED, S.FAILED])
def test_an_order_whose_attempts_failed_expires(
    sell: Sell, place: Place, begin_payment: Begin, set_payment_status: SetPaymentStatus,
    expire: Expire,
    state_of: StateOf,
    sari: Buyer, ended: AttemptState,
) -> None:  # fmt: skip
    placed = place((sell("Guest"), 1), buyer=sari)
    set_payment_status(begin_payment(placed), ended)

    expire()

    assert state_of(placed) is OrderState.EXPIRED


def test_an_order_whose_payment_page_was_never_used_expires(
    sell: Sell, place: Place, begin_payment: Begin, expire: Expire, state_of: StateOf, sari: Buyer
) -> None:
    placed = place((sell("Guest"), 1), buyer=sari)
    begin_payment(placed)

    assert expire().expired == 1
    assert state_of(placed) is OrderState.EXPIRED


def test_a_lost_notification_is_replaced_by_a_status_request(
    sell: Sell, place: Place, begin_payment: Begin, set_payment_status: SetPaymentStatus,
    expire: Expire,
    state_of: StateOf,
    stock_of: StockOf, count_entitled: Callable[[], int], sari: Buyer,
) -> None:  # fmt: skip
    guest = sell("Guest", capacity=10)
    placed = place((guest, 2), buyer=sari)
    set_payment_status(begin_payment(placed), S.SETTLED)

    assert expire() == ExpiryResult(expired=0, left=1, stuck=0)
    assert state_of(placed) is OrderState.PAID
    assert (stock_of(guest), count_entitled()) == (Stock(10, 0, 2), 2)


@pytest.mark.parametrize("status", [S.PENDING, S.CHALLENGE, S.AUTHORIZED])
def test_an_order_that_may_still_be_paid_keeps_its_places_and_is_counted(
    sell: Sell, place: Place, begin_payment: Begin, set_payment_status: SetPaymentStatus,
    expire: Expire,
    state_of: StateOf,
    stock_of: StockOf, flags: Flags, sari: Buyer, status: AttemptState,
) -> None:  # fmt: skip
    guest = sell("Guest", capacity=10)
    placed = place((guest, 2), buyer=sari)
    attempt = begin_payment(placed)
    set_payment_status(attempt, status)

    first, again = expire(), expire(70)
    stuck = flags()
    set_payment_status(attempt, S.EXPIRED)
    expire(80)

    assert (first.stuck, again.stuck, stuck) == (1, 1, [ReviewFlag.STUCK])
    assert flags() == []
    assert state_of(placed) is OrderState.EXPIRED
    assert stock_of(guest) == Stock(10, 0, 0)


@pytest.mark.parametrize("error", [Unavailable("no answer"), RuntimeError("a new word")])
def test_an_order_with_an_unavailable_gateway_keeps_its_places(
    sell: Sell, place: Place, begin_payment: Begin, gateway: PaymentGateway, expire: Expire,
    state_of: StateOf, flags: Flags, sari: Buyer, error: Exception,
) -> None:  # fmt: skip
    placed = place((sell("Guest"), 2), buyer=sari)
    gateway.by_key[begin_payment(placed).key] = error

    assert expire().stuck == 1
    assert state_of(placed) is OrderState.PENDING
    assert flags() == [ReviewFlag.STUCK]


def test_a_gateway_without_a_known_payment_is_not_trusted(
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    receive_status: ReceiveStatus,
    gateway: PaymentGateway,
    expire: Expire,
    state_of: StateOf,
    sari: Buyer,
) -> None:
    placed = place((sell("Guest"), 2), buyer=sari)
    attempt = begin_payment(placed)
    receive_status(attempt, S.PENDING)
    del gateway.by_key[attempt.key]

    assert expire().stuck == 1
    assert state_of(placed) is OrderState.PENDING


@pytest.mark.parametrize("state", ["unhandled", "postponed", "quarantined"])
def test_an_order_with_an_unsettled_notification_of_money_is_held_named_and_not_cancelled(
    *,
    database: Database,
    gateway: PaymentGateway,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    notify_of_money: Callable[[PaymentAttempt, str], None],
    set_payment_status: SetPaymentStatus,
    expire: Expire,
    state_of: StateOf,
    flags: Flags,
    sari: Buyer,
    now: datetime,
    state: str,
) -> None:
    placed = place((sell("Guest", capacity=10), 2), buyer=sari)
    attempt = begin_payment(placed)
    notify_of_money(attempt, state)
    later = now + timedelta(days=9)

    held = expire(minutes=9 * 24 * 60)
    (named,) = reconcile(database, gateway, at=later, by="sensor").mismatches
    flagged = flags()
    with pytest.raises(ImpossibleTransition, match="a payment is being processed"):
        cancel_order(database, placed.order.id, at=later, by="web")
    set_payment_status(attempt, S.SETTLED)
    found = reconcile(database, gateway, at=later, by="sensor")

    assert (held.stuck, flagged) == (1, [ReviewFlag.STUCK])
    assert named.subject == attempt.key
    assert f"a signed notification of money for {attempt.key}" in named.problem
    assert (found.corrected, state_of(placed)) == (1, OrderState.PAID)


@pytest.mark.parametrize("answer", [None, S.EXPIRED])
def test_a_quarantined_notification_holds_until_staff_or_the_gateway_decide(
    *,
    database: Database,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    notify_of_money: Callable[[PaymentAttempt, str], None],
    set_payment_status: SetPaymentStatus,
    expire: Expire,
    state_of: StateOf,
    flags: Flags,
    sari: Buyer,
    now: datetime,
    answer: AttemptState | None,
) -> None:
    placed = place((sell("Guest"), 2), buyer=sari)
    attempt = begin_payment(placed)
    notify_of_money(attempt, "quarantined")
    held = expire()

    if answer is None:
        code = placed.order.code
        dismiss_flag(database, code, ReviewFlag.STUCK, reason="no money", at=now, by="operator")
    else:
        set_payment_status(attempt, answer)
    decided = expire(70)

    assert (held.stuck, decided.expired, flags()) == (1, 1, [])
    assert state_of(placed) is OrderState.EXPIRED


def test_a_payment_of_another_amount_keeps_the_places_until_it_is_reviewed(
    sell: Sell, place: Place, begin_payment: Begin, set_payment_status: SetPaymentStatus,
    expire: Expire,
    state_of: StateOf,
    flags: Flags, sari: Buyer,
) -> None:  # fmt: skip
    placed = place((sell("Guest", price=50_000), 2), buyer=sari)
    set_payment_status(begin_payment(placed), S.SETTLED, amount=1)

    expire()

    assert state_of(placed) is OrderState.PENDING
    assert flags() == [ReviewFlag.AMOUNT_DIFFERS]


def test_payment_of_an_overdue_order_cannot_begin(
    database: Database, sell: Sell, place: Place, sari: Buyer, now: datetime
) -> None:
    placed = place((sell("Guest"), 2), buyer=sari)

    with database.transaction() as connection:
        order = order_queries.lock(connection, placed.order.id)
        with pytest.raises(ImpossibleTransition, match=r"reservation of order .* has ended"):
            attempt_queries.get_or_insert_open(connection, order, at=now + timedelta(minutes=60))


def test_a_late_payment_completes_the_order_while_places_are_left(
    *,
    database: Database,
    event: Event,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    receive_status: ReceiveStatus,
    expire: Expire,
    state_of: StateOf,
    stock_of: StockOf,
    count_entitled: Callable[[], int],
    flags: Flags,
    sari: Buyer,
) -> None:
    guest = sell("Guest", capacity=2)
    placed = place((guest, 2), buyer=sari)
    attempt = begin_payment(placed)
    expire()

    receive_status(attempt, S.SETTLED)
    receive_status(attempt, S.EXPIRED)

    assert state_of(placed) is OrderState.PAID
    assert (stock_of(guest), count_entitled(), flags()) == (Stock(2, 0, 2), 2, [])
    with database.transaction() as connection:
        assert stock_queries.list_drifted(connection, event.id) == []


def test_a_late_payment_of_sold_out_places_raises_a_review_flag(
    *,
    database: Database,
    event: Event,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    receive_status: ReceiveStatus,
    expire: Expire,
    state_of: StateOf,
    stock_of: StockOf,
    count_entitled: Callable[[], int],
    flags: Flags,
    sari: Buyer,
    now: datetime,
) -> None:
    vip, guest = sell("VIP", capacity=5), sell("Guest", capacity=2)
    placed = place((vip, 1), (guest, 2), buyer=sari)
    attempt = begin_payment(placed)
    expire()
    place((guest, 1), at=now + timedelta(minutes=61))

    receive_status(attempt, S.SETTLED)
    receive_status(attempt, S.CAPTURED)

    assert state_of(placed) is OrderState.EXPIRED
    assert (stock_of(vip), stock_of(guest)) == (Stock(5, 0, 0), Stock(2, 1, 0))
    assert (count_entitled(), flags()) == (0, [ReviewFlag.PAID_LATE])
    with database.transaction() as connection:
        assert stock_queries.list_drifted(connection, event.id) == []


def test_a_late_payment_with_an_exhausted_promo_code_raises_a_review_flag(
    *,
    database: Database,
    event: Event,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    receive_status: ReceiveStatus,
    expire: Expire,
    state_of: StateOf,
    stock_of: StockOf,
    flags: Flags,
    sari: Buyer,
    now: datetime,
) -> None:
    guest = sell("Guest", capacity=10)
    with database.transaction() as connection:
        connection.execute(
            insert(promos).values(
                event_id=event.id, code="HEMAT", kind="fixed", value=5_000, max_uses=1,
                valid_from=now, valid_until=now + timedelta(days=1),
            )
        )  # fmt: skip
    placed = place((guest, 2), buyer=sari, promo="HEMAT")
    attempt = begin_payment(placed)
    expire()
    place((guest, 1), promo="HEMAT", at=now + timedelta(minutes=61))

    receive_status(attempt, S.SETTLED)

    assert state_of(placed) is OrderState.EXPIRED
    assert stock_of(guest) == Stock(10, 1, 0)
    assert flags() == [ReviewFlag.PAID_LATE]


def test_an_expired_order_that_was_paid_late_uses_its_promo_code_again(
    *,
    database: Database,
    event: Event,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    receive_status: ReceiveStatus,
    expire: Expire,
    state_of: StateOf,
    sari: Buyer,
    now: datetime,
) -> None:
    with database.transaction() as connection:
        connection.execute(
            insert(promos).values(
                event_id=event.id, code="HEMAT", kind="fixed", value=5_000, max_uses=1,
                valid_from=now, valid_until=now + timedelta(days=1),
            )
        )  # fmt: skip
    placed = place((sell("Guest"), 2), buyer=sari, promo="HEMAT")
    attempt = begin_payment(placed)
    expire()

    receive_status(attempt, S.SETTLED)

    assert state_of(placed) is OrderState.PAID
    with database.transaction() as connection:
        assert connection.execute(select(promos.c.used)).scalar_one() == 1


def test_an_expiry_notification_releases_nothing_a_second_time(
    sell: Sell, place: Place, begin_payment: Begin, receive_status: ReceiveStatus, expire: Expire,
    stock_of: StockOf,
    sari: Buyer, budi: Buyer,
) -> None:  # fmt: skip
    guest = sell("Guest", capacity=10)
    place((guest, 4), buyer=budi, at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC))
    attempt = begin_payment(place((guest, 2), buyer=sari))

    receive_status(attempt, S.EXPIRED)
    expire()
    receive_status(attempt, S.CANCELLED)
    expire(70)

    assert stock_of(guest) == Stock(10, 4, 0)


def test_a_paid_order_with_a_late_pending_status_does_not_expire(
    sell: Sell, place: Place, begin_payment: Begin, receive_status: ReceiveStatus, expire: Expire,
    state_of: StateOf,
    stock_of: StockOf, sari: Buyer,
) -> None:  # fmt: skip
    guest = sell("Guest", capacity=10)
    placed = place((guest, 2), buyer=sari)
    attempt = begin_payment(placed)
    receive_status(attempt, S.SETTLED)

    receive_status(attempt, S.PENDING)
    expire()

    assert state_of(placed) is OrderState.PAID
    assert stock_of(guest) == Stock(10, 0, 2)
