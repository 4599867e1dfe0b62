"""The replay of an order decides as production does: instalments, second payments, staff."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from ticketing.orders.order import OrderState
from ticketing.orders.payment_attempt import AttemptState
from ticketing.selling.rebuild.replay import AttemptFacts, Booking, OrderFacts, Report, replay

NOON = datetime(2026, 11, 20, 5, tzinfo=UTC)


def _attempt(number: int, *, instalment: int | None = None) -> AttemptFacts:
    return AttemptFacts(number, f"ORD-{number:02}", 100, 0, instalment)


def _report(attempt: int, state: AttemptState, minute: int, amount: int = 100) -> Report:
    return Report(NOON + timedelta(minutes=minute), attempt, state, amount, 0, f"tx-{attempt}")


def _booking(state: OrderState, minute: int, *, has_actor: bool = True) -> Booking:
    return Booking(NOON + timedelta(minutes=minute), state, has_actor, entry=minute)


PAID, PENDING = OrderState.PAID, OrderState.PENDING
EXPIRED, CANCELLED = OrderState.EXPIRED, OrderState.CANCELLED
SETTLED = AttemptState.SETTLED


@pytest.mark.parametrize(
    ("notified", "bookings", "expected"),
    [
        ([_report(1, SETTLED, 1)], [], PAID),
        ([_report(1, SETTLED, 1, amount=90)], [], PENDING),
        ([_report(1, SETTLED, 1, amount=90)], [_booking(PAID, 2)], PAID),
        ([_report(1, SETTLED, 1, amount=90), _report(1, AttemptState.DENIED, 2)],
         [_booking(PAID, 3)], PENDING),  # the money is gone
        ([], [_booking(PAID, 2)], PENDING),  # nobody pays by a change of a row
        ([], [_booking(CANCELLED, 2)], CANCELLED),
        ([], [_booking(CANCELLED, 2, has_actor=False)], PENDING),
        ([], [_booking(EXPIRED, 2, has_actor=False)], EXPIRED),
        ([_report(1, SETTLED, 3)], [_booking(EXPIRED, 2)], EXPIRED),  # stock decides, or staff
        ([_report(1, SETTLED, 3)], [_booking(EXPIRED, 2), _booking(PAID, 4)], PAID),
        ([_report(1, SETTLED, 1), _report(1, AttemptState.DENIED, 2)], [], CANCELLED),
        ([_report(1, SETTLED, 1), _report(2, SETTLED, 2),
          _report(1, AttemptState.DENIED, 3)], [], PAID),
    ],
)  # fmt: skip
def test_the_state_follows_from_notifications_and_decisions(
    notified: list[Report], bookings: list[Booking], expected: OrderState
) -> None:
    facts = OrderFacts(100, [_attempt(1), _attempt(2)], notified, [], bookings)

    assert replay(facts).state is expected


def test_an_order_in_instalments_is_paid_by_the_last_of_them_in_any_order() -> None:
    attempts = [_attempt(number, instalment=number) for number in (1, 2, 3)]
    reports = [_report(number, SETTLED, number) for number in (1, 2, 3)]

    def state(notified: list[Report]) -> OrderState:
        return replay(OrderFacts(300, attempts, notified, [], [], frozenset({1, 2, 3}))).state

    assert {state(list(some)) for some in permutations(reports)} == {PAID}
    assert {state(list(some)) for some in permutations(reports, 2)} == {PENDING}


def test_a_payment_after_the_event_was_cancelled_completes_nothing() -> None:
    facts = OrderFacts(
        100, [_attempt(1)], [_report(1, SETTLED, 2)], [], [], event_cancelled_at=NOON
    )

    assert replay(facts).state is PENDING


def test_money_that_only_the_ledger_knows_is_counted_as_unproven() -> None:
    booked = [_report(1, SETTLED, 1), _report(2, SETTLED, 2)]
    facts = OrderFacts(
        100, [_attempt(1), _attempt(2)], [_report(1, SETTLED, 1)], booked, [_booking(PAID, 1)]
    )

    replayed = replay(facts)

    assert (replayed.state, replayed.unproven) == (PAID, ("ORD-02",))
