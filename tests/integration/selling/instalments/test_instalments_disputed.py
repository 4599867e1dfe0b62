"""Tests of instalments that are paid twice, late or charged back: all money is accounted for."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import permutations
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.plugins.properties import examples
from ticketing.catalogue.payment_plans import offer_plan
from ticketing.catalogue.stock import Stock
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders import instalment_queries
from ticketing.orders.instalments import OverduePolicy, PaymentPlan, TicketReleasePolicy
from ticketing.orders.order import Buyer, OrderState, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState, PaymentStatus
from ticketing.platform.db.database import Database
from ticketing.platform.db.outbox import ORDER_CONFIRMATION
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.kernel.errors import ImpossibleTransition, RefundRefused
from ticketing.platform.kernel.money import ZERO, Rupiah
from ticketing.selling.checkout.expire_orders import ExpiryResult
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.payments.settle import Settlement
from ticketing.selling.refunds.refund_plan import RefundRequest
from ticketing.selling.refunds.resolve_flag import complete_late_order, refund_request_for_flag
from ticketing.selling.refunds.service import plan_refund
from ticketing.tickets import order_ticket_queries
from ticketing.tickets.issuing.issue import issue_tickets

S = AttemptState
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
Begin = Callable[[PlacedOrder], PaymentAttempt]
ReceiveStatus = Callable[..., Settlement]
StateOf = Callable[[PlacedOrder], OrderState]
StockOf = Callable[[int], Stock]
Flags = Callable[[], list[ReviewFlag]]
PaidInstalments = Callable[[PlacedOrder], list[bool]]
Expire = Callable[[timedelta], ExpiryResult]


def test_the_last_instalment_may_be_paid_late_while_places_are_left(
    *, placed: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt], begin_payment: Begin,
    receive_status: ReceiveStatus, expire: Expire, state_of: StateOf, stock_of: StockOf, guest: int,
    flags: Flags,
    paid_instalments: PaidInstalments, check_consistency: Callable[[], None],
) -> None:  # fmt: skip
    pay_next(placed)
    pay_next(placed)
    third = begin_payment(placed)
    expire(16 * DAY)
    before = (state_of(placed), flags())

    receive_status(third, S.SETTLED)

    assert before == (OrderState.EXPIRED, [ReviewFlag.INSTALMENTS_UNFINISHED])
    assert (state_of(placed), stock_of(guest), flags()) == (OrderState.PAID, Stock(10, 0, 2), [])
    assert paid_instalments(placed) == [True] * 3
    check_consistency()


@pytest.mark.parametrize("rule", [OverduePolicy.KEEP, OverduePolicy.REFUND, OverduePolicy.ASK])
def test_a_late_instalment_of_an_incomplete_order_raises_a_review_flag(
    *,
    database: Database,
    order_by: Callable[[OverduePolicy], PlacedOrder],
    pay_next: Callable[[PlacedOrder], PaymentAttempt],
    begin_payment: Begin,
    receive_status: ReceiveStatus,
    expire: Expire,
    state_of: StateOf,
    flags: Flags,
    rule: OverduePolicy,
    now: datetime,
    stock_of: StockOf,
    guest: int,
    check_consistency: Callable[[], None],
) -> None:
    placed = order_by(rule)
    pay_next(placed)
    second = begin_payment(placed)
    expire(9 * DAY)

    receive_status(second, S.SETTLED)

    assert state_of(placed) is OrderState.EXPIRED
    assert ReviewFlag.PAID_LATE in flags()
    assert stock_of(guest) == Stock(10, 0, 0)
    with pytest.raises(ImpossibleTransition):
        complete_late_order(database, placed.order.code, at=now, by="operator")
    check_consistency()


def test_a_last_instalment_after_the_others_were_refunded_completes_nothing(
    *,
    order_by: Callable[[OverduePolicy], PlacedOrder],
    pay_next: Callable[[PlacedOrder], PaymentAttempt],
    begin_payment: Begin,
    receive_status: ReceiveStatus,
    expire: Expire,
    state_of: StateOf,
    flags: Flags,
    pending_refunds_of: Callable[[PlacedOrder], int],
    check_consistency: Callable[[], None],
) -> None:
    placed = order_by(OverduePolicy.REFUND)
    pay_next(placed)
    pay_next(placed)
    third = begin_payment(placed)
    expire(16 * DAY)

    receive_status(third, S.SETTLED)

    assert (state_of(placed), flags()) == (OrderState.EXPIRED, [ReviewFlag.PAID_LATE])
    assert pending_refunds_of(placed) == 70_001
    check_consistency()


NOTICES = [
    (0, S.PENDING), (0, S.SETTLED), (0, S.SETTLED), (1, S.CAPTURED), (1, S.SETTLED),
    (1, S.REFUNDED), (2, S.SETTLED), (2, S.CHARGED_BACK), (2, S.CHARGED_BACK),
]  # fmt: skip


@pytest.mark.usefixtures("offered")
@settings(
    max_examples=examples(30),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(notices=st.permutations(NOTICES))
def test_statuses_of_three_attempts_for_an_instalment_commute(
    *, database: Database, sell: Callable[..., int], sari: Buyer,
    place: Callable[..., PlacedOrder], competing_attempts: Callable[[PlacedOrder],
    list[PaymentAttempt]],
    state_of: StateOf, now: datetime, stock_of: StockOf,
    check_consistency: Callable[[], None], notices: list[tuple[int, AttemptState]],
) -> None:  # fmt: skip
    kind = sell(f"Kind {uuid4()}", capacity=2)
    placed = place((kind, 2), buyer=sari, payment_plan="3 parts")
    attempts = competing_attempts(placed)

    for number, state in notices:
        back = attempts[number].amount if state is S.REFUNDED else ZERO
        statement = PaymentStatus(
            attempts[number].key, f"tx-{attempts[number].key}", state, attempts[number].amount, back
        )
        with database.transaction() as connection:
            record_payment(connection, attempts[number], statement, at=now, by="worker")

    with database.transaction() as connection:
        parts = instalment_queries.list_for_order(connection, placed.order.id)
    assert [part.paid_by for part in parts] == [attempts[0].id, None, None]
    assert (state_of(placed), stock_of(kind)) == (OrderState.PENDING, Stock(2, 2, 0))
    check_consistency()


@pytest.mark.parametrize("sequence", list(permutations(range(3))))
def test_three_payments_of_one_instalment_pay_it_once(
    *, placed: PlacedOrder, competing_attempts: Callable[[PlacedOrder], list[PaymentAttempt]],
    receive_status: ReceiveStatus,
    flags: Flags, paid_instalments: PaidInstalments, sequence: tuple[int, ...],
    check_consistency: Callable[[], None],
) -> None:  # fmt: skip
    attempts = competing_attempts(placed)

    for number in (*sequence, *sequence):
        receive_status(attempts[number], S.SETTLED)

    assert (paid_instalments(placed), flags()) == ([True, False, False], [ReviewFlag.PAID_TWICE])
    check_consistency()


def test_a_second_payment_of_an_instalment_is_refunded_and_the_first_kept(
    *, database: Database, placed: PlacedOrder, receive_status: ReceiveStatus, now: datetime,
    competing_attempts: Callable[[PlacedOrder], list[PaymentAttempt]],
) -> None:  # fmt: skip
    first, second, _ = competing_attempts(placed)
    receive_status(first, S.SETTLED)
    receive_status(second, S.SETTLED)

    asked = refund_request_for_flag(ReviewFlag.PAID_TWICE, reason="twice")
    planned = plan_refund(database, placed.order.code, asked, at=now, by="operator")

    assert [(part.attempt_id, part.amount) for part in planned.parts] == [
        (second.id, second.amount)
    ]  # fmt: skip


def test_payments_of_an_unfinished_order_are_refunded_only_when_it_ends(
    *, database: Database, placed: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt],
    now: datetime,
) -> None:  # fmt: skip
    pay_next(placed)

    with pytest.raises(RefundRefused, match="still being paid"):
        plan_refund(
            database, placed.order.code, RefundRequest(amount=Rupiah(1)), at=now, by="operator"
        )


@pytest.mark.parametrize(
    ("status", "flag"),
    [
        (S.DENIED, ReviewFlag.MONEY_REVERSED),
        (S.CHARGED_BACK, ReviewFlag.MONEY_RETURNED),
        (S.REFUNDED, ReviewFlag.MONEY_RETURNED),
    ],
)
def test_a_reversed_instalment_is_due_again(
    *, placed: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt],
    receive_status: ReceiveStatus,
    state_of: StateOf, flags: Flags, paid_instalments: PaidInstalments,
    reserved_until: Callable[[PlacedOrder], datetime],
    status: AttemptState, flag: ReviewFlag, now: datetime, check_consistency: Callable[[], None],
) -> None:  # fmt: skip
    first = pay_next(placed)
    pay_next(placed)

    receive_status(first, status, refunded=40_000 if status is S.REFUNDED else 0)
    lost = (paid_instalments(placed), flags(), reserved_until(placed))
    pay_next(placed)
    pay_next(placed)

    assert lost == ([False, True, False], [flag], now + 2 * DAY + HOUR)
    assert (state_of(placed), paid_instalments(placed)) == (OrderState.PAID, [True] * 3)
    check_consistency()


def test_an_order_whose_reversed_instalment_is_not_paid_again_expires(
    *, placed: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt],
    receive_status: ReceiveStatus,
    expire: Expire, state_of: StateOf, flags: Flags, check_consistency: Callable[[], None],
) -> None:  # fmt: skip
    first = pay_next(placed)
    pay_next(placed)
    receive_status(first, S.CHARGED_BACK)

    ended = expire(3 * DAY)

    assert (ended.expired, state_of(placed)) == (1, OrderState.EXPIRED)
    assert set(flags()) == {ReviewFlag.MONEY_RETURNED, ReviewFlag.INSTALMENTS_UNFINISHED}
    check_consistency()


def test_a_reversed_instalment_ends_a_paid_order_and_flags_the_others(
    *, database: Database, placed: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt],
    receive_status: ReceiveStatus, state_of: StateOf, stock_of: StockOf, guest: int, flags: Flags,
    count_entitled: Callable[[], int], now: datetime, check_consistency: Callable[[], None],
) -> None:  # fmt: skip
    attempts = [pay_next(placed) for _ in range(3)]

    receive_status(attempts[1], S.DENIED)

    assert (state_of(placed), stock_of(guest)) == (OrderState.CANCELLED, Stock(10, 0, 0))
    assert (count_entitled(), set(flags())) == (
        0,
        {ReviewFlag.MONEY_REVERSED, ReviewFlag.INSTALMENTS_UNFINISHED},
    )
    asked = refund_request_for_flag(ReviewFlag.INSTALMENTS_UNFINISHED, reason="")
    planned = plan_refund(database, placed.order.code, asked, at=now, by="operator")
    assert planned.amount == Rupiah(70_001)
    check_consistency()


def test_early_entitlements_are_restored_when_the_last_instalment_is_paid_late(
    *,
    database: Database,
    event: Event,
    keys: KeyRing,
    new_job: Callable[..., int],
    now: datetime,
    guest: int,
    place: Callable[..., PlacedOrder],
    sari: Buyer,
    pay_next: Callable[[PlacedOrder], PaymentAttempt],
    begin_payment: Begin,
    receive_status: ReceiveStatus,
    expire: Expire,
    state_of: StateOf,
    stock_of: StockOf,
    count_entitled: Callable[[], int],
    check_consistency: Callable[[], None],
) -> None:
    times = (7 * DAY, 3 * DAY, 2 * DAY)
    plan = PaymentPlan(
        "kept", (50, 50), *times, OverduePolicy.KEEP, TicketReleasePolicy.FIRST_INSTALMENT
    )
    offer_plan(database, event, plan, by="operator")
    placed = place((guest, 2), buyer=sari, payment_plan="kept")
    pay_next(placed)
    issue_tickets(database, event, keys=keys, job_id=new_job(event), at=now, by="worker")
    last = begin_payment(placed)
    expire(9 * DAY)
    ended = count_entitled()

    receive_status(last, S.SETTLED)

    assert (ended, count_entitled()) == (0, 2)
    with database.transaction() as connection:
        (waiting,) = order_ticket_queries.list_paid_without_ticket(
            connection, at=now, limit_per_event=9
        )
        sent = select(outbox.c.revision).where(outbox.c.purpose == ORDER_CONFIRMATION)
        # the tickets of the first mail were revoked
        assert (len(waiting.guest_ids), connection.scalars(sent).all()) == (2, [1, 2])
    assert (state_of(placed), stock_of(guest)) == (OrderState.PAID, Stock(10, 0, 2))
    check_consistency()


@pytest.mark.parametrize("status", [S.CHARGED_BACK, S.REFUNDED])
def test_a_paid_order_keeps_its_places_until_staff_decide_about_a_reversed_instalment(
    *, placed: PlacedOrder, pay_next: Callable[[PlacedOrder], PaymentAttempt],
    receive_status: ReceiveStatus,
    state_of: StateOf, stock_of: StockOf, guest: int, flags: Flags,
    paid_instalments: PaidInstalments,
    status: AttemptState, check_consistency: Callable[[], None],
) -> None:  # fmt: skip
    attempts = [pay_next(placed) for _ in range(3)]

    receive_status(attempts[0], status, refunded=40_000 if status is S.REFUNDED else 0)

    assert (state_of(placed), stock_of(guest)) == (OrderState.PAID, Stock(10, 0, 2))
    assert (flags(), paid_instalments(placed)) == ([ReviewFlag.MONEY_RETURNED], [True] * 3)
    check_consistency()
