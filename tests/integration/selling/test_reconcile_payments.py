"""Tests of reconciling payments whose notifications were lost, by asking the gateway."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from ticketing.orders.order import Buyer, OrderState, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.kernel.errors import GatewayRefused, GatewayUnavailable
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.reconcile import ReconcileResult, reconcile

Place = Callable[..., PlacedOrder]
Begin = Callable[[PlacedOrder], PaymentAttempt]
SetPaymentStatus = Callable[..., None]
Reconcile = Callable[..., ReconcileResult]


@pytest.fixture
def begun(
    sell: Callable[..., int], place: Place, begin_payment: Begin, sari: Buyer
) -> Callable[[], tuple[PlacedOrder, PaymentAttempt]]:
    """Create an order of two places with a payment attempt."""
    guest = sell("Guest", capacity=100)

    def begin() -> tuple[PlacedOrder, PaymentAttempt]:
        placed = place((guest, 2), buyer=sari)
        return placed, begin_payment(placed)

    return begin


@pytest.fixture
def reconcile_after(database: Database, gateway: object, now: datetime) -> Reconcile:
    """Return a function that reconciles, some hours later."""

    def run(hours: float = 1) -> ReconcileResult:
        return reconcile(database, gateway, at=now + timedelta(hours=hours), by="schedule")

    return run


def test_a_payment_whose_notification_was_lost_completes_its_order_once(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    set_payment_status: SetPaymentStatus,
    reconcile_after: Reconcile,
    state_of: Callable[[PlacedOrder], OrderState],
    count_entitled: Callable[[], int],
) -> None:
    placed, attempt = begun()
    set_payment_status(attempt, AttemptState.SETTLED)

    first, again = reconcile_after(), reconcile_after()

    assert (first.corrected, first.checked) == (1, 1)
    assert (again.corrected, again.checked) == (0, 1)
    assert state_of(placed) is OrderState.PAID
    assert count_entitled() == 2


@pytest.fixture
def set_order(database: Database, now: datetime) -> Callable[..., None]:
    """Return a function that sets the state of an order, and the hours of its reservation."""

    def change(placed: PlacedOrder, state: OrderState, *, hold_hours: int) -> None:
        values = {"state": state, "expires_at": now + timedelta(hours=hold_hours)}
        with database.transaction() as connection:
            connection.execute(update(orders).where(orders.c.id == placed.order.id).values(values))

    return change


@pytest.mark.parametrize("paid_after_hours", [1, 167])
def test_a_reversal_without_a_notification_is_found_within_hours_for_a_limited_time(
    set_order: Callable[..., None],
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    set_payment_status: SetPaymentStatus,
    reconcile_after: Reconcile,
    state_of: Callable[[PlacedOrder], OrderState],
    count_entitled: Callable[[], int],
    paid_after_hours: int,
) -> None:
    placed, attempt = begun()
    begun()
    set_order(placed, OrderState.PENDING, hold_hours=168)
    set_payment_status(attempt, AttemptState.SETTLED)
    reconcile_after(paid_after_hours)
    set_payment_status(attempt, AttemptState.DENIED)

    found, much_later = reconcile_after(paid_after_hours + 1), reconcile_after(paid_after_hours + 3)

    assert found.corrected == 1
    assert state_of(placed) is OrderState.CANCELLED
    assert count_entitled() == 0
    assert much_later.checked == 1


def test_an_attempt_with_an_unchanged_status_changes_nothing(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    set_payment_status: SetPaymentStatus,
    reconcile_after: Reconcile,
) -> None:
    _, attempt = begun()
    set_payment_status(attempt, AttemptState.PENDING)
    reconcile_after()

    again = reconcile_after()

    assert again == ReconcileResult(corrected=0, agreed=1, unused=0, mismatches=())


@pytest.mark.parametrize("hold_hours", [1, 168])
def test_an_unused_page_is_reconciled_until_two_days_after_its_reservation(
    set_order: Callable[..., None],
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    reconcile_after: Reconcile,
    hold_hours: int,
) -> None:
    placed, _ = begun()
    set_order(placed, OrderState.PENDING, hold_hours=hold_hours)
    pending = reconcile_after(hours=hold_hours + 100)
    set_order(placed, OrderState.EXPIRED, hold_hours=hold_hours)

    soon, later = reconcile_after(hours=hold_hours + 47), reconcile_after(hours=hold_hours + 48)

    assert soon == pending == ReconcileResult(corrected=0, agreed=0, unused=1, mismatches=())
    assert later.checked == 0


def test_a_payment_after_the_expiry_of_an_attempt_is_found(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    set_payment_status: SetPaymentStatus,
    receive_status: Callable[..., object],
    reconcile_after: Reconcile,
    state_of: Callable[[PlacedOrder], OrderState],
) -> None:
    placed, attempt = begun()
    receive_status(attempt, AttemptState.EXPIRED)
    set_payment_status(attempt, AttemptState.SETTLED)

    assert reconcile_after().corrected == 1
    assert state_of(placed) is OrderState.PAID


def test_a_pending_payment_unknown_to_the_gateway_is_named(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    receive_status: Callable[..., object],
    gateway: object,
    reconcile_after: Reconcile,
) -> None:
    _, attempt = begun()
    receive_status(attempt, AttemptState.PENDING)
    gateway.by_key.clear()  # type: ignore[attr-defined]  # the test's own gateway

    (odd,) = reconcile_after(hours=99).mismatches

    assert odd == (attempt.key, "pending in the database, unknown to the gateway")


def test_another_amount_is_named_and_raises_a_review_flag(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    set_payment_status: SetPaymentStatus,
    reconcile_after: Reconcile,
    flags: Callable[[], list[ReviewFlag]],
) -> None:
    _, attempt = begun()
    set_payment_status(attempt, AttemptState.SETTLED, amount=1)

    (odd,) = reconcile_after().mismatches

    assert odd.problem == "amount Rp100.000 requested, Rp1 reported by the gateway"
    assert flags() == [ReviewFlag.AMOUNT_DIFFERS]


def test_one_attempt_without_an_answer_stops_no_other(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    set_payment_status: SetPaymentStatus,
    gateway: object,
    reconcile_after: Reconcile,
) -> None:
    _, silent = begun()
    _, refused = begun()
    _, paid = begun()
    gateway.by_key[silent.key] = GatewayUnavailable("time-out")  # type: ignore[attr-defined]
    gateway.by_key[refused.key] = GatewayRefused("no", status=401)  # type: ignore[attr-defined]
    set_payment_status(paid, AttemptState.SETTLED)

    done = reconcile_after()

    assert done.corrected == 1
    assert done.mismatches == ((silent.key, "time-out"), (refused.key, "no"))


def test_an_attempt_that_cannot_be_stored_is_flagged_and_stops_no_other(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    database: Database,
    set_payment_status: SetPaymentStatus,
    reconcile_after: Reconcile,
    flags: Callable[[], list[ReviewFlag]],
) -> None:
    nobodys, broken = begun()
    _, paid = begun()
    set_payment_status(broken, AttemptState.SETTLED)
    set_payment_status(paid, AttemptState.SETTLED)
    with database.transaction() as connection:
        order = update(orders).where(orders.c.id == nobodys.order.id)
        connection.execute(order.values(buyer_key=""))

    done = reconcile_after()

    assert done.corrected == 1
    assert [odd.subject for odd in done.mismatches] == [broken.key]
    assert flags() == [ReviewFlag.STUCK]


def test_an_unavailable_gateway_ends_the_run_early(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    gateway: object,
    reconcile_after: Reconcile,
) -> None:
    for _ in range(9):
        _, attempt = begun()
        gateway.by_key[attempt.key] = GatewayUnavailable("time-out")  # type: ignore[attr-defined]

    with pytest.raises(GatewayUnavailable, match="no answer to 8 requests"):
        reconcile_after()
