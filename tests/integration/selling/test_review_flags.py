"""Tests of duplicate, wrong, reversed and refunded payments: flagged for review, never doubled."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select

from ticketing.catalogue import stock_queries
from ticketing.catalogue.stock import Stock
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders import review_flag_queries
from ticketing.orders.order import Buyer, OrderState, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.orders import orders as orders_table
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import ImpossibleTransition
from ticketing.reporting import sales_checks
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.ledger import queries as ledger_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.settle import Settlement
from ticketing.selling.refunds.resolve_flag import dismiss_flag
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.tickets.missing import count_missing_tickets

S = AttemptState
Place = Callable[..., PlacedOrder]
Sell = Callable[..., int]
Begin = Callable[[PlacedOrder], PaymentAttempt]
StateOf = Callable[[PlacedOrder], OrderState]
StockOf = Callable[[int], Stock]


@pytest.mark.parametrize("dismissed_before", [False, True])
def test_another_amount_than_requested_raises_a_flag_and_is_no_payment(
    database: Database, sell: Sell, place: Place, begin_payment: Begin,
    receive_status: Callable[..., Settlement], state_of: StateOf,
    flags: Callable[[], list[ReviewFlag]], sari: Buyer, now: datetime, *, dismissed_before: bool,
) -> None:  # fmt: skip
    placed = place((sell("Guest", price=50_000), 2), buyer=sari)
    attempt, flag = begin_payment(placed), ReviewFlag.AMOUNT_DIFFERS
    if dismissed_before:  # by a version that did not record the payment
        message = f"{attempt.key}: amount Rp100.000 requested, Rp50.000 reported by the gateway"
        database.run(review_flag_queries.raise_flag, placed.order.id, flag, message, at=now)
        database.run(review_flag_queries.resolve_flag, placed.order.id, flag, at=now)

    receive_status(attempt, S.SETTLED, amount=50_000)

    assert state_of(placed) is OrderState.PENDING
    assert flags() == [ReviewFlag.AMOUNT_DIFFERS]


def test_another_amount_reported_for_a_paid_order_is_booked_and_accepted_by_a_note(
    database: Database, event: Event, sell: Sell, place: Place, begin_payment: Begin,
    receive_status: Callable[..., Settlement], flags: Callable[[], list[ReviewFlag]],
    state_of: StateOf, sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    placed = place((sell("Guest", price=50_000), 2), buyer=sari)
    attempt = begin_payment(placed)
    receive_status(attempt, S.SETTLED)
    receive_status(attempt, S.SETTLED, amount=90_000)
    seen = flags()

    code, flag = placed.order.code, ReviewFlag.AMOUNT_DIFFERS
    dismiss_flag(database, code, flag, reason="fee of the bank", at=now, by="operator")

    entries = database.run(ledger_queries.list_for_event, event.id)
    assert (seen, flags(), state_of(placed)) == ([flag], [], OrderState.PAID)
    assert sum(one.sale for one in entries) == sum(one.money for one in entries) == 90_000
    assert sales_checks.check_unallocated_money(database).violations == []
    assert ledger_queries.check_ledger_matches_sales(database).violations == []


def test_payments_of_two_attempts_raise_a_flag(
    sell: Sell, place: Place, begin_payment: Begin, receive_status: Callable[..., Settlement],
    stock_of: StockOf, count_entitled: Callable[[], int], flags: Callable[[], list[ReviewFlag]],
    sari: Buyer,
) -> None:  # fmt: skip
    guest = sell("Guest", capacity=10)
    placed = place((guest, 2), buyer=sari)
    first = begin_payment(placed)
    receive_status(first, S.EXPIRED)
    second = begin_payment(placed)

    receive_status(second, S.SETTLED)
    receive_status(first, S.SETTLED)

    assert flags() == [ReviewFlag.PAID_TWICE]
    assert (stock_of(guest), count_entitled()) == (Stock(10, 0, 2), 2)


def test_a_payment_of_a_cancelled_order_raises_a_flag(
    *,
    database: Database,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    receive_status: Callable[..., Settlement],
    state_of: StateOf,
    flags: Callable[[], list[ReviewFlag]],
    sari: Buyer,
    now: datetime,
) -> None:
    placed = place((sell("Guest"), 2), buyer=sari)
    attempt = begin_payment(placed)
    cancel_order(database, placed.order.id, at=now, by="web")

    receive_status(attempt, S.SETTLED)

    assert state_of(placed) is OrderState.CANCELLED
    assert flags() == [ReviewFlag.PAID_AFTER_CANCELLING]


def test_a_paid_order_cannot_be_cancelled(
    *,
    database: Database,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    receive_status: Callable[..., Settlement],
    sari: Buyer,
    now: datetime,
) -> None:
    placed = place((sell("Guest"), 2), buyer=sari)
    receive_status(begin_payment(placed), S.SETTLED)

    with pytest.raises(ImpossibleTransition, match="refund it instead"):
        cancel_order(database, placed.order.id, at=now, by="web")


def test_a_reversed_payment_releases_the_places(
    *,
    database: Database,
    event: Event,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    receive_status: Callable[..., Settlement],
    state_of: StateOf,
    stock_of: StockOf,
    flags: Callable[[], list[ReviewFlag]],
    keys: KeyRing,
    job_id: int,
    sari: Buyer,
    now: datetime,
) -> None:
    guest = sell("Guest", capacity=10)
    placed = place((guest, 2), buyer=sari)
    attempt = begin_payment(placed)
    receive_status(attempt, S.SETTLED)
    issue_tickets(database, event, keys=keys, job_id=job_id, at=now, by="sensor")

    receive_status(attempt, S.DENIED)
    receive_status(attempt, S.SETTLED)

    assert state_of(placed) is OrderState.CANCELLED
    assert stock_of(guest) == Stock(10, 0, 0)
    assert flags() == [ReviewFlag.MONEY_REVERSED]
    assert count_missing_tickets(database, event, at=now) == 0
    with database.transaction() as connection:
        ends = connection.execute(
            select(generated_tickets.c.state, generated_tickets.c.revoked_reason)
        ).all()
        assert ends == [("revoked", "the bank reversed the payment")] * 2
        assert stock_queries.list_drifted(connection, event.id) == []


def test_a_refund_is_counted_and_the_tickets_raise_a_flag(
    *,
    database: Database,
    sell: Sell,
    place: Place,
    begin_payment: Begin,
    receive_status: Callable[..., Settlement],
    state_of: StateOf,
    count_entitled: Callable[[], int],
    event: Event,
    sari: Buyer,
) -> None:
    placed = place((sell("Guest", price=50_000), 2), buyer=sari)
    attempt = begin_payment(placed)
    receive_status(attempt, S.SETTLED)

    receive_status(attempt, S.PARTLY_REFUNDED, refunded=30_000)
    receive_status(attempt, S.PARTLY_REFUNDED, refunded=60_000)

    with database.transaction() as connection:
        raised = review_flag_queries.list_open(connection, event.id)
        refunded = connection.execute(select(orders_table.c.refunded)).scalar_one()
    assert refunded == 60_000
    assert [one.message for one in raised] == ["Rp60.000 of Rp100.000 was refunded to the buyer"]
    assert (state_of(placed), count_entitled()) == (OrderState.PAID, 2)


@pytest.mark.parametrize("returned", [S.REFUNDED, S.CHARGED_BACK, S.PARTLY_CHARGED_BACK])
def test_a_returned_payment_raises_a_flag(
    sell: Sell, place: Place, begin_payment: Begin, receive_status: Callable[..., Settlement],
    state_of: StateOf, flags: Callable[[], list[ReviewFlag]], sari: Buyer, returned: AttemptState,
) -> None:  # fmt: skip
    placed = place((sell("Guest"), 2), buyer=sari)
    attempt = begin_payment(placed)
    receive_status(attempt, S.SETTLED)

    receive_status(attempt, returned)

    assert state_of(placed) is OrderState.PAID
    assert flags() == [ReviewFlag.MONEY_RETURNED]
