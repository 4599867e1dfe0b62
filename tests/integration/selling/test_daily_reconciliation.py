"""Tests of a day's sales and of reconciliation with the gateway; a day is Jakarta's."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from ticketing.orders.order import Buyer
from ticketing.orders.payment_attempt import AttemptState, PaymentStatus
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.money import ZERO, Rupiah
from ticketing.platform.kernel.time_span import day_span
from ticketing.reporting import sales_queries
from ticketing.reporting.reconcile_day import describe_difference, reconcile_day
from ticketing.reporting.sales_queries import EventSales, RecordedAttempt
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt

DAY = date(2026, 11, 20)
JUST_AFTER_MIDNIGHT = datetime(2026, 11, 19, 17, 0, tzinfo=UTC)
JUST_BEFORE_MIDNIGHT = datetime(2026, 11, 19, 16, 59, tzinfo=UTC)

Place = Callable[..., PlacedOrder]
Begin = Callable[[PlacedOrder], PaymentAttempt]

STORED_ATTEMPT = RecordedAttempt("ORD-A", "ORD-A-01", AttemptState.SETTLED, Rupiah(100_000), ZERO)
GATEWAY_STATUS = PaymentStatus("ORD-A-01", "tx", AttemptState.SETTLED, Rupiah(100_000), ZERO)


@pytest.fixture
def paid(
    sell: Callable[..., int],
    place: Place,
    begin_payment: Begin,
    receive_status: Callable[..., object],
    sari: Buyer,
) -> PaymentAttempt:
    """Create an order of two places at Rp50.000, paid at 15:00 in Jakarta."""
    attempt = begin_payment(place((sell("Guest"), 2), buyer=sari))
    receive_status(attempt, AttemptState.SETTLED)
    return attempt


@pytest.mark.usefixtures("paid")
def test_a_days_sales_are_counted_event_by_event(database: Database) -> None:
    with database.transaction() as connection:
        sold = sales_queries.list_event_sales(connection, day_span(DAY))
        paid_amounts = sales_queries.list_paid_amounts(connection, day_span(DAY))

    assert sold == [
        EventSales(
            event_slug="wisuda-2026", placed=1, paid=1, cancelled=0, places=2,
            subtotal=Rupiah(100_000), discount=ZERO, total=Rupiah(100_000), refunded=ZERO,
        )
    ]  # fmt: skip
    assert [amount for _, amount in paid_amounts] == [Rupiah(100_000)]


@pytest.mark.usefixtures("paid")
def test_another_day_has_no_sales(database: Database) -> None:
    with database.transaction() as connection:
        assert sales_queries.list_event_sales(connection, day_span(date(2026, 11, 21))) == []


@pytest.mark.parametrize(("at", "placed"), [(JUST_AFTER_MIDNIGHT, 1), (JUST_BEFORE_MIDNIGHT, 0)])
def test_a_day_begins_at_midnight_in_jakarta(
    database: Database, sell: Callable[..., int], place: Place, at: datetime, placed: int
) -> None:
    place((sell("Guest"), 1), at=at)

    with database.transaction() as connection:
        sold = sales_queries.list_event_sales(connection, day_span(DAY))

    assert sum(one.placed for one in sold) == placed


def test_a_reversed_payment_is_subtracted(
    database: Database, paid: PaymentAttempt, receive_status: Callable[..., object]
) -> None:
    receive_status(paid, AttemptState.DENIED)

    with database.transaction() as connection:
        (sold,) = sales_queries.list_event_sales(connection, day_span(DAY))

    assert (sold.paid, sold.cancelled) == (1, 1)


@pytest.mark.usefixtures("paid")
def test_matching_records_have_the_same_sums(database: Database, gateway: object) -> None:
    books = reconcile_day(database, gateway, DAY)

    assert books.attempts == 1
    assert books.taken == books.taken_by_gateway == Rupiah(100_000)
    assert books.differences == ()


def test_a_payment_with_another_status_at_the_gateway_is_named_and_unchanged(
    database: Database,
    gateway: object,
    paid: PaymentAttempt,
    set_payment_status: Callable[..., None],
) -> None:
    set_payment_status(paid, AttemptState.REFUNDED, refunded=100_000)

    first, again = (reconcile_day(database, gateway, DAY) for _ in range(2))

    assert first == again
    (odd,) = first.differences
    assert odd.subject.endswith(paid.key)
    assert odd.problem == "settlement here, refund at the gateway"
    assert first.returned_by_gateway == Rupiah(100_000)


@pytest.mark.parametrize(
    ("attempt", "status", "mismatch"),
    [
        (STORED_ATTEMPT, GATEWAY_STATUS, ""),
        (STORED_ATTEMPT, None, "settlement here, unknown to the gateway"),
        (replace(STORED_ATTEMPT, state=AttemptState.CREATED), None, ""),
        (replace(STORED_ATTEMPT, state=AttemptState.DENIED), None, ""),
        (
            STORED_ATTEMPT,
            replace(GATEWAY_STATUS, amount=Rupiah(1)),
            "amount Rp100.000 here, Rp1 at the gateway",
        ),
        (
            replace(STORED_ATTEMPT, state=AttemptState.PENDING),
            GATEWAY_STATUS,
            "pending here, settlement at the gateway",
        ),
        (
            STORED_ATTEMPT,
            replace(GATEWAY_STATUS, refunded=Rupiah(5)),
            "refunded Rp0 here, Rp5 at the gateway",
        ),
        # what it says late is no contradiction
        (STORED_ATTEMPT, replace(GATEWAY_STATUS, state=AttemptState.PENDING), ""),
    ],
)
def test_differences_between_attempt_and_gateway_status_are_mismatches(
    attempt: RecordedAttempt, status: PaymentStatus | None, mismatch: str
) -> None:
    assert describe_difference(attempt, status) == mismatch
