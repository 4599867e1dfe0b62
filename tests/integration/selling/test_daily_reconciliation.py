"""A day's sales and its books against the gateway's: days are Jakarta's."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from ticketing.orders.order import Buyer
from ticketing.orders.payment_attempt import AttemptState, Statement
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.money import NOTHING, Rupiah
from ticketing.platform.kernel.time_span import span_of
from ticketing.reporting import sales_queries
from ticketing.reporting.reconcile_day import difference, reconcile_day
from ticketing.reporting.sales_queries import BookedAttempt, Sales
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import Attempt

DAY = date(2026, 11, 20)
JUST_AFTER_MIDNIGHT = datetime(2026, 11, 19, 17, 0, tzinfo=UTC)
JUST_BEFORE_MIDNIGHT = datetime(2026, 11, 19, 16, 59, tzinfo=UTC)

Place = Callable[..., PlacedOrder]
Begin = Callable[[PlacedOrder], Attempt]

BOOKED = BookedAttempt("ORD-A", "ORD-A-01", AttemptState.SETTLED, Rupiah(100_000), NOTHING)
SAID = Statement("ORD-A-01", "tx", AttemptState.SETTLED, Rupiah(100_000), NOTHING)


@pytest.fixture
def paid(
    sell: Callable[..., int],
    place: Place,
    begin_payment: Begin,
    hear: Callable[..., object],
    sari: Buyer,
) -> Attempt:
    """Two places of Rp50.000, paid at three in the afternoon in Jakarta."""
    attempt = begin_payment(place((sell("Guest"), 2), buyer=sari))
    hear(attempt, AttemptState.SETTLED)
    return attempt


@pytest.mark.usefixtures("paid")
def test_a_days_sales_are_counted_event_by_event(database: Database) -> None:
    with database.transaction() as connection:
        sold = sales_queries.sales(connection, span_of(DAY))
        paid_amounts = sales_queries.paid_amounts(connection, span_of(DAY))

    assert sold == [
        Sales(
            event_slug="wisuda-2026", placed=1, paid=1, undone=0, places=2,
            subtotal=Rupiah(100_000), discount=NOTHING, total=Rupiah(100_000), refunded=NOTHING,
        )
    ]  # fmt: skip
    assert [amount for _, amount in paid_amounts] == [Rupiah(100_000)]


@pytest.mark.usefixtures("paid")
def test_another_day_has_none_of_it(database: Database) -> None:
    with database.transaction() as connection:
        assert sales_queries.sales(connection, span_of(date(2026, 11, 21))) == []


@pytest.mark.parametrize(("at", "placed"), [(JUST_AFTER_MIDNIGHT, 1), (JUST_BEFORE_MIDNIGHT, 0)])
def test_a_day_begins_at_midnight_in_jakarta(
    database: Database, sell: Callable[..., int], place: Place, at: datetime, placed: int
) -> None:
    place((sell("Guest"), 1), at=at)

    with database.transaction() as connection:
        sold = sales_queries.sales(connection, span_of(DAY))

    assert sum(one.placed for one in sold) == placed


def test_a_payment_that_the_bank_took_back_is_undone(
    database: Database, paid: Attempt, hear: Callable[..., object]
) -> None:
    hear(paid, AttemptState.DENIED)

    with database.transaction() as connection:
        (sold,) = sales_queries.sales(connection, span_of(DAY))

    assert (sold.paid, sold.undone) == (1, 1)


@pytest.mark.usefixtures("paid")
def test_books_that_agree_have_the_same_sums(database: Database, gateway: object) -> None:
    books = reconcile_day(database, gateway, DAY)

    assert books.attempts == 1
    assert books.taken == books.taken_by_gateway == Rupiah(100_000)
    assert books.differing == ()


def test_a_payment_the_gateway_sees_otherwise_is_named_and_left_as_it_is(
    database: Database, gateway: object, paid: Attempt, say: Callable[..., None]
) -> None:
    say(paid, AttemptState.REFUNDED, refunded=100_000)

    first, again = (reconcile_day(database, gateway, DAY) for _ in range(2))

    assert first == again
    (odd,) = first.differing
    assert odd.subject.endswith(paid.key)
    assert odd.wrong == "settlement to us, refund to the gateway"
    assert first.returned_by_gateway == Rupiah(100_000)


@pytest.mark.parametrize(
    ("booked", "said", "wrong"),
    [
        (BOOKED, SAID, ""),
        (BOOKED, None, "settlement to us, unknown to the gateway"),
        (replace(BOOKED, state=AttemptState.CREATED), None, ""),
        (replace(BOOKED, state=AttemptState.DENIED), None, ""),
        (BOOKED, replace(SAID, amount=Rupiah(1)), "Rp100.000 to us, Rp1 to the gateway"),
        (
            replace(BOOKED, state=AttemptState.PENDING),
            SAID,
            "pending to us, settlement to the gateway",
        ),
        (
            BOOKED,
            replace(SAID, refunded=Rupiah(5)),
            "Rp0 returned to us, Rp5 to the gateway",
        ),
        # what it says late is no contradiction
        (BOOKED, replace(SAID, state=AttemptState.PENDING), ""),
    ],
)
def test_what_counts_as_a_contradiction(
    booked: BookedAttempt, said: Statement | None, wrong: str
) -> None:
    assert difference(booked, said) == wrong
