"""Tests of the sales invariants: each kind of damage is found and named."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, text, update

from ticketing.catalogue.recount_queries import recount_sales
from ticketing.catalogue.stock import Stock
from ticketing.events.model import Event
from ticketing.orders.order import Buyer
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import promos, ticket_types
from ticketing.platform.db.tables.orders import order_review_flags, orders
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.platform.db.tables.roster import entitlements
from ticketing.platform.kernel.errors import Refused
from ticketing.platform.kernel.invariant import InvariantResult
from ticketing.reporting import sales_checks
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt

Place = Callable[..., PlacedOrder]
Begin = Callable[[PlacedOrder], PaymentAttempt]
LATER = timedelta(minutes=5)


@pytest.fixture
def guest(sell: Callable[..., int]) -> int:
    """Sell a ticket type of ten places."""
    return sell("Guest", capacity=10)


@pytest.fixture
def paid_order(
    guest: int,
    place: Place,
    begin_payment: Begin,
    receive_status: Callable[..., object],
    sari: Buyer,
) -> tuple[PlacedOrder, PaymentAttempt]:
    """Create a paid order of two places without tickets."""
    placed = place((guest, 2), buyer=sari)
    attempt = begin_payment(placed)
    receive_status(attempt, AttemptState.SETTLED)
    return placed, attempt


@pytest.fixture
def check_invariants(database: Database, now: datetime) -> Callable[[], dict[str, InvariantResult]]:
    """Return a function that reads violated invariants by name, five minutes later."""

    def run() -> dict[str, InvariantResult]:
        at = now + LATER
        found = {
            "stock": sales_checks.check_stock_counts(database),
            "promos": sales_checks.check_promo_counts(database),
            "money": sales_checks.check_unallocated_money(database),
            "twice": sales_checks.check_duplicate_payments(database),
            "tickets": sales_checks.check_orders_fulfilled(database, at=at),
            "stuck": sales_checks.check_stuck_notifications(
                database, at=at + timedelta(minutes=10)
            ),
            "quarantine": sales_checks.check_quarantined_notifications(database, at=at),
            "questions": sales_checks.check_open_review_flags(database),
        }
        return {name: findings for name, findings in found.items() if not findings.holds}

    return run


def test_an_empty_shop_violates_nothing(
    check_invariants: Callable[[], dict[str, InvariantResult]],
) -> None:
    assert check_invariants() == {}


def test_a_paid_order_without_tickets_is_named_after_its_grace_time(
    database: Database,
    paid_order: tuple[PlacedOrder, PaymentAttempt],
    check_invariants: Callable[[], dict[str, InvariantResult]],
    now: datetime,
) -> None:
    (offender,) = check_invariants()["tickets"].violations

    assert offender.subject == paid_order[0].order.code
    assert offender.problem == "paid: 2 places, 2 entitlements, 0 tickets, 0 PDFs"
    assert sales_checks.check_orders_fulfilled(database, at=now).holds


def test_a_guest_on_hold_is_no_violation(
    database: Database,
    paid_order: tuple[PlacedOrder, PaymentAttempt],
    check_invariants: Callable[[], dict[str, InvariantResult]],
) -> None:
    assert paid_order
    with database.transaction() as connection:
        connection.execute(update(entitlements).values(hold_reason="identity unclear"))

    assert check_invariants() == {}


def test_an_entitlement_of_an_order_that_is_not_paid_is_named(
    database: Database,
    paid_order: tuple[PlacedOrder, PaymentAttempt],
    check_invariants: Callable[[], dict[str, InvariantResult]],
) -> None:
    with database.transaction() as connection:
        order = update(orders).where(orders.c.id == paid_order[0].order.id)
        connection.execute(order.values(state="cancelled"))

    (offender,) = check_invariants()["tickets"].violations

    assert offender.problem == "cancelled: 0 places, 2 entitlements, 0 tickets, 0 PDFs"


def test_wrong_stock_counts_are_named_and_recounted(
    database: Database,
    event: Event,
    guest: int,
    paid_order: tuple[PlacedOrder, PaymentAttempt],
    stock_of: Callable[[int], Stock],
    check_invariants: Callable[[], dict[str, InvariantResult]],
) -> None:
    assert paid_order
    with database.transaction() as connection:
        connection.execute(update(ticket_types).values(sold=7, pending=1))
    (offender,) = check_invariants()["stock"].violations

    corrected = recount_sales(database, event, by="operator")

    assert offender.problem == "counted 1 held and 7 sold of 10, orders say 0 and 2"
    assert corrected.ticket_types == (guest,)
    assert stock_of(guest) == Stock(10, 0, 2)
    assert "stock" not in check_invariants()


def test_an_oversold_type_cannot_be_recounted(
    database: Database, event: Event, guest: int, paid_order: tuple[PlacedOrder, PaymentAttempt]
) -> None:
    assert paid_order
    with database.transaction() as connection:
        oversold = update(ticket_types).where(ticket_types.c.id == guest)
        connection.execute(oversold.values(capacity=1, sold=1))

    with pytest.raises(Refused, match="more is sold than the limits allow"):
        recount_sales(database, event, by="operator")


def test_a_wrong_promo_code_count_is_named_and_recounted(
    database: Database,
    event: Event,
    now: datetime,
    check_invariants: Callable[[], dict[str, InvariantResult]],
) -> None:
    with database.transaction() as connection:
        connection.execute(
            insert(promos).values(
                event_id=event.id, code="EARLY", kind="percent", value=10, valid_from=now,
                valid_until=now + LATER, used=3,
            )
        )  # fmt: skip
    (offender,) = check_invariants()["promos"].violations

    corrected = recount_sales(database, event, by="operator")

    assert offender.subject == "wisuda-2026, EARLY"
    assert corrected.promo_codes == ("EARLY",)
    assert check_invariants() == {}


def test_recounting_correct_counts_changes_nothing(
    database: Database, event: Event, paid_order: tuple[PlacedOrder, PaymentAttempt]
) -> None:
    assert paid_order

    corrected = recount_sales(database, event, by="operator")

    assert (corrected.ticket_types, corrected.promo_codes) == ((), ())


def test_an_unallocated_payment_is_named(
    database: Database,
    paid_order: tuple[PlacedOrder, PaymentAttempt],
    check_invariants: Callable[[], dict[str, InvariantResult]],
) -> None:
    with database.transaction() as connection:
        order = update(orders).where(orders.c.id == paid_order[0].order.id)
        connection.execute(order.values(paid_attempt_id=None))

    first, second = check_invariants()["money"].violations

    assert first.problem == f"Rp100.000 of {paid_order[1].key} are not allocated"
    assert second == (paid_order[0].order.code, "paid, but its payments differ from its total")


def test_a_paid_order_without_a_payment_is_named(
    database: Database,
    paid_order: tuple[PlacedOrder, PaymentAttempt],
    check_invariants: Callable[[], dict[str, InvariantResult]],
) -> None:
    with database.transaction() as connection:
        connection.execute(update(payment_attempts).values(state="pending"))

    (offender,) = check_invariants()["money"].violations

    assert offender == (paid_order[0].order.code, "paid, but its payments differ from its total")


def test_a_free_order_needs_no_payment(
    sell: Callable[..., int],
    place: Place,
    sari: Buyer,
    check_invariants: Callable[[], dict[str, InvariantResult]],
) -> None:
    place((sell("Free", price=0), 1), buyer=sari)

    assert "money" not in check_invariants()


def test_a_duplicate_payment_without_a_review_flag_is_a_violation(
    database: Database,
    guest: int,
    place: Place,
    begin_payment: Begin,
    receive_status: Callable[..., object],
    sari: Buyer,
    check_invariants: Callable[[], dict[str, InvariantResult]],
) -> None:
    placed = place((guest, 1), buyer=sari)
    first = begin_payment(placed)
    receive_status(first, AttemptState.EXPIRED)
    second = begin_payment(placed)
    receive_status(second, AttemptState.SETTLED)
    receive_status(first, AttemptState.SETTLED)
    asked = check_invariants()

    with database.transaction() as connection:
        connection.execute(order_review_flags.delete())
    unasked = check_invariants()

    assert {"money", "twice"}.isdisjoint(asked)
    assert [one.subject for one in asked["questions"].violations] == [placed.order.code]
    assert [one.subject for one in unasked["twice"].violations] == [placed.order.code]
    assert first.key in unasked["money"].violations[0].problem


def test_a_notification_that_waits_too_long_is_named_with_its_reason(
    database: Database,
    store_notification: Callable[..., bool],
    settle_all: Callable[..., object],
    guest: int,
    place: Place,
    begin_payment: Begin,
    sari: Buyer,
    now: datetime,
) -> None:
    attempt = begin_payment(place((guest, 1), buyer=sari))
    store_notification(attempt.key, "early")
    settle_all()

    found = sales_checks.check_stuck_notifications(database, at=now + timedelta(minutes=10))
    sooner = sales_checks.check_stuck_notifications(database, at=now + timedelta(minutes=9))

    (offender,) = found.violations
    assert "1 attempts: the gateway does not know" in offender.problem
    assert sooner.holds


def test_a_notification_of_an_unknown_order_is_named_for_a_week(
    database: Database,
    store_notification: Callable[..., bool],
    settle_all: Callable[..., object],
    now: datetime,
) -> None:
    store_notification("ORD-NOBODY-01", "unknown")
    store_notification("payment_notif_test_G000000001", "test of the dashboard")
    settle_all()

    found = sales_checks.check_quarantined_notifications(database, at=now)
    later = sales_checks.check_quarantined_notifications(database, at=now + timedelta(days=8))

    (unknown,) = found.violations
    assert "ORD-NOBODY-01" in unknown.subject
    assert later.holds


def test_a_refunded_order_violates_nothing(
    database: Database,
    paid_order: tuple[PlacedOrder, PaymentAttempt],
    receive_status: Callable[..., object],
    check_invariants: Callable[[], dict[str, InvariantResult]],
) -> None:
    receive_status(paid_order[1], AttemptState.REFUNDED, refunded=100_000)
    with database.transaction() as connection:
        connection.execute(text("UPDATE entitlements SET hold_reason = 'refunded'"))

    assert set(check_invariants()) == {"questions"}
