"""Notices that never came: the gateway is asked, and its answer counts as if one had."""

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
Say = Callable[..., None]
Reconcile = Callable[..., ReconcileResult]


@pytest.fixture
def begun(
    sell: Callable[..., int], place: Place, begin_payment: Begin, sari: Buyer
) -> Callable[[], tuple[PlacedOrder, PaymentAttempt]]:
    """A new order of two places whose payment was begun."""
    guest = sell("Guest", capacity=100)

    def begin() -> tuple[PlacedOrder, PaymentAttempt]:
        placed = place((guest, 2), buyer=sari)
        return placed, begin_payment(placed)

    return begin


@pytest.fixture
def reconcile_after(database: Database, gateway: object, now: datetime) -> Reconcile:
    """Reconciles so many hours later."""

    def run(hours: float = 1) -> ReconcileResult:
        return reconcile(database, gateway, at=now + timedelta(hours=hours), by="schedule")

    return run


def test_a_payment_whose_notice_was_lost_completes_its_order_once(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    say: Say,
    reconcile_after: Reconcile,
    state_of: Callable[[PlacedOrder], OrderState],
    count_entitled: Callable[[], int],
) -> None:
    placed, attempt = begun()
    say(attempt, AttemptState.SETTLED)

    first, again = reconcile_after(), reconcile_after()

    assert (first.corrected, first.checked) == (1, 1)
    assert (again.corrected, again.checked) == (0, 1)
    assert state_of(placed) is OrderState.PAID
    assert count_entitled() == 2


def test_money_that_a_bank_took_back_in_silence_is_found_within_hours_and_not_sought_for_ever(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    say: Say,
    reconcile_after: Reconcile,
    state_of: Callable[[PlacedOrder], OrderState],
    count_entitled: Callable[[], int],
) -> None:
    placed, attempt = begun()
    begun()
    say(attempt, AttemptState.SETTLED)
    reconcile_after()
    say(attempt, AttemptState.DENIED)

    found, much_later = reconcile_after(2), reconcile_after(4)

    assert found.corrected == 1
    assert state_of(placed) is OrderState.CANCELLED
    assert count_entitled() == 0
    assert much_later.checked == 1


def test_an_attempt_that_stands_as_we_know_it_changes_nothing(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]], say: Say, reconcile_after: Reconcile
) -> None:
    _, attempt = begun()
    say(attempt, AttemptState.PENDING)
    reconcile_after()

    again = reconcile_after()

    assert again == ReconcileResult(corrected=0, agreed=1, unused=0, mismatches=())


def test_a_page_on_which_nobody_chose_is_asked_about_for_two_days(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]], reconcile_after: Reconcile
) -> None:
    begun()

    soon, later = reconcile_after(hours=47), reconcile_after(hours=49)

    assert soon == ReconcileResult(corrected=0, agreed=0, unused=1, mismatches=())
    assert later.checked == 0


def test_money_that_came_after_an_attempt_had_expired_is_found(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    say: Say,
    hear: Callable[..., object],
    reconcile_after: Reconcile,
    state_of: Callable[[PlacedOrder], OrderState],
) -> None:
    placed, attempt = begun()
    hear(attempt, AttemptState.EXPIRED)
    say(attempt, AttemptState.SETTLED)

    assert reconcile_after().corrected == 1
    assert state_of(placed) is OrderState.PAID


def test_a_payment_under_way_that_the_gateway_has_forgotten_is_named(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    hear: Callable[..., object],
    gateway: object,
    reconcile_after: Reconcile,
) -> None:
    _, attempt = begun()
    hear(attempt, AttemptState.PENDING)
    gateway.by_key.clear()  # type: ignore[attr-defined]  # the test's own gateway

    (odd,) = reconcile_after(hours=99).mismatches

    assert odd == (attempt.key, "pending in the database, unknown to the gateway")


def test_another_amount_is_named_and_asked_about(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    say: Say,
    reconcile_after: Reconcile,
    flags: Callable[[], list[ReviewFlag]],
) -> None:
    _, attempt = begun()
    say(attempt, AttemptState.SETTLED, amount=1)

    (odd,) = reconcile_after().mismatches

    assert odd.problem == "amount Rp100.000 requested, Rp1 reported by the gateway"
    assert flags() == [ReviewFlag.AMOUNT_DIFFERS]


def test_one_attempt_without_an_answer_stops_no_other(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    say: Say,
    gateway: object,
    reconcile_after: Reconcile,
) -> None:
    _, silent = begun()
    _, refused = begun()
    _, paid = begun()
    gateway.by_key[silent.key] = GatewayUnavailable("time-out")  # type: ignore[attr-defined]
    gateway.by_key[refused.key] = GatewayRefused("no", status=401)  # type: ignore[attr-defined]
    say(paid, AttemptState.SETTLED)

    done = reconcile_after()

    assert done.corrected == 1
    assert done.mismatches == ((silent.key, "time-out"), (refused.key, "no"))


def test_an_attempt_that_cannot_be_written_down_is_flagged_and_stops_no_other(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    database: Database,
    say: Say,
    reconcile_after: Reconcile,
    flags: Callable[[], list[ReviewFlag]],
) -> None:
    nobodys, broken = begun()
    _, paid = begun()
    say(broken, AttemptState.SETTLED)
    say(paid, AttemptState.SETTLED)
    with database.transaction() as connection:
        order = update(orders).where(orders.c.id == nobodys.order.id)
        connection.execute(order.values(buyer_key=""))

    done = reconcile_after()

    assert done.corrected == 1
    assert [odd.subject for odd in done.mismatches] == [broken.key]
    assert flags() == [ReviewFlag.STUCK]


def test_a_gateway_that_is_away_is_not_asked_for_hours(
    begun: Callable[[], tuple[PlacedOrder, PaymentAttempt]],
    gateway: object,
    reconcile_after: Reconcile,
) -> None:
    for _ in range(9):
        _, attempt = begun()
        gateway.by_key[attempt.key] = GatewayUnavailable("time-out")  # type: ignore[attr-defined]

    with pytest.raises(GatewayUnavailable, match="no answer to 8 requests"):
        reconcile_after()
