"""Tests of payments of another amount: booked as they came, then accepted or returned."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from simulators.midtrans.server import MidtransSimulator
from ticketing.catalogue.payment_plans import offer_plan
from ticketing.catalogue.stock import Stock
from ticketing.events.model import Event
from ticketing.orders import review_flag_queries
from ticketing.orders.cancellation_queries import EventCancellation
from ticketing.orders.instalments import OverduePolicy, PaymentPlan
from ticketing.orders.order import Buyer, OrderState, ReviewFlag
from ticketing.orders.refund import NO_FEE
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import ImpossibleTransition, PaymentUnderWay, PlanOutdated
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.cancellation import queries as cancellation_store
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.pay_order import pay_order
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.ledger import queries as ledger_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.refunds.outcome import cancel_refund
from ticketing.selling.refunds.refund_plan import RefundPlan, RefundRequest, RefundScope
from ticketing.selling.refunds.resolve_flag import dismiss_flag, refund_request_for_flag
from ticketing.selling.refunds.service import AppliedRefund, plan_refund
from ticketing.selling.review.accept_payment import apply_acceptance, plan_acceptance

Place = Callable[..., PlacedOrder]
Pay = Callable[..., PaymentAttempt]
DAY = timedelta(days=1)


@pytest.fixture
def guest(sell: Callable[..., int]) -> int:
    """Sell a ticket type of ten places at Rp50.000."""
    return sell("Guest", capacity=10)


@pytest.fixture
def pay_another_amount(
    guest: int, place: Place, pay: Pay, midtrans: MidtransSimulator, sari: Buyer
) -> Callable[..., PlacedOrder]:
    """Return a function that orders two places and pays an amount that is off."""

    def order_and_pay(amount_off: int, **more: object) -> PlacedOrder:
        placed = place((guest, 2), buyer=sari, **more)
        midtrans.faults.set(amount_off=amount_off)
        pay(placed)
        midtrans.faults.set(amount_off=0)
        return placed

    return order_and_pay


@pytest.fixture
def entries(database: Database, event: Event) -> Callable[[], list[tuple[str, int, int]]]:
    """Return a function that reads kind, sale and money of the event's ledger."""

    def fetch() -> list[tuple[str, int, int]]:
        found = database.run(ledger_queries.list_for_event, event.id)
        return [(one.kind, one.sale, one.money) for one in found]

    return fetch


@pytest.mark.parametrize(
    ("amount_off", "kind"), [(7_000, "order.surplus"), (-7_000, "order.shortfall")]
)
def test_a_payment_of_another_amount_is_booked_and_accepted_with_its_difference(
    database: Database, guest: int, pay_another_amount: Callable[..., PlacedOrder],
    entries: Callable[[], list[tuple[str, int, int]]], state_of: Callable[[PlacedOrder], str],
    stock_of: Callable[[int], Stock], flags: Callable[[], list[ReviewFlag]],
    books_agree: Callable[[], bool], now: datetime, amount_off: int, kind: str,
) -> None:  # fmt: skip
    placed = pay_another_amount(amount_off)
    code = placed.order.code
    before = (state_of(placed), flags())

    plan = plan_acceptance(database, code, reason="promo of the bank", at=now, by="operator")
    unchanged = state_of(placed)
    for _ in range(2):
        apply_acceptance(database, code, plan_hash=plan.plan_hash, at=now, by="operator")

    assert before == (OrderState.PENDING, [ReviewFlag.AMOUNT_DIFFERS])
    assert (plan.requested, plan.difference, unchanged) == (Rupiah(100_000), amount_off, "pending")
    assert (state_of(placed), flags()) == (OrderState.PAID, [])
    assert stock_of(guest) == Stock(10, 0, 2)
    assert entries() == [
        ("order.placed", 100_000, 0),
        ("payment.captured", 0, 100_000 + amount_off),
        ("order.paid", 0, 0),
        (kind, amount_off, 0),
    ]
    assert books_agree()


def test_a_payment_of_another_amount_is_returned_and_its_order_expires(
    database: Database, client: Midtrans, guest: int,
    pay_another_amount: Callable[..., PlacedOrder],
    apply: Callable[[RefundPlan], AppliedRefund], state_of: Callable[[PlacedOrder], str],
    stock_of: Callable[[int], Stock], flags: Callable[[], list[ReviewFlag]],
    books_agree: Callable[[], bool], now: datetime,
) -> None:  # fmt: skip
    placed = pay_another_amount(-7_000)
    expire_orders(database, client, at=placed.order.expires_at, by="schedule")
    held = state_of(placed)

    request = refund_request_for_flag(ReviewFlag.AMOUNT_DIFFERS, reason="too little")
    applied = apply(plan_refund(database, placed.order.code, request, at=now, by="operator"))
    expire_orders(database, client, at=placed.order.expires_at, by="schedule")

    assert [one.amount for one in applied.refunds] == [Rupiah(93_000)]
    assert (held, state_of(placed), flags()) == (OrderState.PENDING, OrderState.EXPIRED, [])
    assert stock_of(guest) == Stock(10, 0, 0)
    assert books_agree()


def test_an_accepted_instalment_counts_and_the_others_stay_due(
    database: Database, event: Event, pay_another_amount: Callable[..., PlacedOrder],
    pay: Pay, state_of: Callable[[PlacedOrder], str], flags: Callable[[], list[ReviewFlag]],
    entries: Callable[[], list[tuple[str, int, int]]], books_agree: Callable[[], bool],
    now: datetime,
) -> None:  # fmt: skip
    parts = PaymentPlan("2 parts", (60, 40), 7 * DAY, 3 * DAY, 2 * DAY, OverduePolicy.ASK)
    offer_plan(database, event, parts, by="operator")
    placed = pay_another_amount(5_000, payment_plan="2 parts")
    code = placed.order.code

    plan = plan_acceptance(database, code, reason="rounded up", at=now, by="operator")
    order = apply_acceptance(database, code, plan_hash=plan.plan_hash, at=now, by="operator")
    pay(placed)

    assert (plan.instalment, plan.requested, order.state) == (1, Rupiah(60_000), "pending")
    assert (state_of(placed), flags()) == (OrderState.PAID, [])
    assert sum(sale for _, sale, _ in entries()) == 105_000
    assert books_agree()


def test_a_plan_to_accept_is_refused_once_the_payment_was_refunded(
    database: Database, pay_another_amount: Callable[..., PlacedOrder],
    apply: Callable[[RefundPlan], AppliedRefund], now: datetime,
) -> None:  # fmt: skip
    code = pay_another_amount(1).order.code
    plan = plan_acceptance(database, code, reason="fine", at=now, by="operator")
    request = refund_request_for_flag(ReviewFlag.AMOUNT_DIFFERS, reason="")
    apply(plan_refund(database, code, request, at=now, by="operator"))

    with pytest.raises((ImpossibleTransition, PlanOutdated)):
        apply_acceptance(database, code, plan_hash=plan.plan_hash, at=now, by="operator")


def test_no_other_payment_begins_and_no_note_is_enough_while_staff_decide_about_one(
    database: Database, client: Midtrans, pay_another_amount: Callable[..., PlacedOrder],
    now: datetime,
) -> None:  # fmt: skip
    placed = pay_another_amount(-1)

    with pytest.raises(PaymentUnderWay, match="another amount"):
        pay_order(database, client, placed.order.id, finish_url="", at=now, by="web")
    with pytest.raises(ImpossibleTransition, match="cannot be cancelled before staff"):
        cancel_order(database, placed.order.id, at=now, by="web")
    with pytest.raises(ImpossibleTransition, match="accept or refund it"):
        dismiss_flag(
            database,
            placed.order.code,
            ReviewFlag.AMOUNT_DIFFERS,
            reason="?",
            at=now,
            by="operator",
        )


@pytest.mark.parametrize("ended", ["", "expired", "cancelled"])
def test_a_cancelled_refund_of_another_amount_asks_staff_again_and_a_note_is_not_enough(
    database: Database, client: Midtrans, midtrans: MidtransSimulator,
    pay_another_amount: Callable[..., PlacedOrder], apply: Callable[[RefundPlan], AppliedRefund],
    plan: Callable[..., RefundPlan], flags: Callable[[], list[ReviewFlag]], now: datetime,
    ended: str,
) -> None:  # fmt: skip
    placed = pay_another_amount(5_000)
    code, flag = placed.order.code, ReviewFlag.AMOUNT_DIFFERS
    midtrans.faults.set(refunds_denied=1)
    apply(plan(placed, money=RefundScope.SURPLUS, flag=flag))
    if ended == "expired":
        expire_orders(database, client, at=placed.order.expires_at, by="schedule")
    elif ended:  # possible as soon as the refund is decided
        cancel_order(database, placed.order.id, at=now, by="web")
    promised = flags()

    cancel_refund(database, code, key=None, reason="accepted", at=now, by="operator")

    assert (promised, flags()) == ([ReviewFlag.REFUND_FAILED], [flag])
    with pytest.raises(ImpossibleTransition, match="payment of another amount"):
        dismiss_flag(database, code, flag, reason="keep it", at=now, by="operator")


@pytest.mark.parametrize("amount_off", [5_000, 0])
def test_an_order_that_money_holds_after_its_end_always_has_a_flag(
    database: Database, client: Midtrans, event: Event, place: Place, pay: Pay, guest: int,
    midtrans: MidtransSimulator, state_of: Callable[[PlacedOrder], str],
    flags: Callable[[], list[ReviewFlag]], sari: Buyer, now: datetime, amount_off: int,
) -> None:  # fmt: skip
    placed = place((guest, 2), buyer=sari)
    midtrans.faults.set(amount_off=amount_off)
    if not amount_off:  # then no payment completes an order
        cancellation = EventCancellation(event.id, "plan", "rain", NO_FEE, "op", now, None)
        database.run(cancellation_store.insert_cancellation, cancellation)
    pay(placed)
    raised = flags()
    for flag in raised:
        database.run(review_flag_queries.resolve_flag, placed.order.id, flag, at=now)

    seen = []
    for _ in range(2):
        expire_orders(database, client, at=placed.order.expires_at, by="schedule")
        seen.append(flags())

    assert state_of(placed) == OrderState.PENDING
    assert seen == [raised if amount_off else [ReviewFlag.STUCK]] * 2


def test_a_payment_that_was_returned_in_part_can_only_be_returned(
    database: Database, client: Midtrans, pay_another_amount: Callable[..., PlacedOrder],
    apply: Callable[[RefundPlan], AppliedRefund], plan: Callable[..., RefundPlan],
    state_of: Callable[[PlacedOrder], str], now: datetime,
) -> None:  # fmt: skip
    placed = pay_another_amount(5_000)
    code, flag = placed.order.code, ReviewFlag.AMOUNT_DIFFERS
    apply(plan(placed, money=RefundScope.SURPLUS, amount=Rupiah(5_000)))

    with pytest.raises(ImpossibleTransition, match="no payment of another amount to accept"):
        plan_acceptance(database, code, reason="?", at=now, by="operator")
    with pytest.raises(ImpossibleTransition, match="accept or refund it"):
        dismiss_flag(database, code, flag, reason="?", at=now, by="operator")
    apply(plan(placed, money=RefundScope.SURPLUS, flag=flag))
    expire_orders(database, client, at=placed.order.expires_at, by="schedule")

    assert state_of(placed) == OrderState.EXPIRED


def test_a_differing_payment_of_a_paid_order_is_a_duplicate(
    database: Database, midtrans: MidtransSimulator, guest: int, place: Place, pay: Pay,
    start_paying: Callable[[PlacedOrder], PaymentAttempt],
    store_status: Callable[[PaymentAttempt], None], flags: Callable[[], list[ReviewFlag]],
    apply: Callable[[RefundPlan], AppliedRefund], books_agree: Callable[[], bool], sari: Buyer,
    now: datetime,
) -> None:  # fmt: skip
    placed = place((guest, 2), buyer=sari)
    first = start_paying(placed)
    midtrans.faults.set(amount_off=9_000)
    midtrans.push(first.key, "choose", "gopay")
    midtrans.push(first.key, "decline")
    midtrans.faults.set(amount_off=0)
    store_status(first)
    pay(placed)
    midtrans.push(first.key, "settle")
    store_status(first)
    seen = flags()

    request = RefundRequest(money=RefundScope.SURPLUS, reason="twice", flag=ReviewFlag.PAID_TWICE)
    applied = apply(plan_refund(database, placed.order.code, request, at=now, by="operator"))

    assert (seen, flags()) == ([ReviewFlag.PAID_TWICE], [])
    assert [one.amount for one in applied.refunds] == [Rupiah(109_000)]
    assert books_agree()
