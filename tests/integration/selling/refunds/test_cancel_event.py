"""Tests of cancelling an event: orders end, payments are refunded once, tickets are revoked."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import update

from simulators.midtrans.faults import MidtransResponseFault
from simulators.midtrans.server import MidtransSimulator
from ticketing.catalogue.stock import Stock
from ticketing.catalogue.ticket_types import SaleTerms, open_sale
from ticketing.events.model import Event
from ticketing.orders.order import Buyer, OrderState, ReviewFlag
from ticketing.orders.refund import RefundFee, RefundState
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.refunds import refunds
from ticketing.platform.kernel.errors import NotOnSale, PlanOutdated
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.cancellation.cancel_event import CancellationResult, cancel_event
from ticketing.selling.cancellation.plan_cancellation import (
    CancellationPlan,
    OtherEnvironment,
    plan_cancellation,
)
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments import checkout_session_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.refunds.refund_plan import RefundPlan
from ticketing.selling.refunds.service import AppliedRefund
from ticketing.tickets.missing import count_missing_tickets

Place = Callable[..., PlacedOrder]
Pay = Callable[..., PaymentAttempt]
MakePlan = Callable[..., CancellationPlan]
Cancel = Callable[..., CancellationResult]
GatewayRefunds = Callable[[PaymentAttempt], list[tuple[str, int]]]
StateOf = Callable[[PlacedOrder], OrderState]


@pytest.fixture
def vip(sell: Callable[..., int]) -> int:
    """Sell a ticket type of ten places at Rp100.000."""
    return sell("VIP", capacity=10, price=100_000)


@pytest.fixture
def make_plan(database: Database, event: Event, now: datetime) -> MakePlan:
    """Return a function that plans the cancellation of the event."""

    def planned(fee: RefundFee = RefundFee()) -> CancellationPlan:  # noqa: B008 - a frozen value
        return plan_cancellation(database, event, fee=fee, reason="rain", at=now, by="operator")

    return planned


@pytest.fixture
def cancel(database: Database, client: Midtrans, event: Event, now: datetime) -> Cancel:
    """Return a function that applies the cancellation plan."""

    def done(planned: CancellationPlan) -> CancellationResult:
        return cancel_event(
            database, client, event, plan_hash=planned.plan_hash, at=now, by="operator"
        )

    return done


def test_every_order_ends_and_every_buyer_is_notified(
    vip: int, database: Database, event: Event, place: Place, pay: Pay, make_plan: MakePlan,
    cancel: Cancel, add_guests: Callable[..., list[int]], issue_missing: Callable[[], None],
    live_tickets: Callable[[], list[str]], gateway_refunds: GatewayRefunds, state_of: StateOf,
    stock_of: Callable[[int], Stock], messages: Callable[[], list[tuple[str, str]]],
    is_consistent: Callable[[], bool], sari: Buyer, budi: Buyer, now: datetime,
) -> None:  # fmt: skip
    paid, by_bank = place((vip, 2), buyer=sari), place((vip, 1), buyer=budi)
    attempts = [pay(paid), pay(by_bank, "bca_va")]
    pending = place((vip, 1), buyer=budi)
    add_guests(event, 2)
    issue_missing()

    planned = make_plan()
    done = cancel(planned)

    assert (planned.pending, len(planned.refunds), planned.live_tickets) == (1, 2, 5)
    assert (planned.amount, planned.manual_amount) == (Rupiah(300_000), Rupiah(100_000))
    assert done == CancellationResult(ended=3, left=0, tickets=5, outstanding_refunds=1)
    assert [len(gateway_refunds(one)) for one in attempts] == [1, 0]
    assert {state_of(one) for one in (paid, by_bank, pending)} == {OrderState.CANCELLED}
    assert (stock_of(vip), live_tickets()) == (Stock(10, 0, 0), [])
    assert count_missing_tickets(database, event, at=now) == 0
    told = [message for message in messages() if message[0].startswith("event.cancelled")]
    assert sorted(told) == [
        ("event.cancelled", "budi@example.org"),
        ("event.cancelled.refund", "budi@example.org"),
        ("event.cancelled.refund", "sari@example.org"),
    ]
    assert is_consistent()


def test_a_cancelled_event_sells_nothing(
    vip: int, database: Database, event: Event, place: Place, make_plan: MakePlan, cancel: Cancel,
    sari: Buyer,
) -> None:  # fmt: skip
    cancel(make_plan())

    with pytest.raises(NotOnSale):
        place((vip, 1), buyer=sari)
    with pytest.raises(NotOnSale, match="was cancelled"):
        open_sale(database, event, "VIP", SaleTerms(), by="operator")


def test_an_order_that_is_being_paid_meanwhile_is_refunded_too(
    vip: int, place: Place, make_plan: MakePlan, cancel: Cancel, midtrans: MidtransSimulator,
    start_paying: Callable[[PlacedOrder], PaymentAttempt], gateway_refunds: GatewayRefunds,
    state_of: StateOf,
    count_entitled: Callable[[], int], flags: Callable[[], list[ReviewFlag]],
    is_consistent: Callable[[], bool], sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    planned = make_plan()
    attempt = start_paying(placed)
    midtrans.push(attempt.key, "pay", "gopay")

    done = cancel(planned)

    assert (done.left, done.outstanding_refunds) == (0, 0)
    assert [amount for _, amount in gateway_refunds(attempt)] == [200_000]
    assert (state_of(placed), count_entitled()) == (OrderState.CANCELLED, 0)
    assert flags() == []
    assert is_consistent()


def test_payments_concurrent_with_the_cancellation_are_all_refunded(
    vip: int,
    place: Place,
    make_plan: MakePlan,
    cancel: Cancel,
    midtrans: MidtransSimulator,
    start_paying: Callable[[PlacedOrder], PaymentAttempt],
    store_status: Callable[[PaymentAttempt], None],
    gateway_refunds: GatewayRefunds,
    count_entitled: Callable[[], int],
    is_consistent: Callable[[], bool],
    sari: Buyer,
) -> None:
    attempts = [start_paying(place((vip, 1), buyer=sari)) for _ in range(8)]
    for attempt in attempts:
        midtrans.push(attempt.key, "choose", "gopay")
    planned = make_plan()

    with ThreadPoolExecutor(4) as pool:
        off = pool.submit(cancel, planned)
        for attempt in attempts:
            midtrans.bank.push(attempt.key, "settle")
            pool.submit(store_status, attempt)
    off.result()
    cancel(planned)

    assert [[amount for _, amount in gateway_refunds(one)] for one in attempts] == [[100_000]] * 8
    assert count_entitled() == 0
    assert is_consistent()


def test_an_event_with_orders_of_a_rehearsal_is_not_cancelled_before_they_are_cleared(
    vip: int, database_url: str, event: Event, place: Place, sari: Buyer, now: datetime
) -> None:
    place((vip, 2), buyer=sari)
    production = Database.from_url(database_url, environment="production")
    with pytest.raises(OtherEnvironment, match=r"1 orders placed in simulator; .*go-live --event"):
        plan_cancellation(production, event, fee=RefundFee(), reason="", at=now, by="operator")
    production.dispose()


def test_a_cancellation_that_has_begun_leaves_orders_of_a_rehearsal_alone_and_ends(
    vip: int, database: Database, place: Place, pay: Pay, make_plan: MakePlan, cancel: Cancel,
    gateway_refunds: GatewayRefunds, state_of: StateOf, sari: Buyer,
) -> None:  # fmt: skip
    rehearsed = place((vip, 1), buyer=sari)
    attempt = pay(rehearsed)
    planned = make_plan()
    cancel(planned)
    with database.transaction() as connection:  # as a cancellation of an older version left it
        connection.execute(update(orders).values(environment="sandbox", state=OrderState.PAID))
        connection.execute(update(refunds).values(state=RefundState.REQUESTED, completed_at=None))

    done = cancel(planned)

    assert (done.ended, done.left, done.outstanding_refunds) == (0, 0, 0)
    assert state_of(rehearsed) is OrderState.PAID
    assert len(gateway_refunds(attempt)) == 1  # before


def test_a_payment_in_progress_is_cancelled_and_an_unused_payment_page_is_closed(
    vip: int, database: Database, place: Place, make_plan: MakePlan, cancel: Cancel,
    midtrans: MidtransSimulator, start_paying: Callable[[PlacedOrder], PaymentAttempt],
    sari: Buyer, budi: Buyer,
) -> None:  # fmt: skip
    attempt = start_paying(place((vip, 2), buyer=sari))
    midtrans.push(attempt.key, "choose", "bca_va")
    unused = start_paying(place((vip, 1), buyer=budi))
    with database.transaction() as connection:
        checkout_session_queries.store(connection, unused.id, token=unused.key, url="x")

    cancel(make_plan())

    assert database.run(checkout_session_queries.list_open_for_order, unused.order_id) == []
    assert midtrans.bank.status(attempt.key)["transaction_status"] == "cancel"


def test_a_late_payment_is_refunded_when_the_plan_is_applied_again(
    vip: int,
    place: Place,
    make_plan: MakePlan,
    cancel: Cancel,
    midtrans: MidtransSimulator,
    start_paying: Callable[[PlacedOrder], PaymentAttempt],
    store_status: Callable[[PaymentAttempt], None],
    gateway_refunds: GatewayRefunds,
    flags: Callable[[], list[ReviewFlag]],
    is_consistent: Callable[[], bool],
    sari: Buyer,
) -> None:
    attempt = start_paying(place((vip, 2), buyer=sari))
    midtrans.push(attempt.key, "choose", "gopay")
    planned = make_plan()
    cancel(planned)
    midtrans.push(attempt.key, "settle")
    store_status(attempt)
    seen = flags()

    cancel(planned)

    assert seen == [ReviewFlag.PAID_AFTER_CANCELLING]
    assert [amount for _, amount in gateway_refunds(attempt)] == [200_000]
    assert flags() == []
    assert is_consistent()


def test_a_late_payment_of_an_expired_order_completes_nothing_after_the_cancellation(
    vip: int,
    database: Database,
    client: Midtrans,
    place: Place,
    make_plan: MakePlan,
    cancel: Cancel,
    midtrans: MidtransSimulator,
    start_paying: Callable[[PlacedOrder], PaymentAttempt],
    store_status: Callable[[PaymentAttempt], None],
    state_of: StateOf,
    count_entitled: Callable[[], int],
    sari: Buyer,
) -> None:
    placed = place((vip, 2), buyer=sari)
    attempt = start_paying(placed)
    expire_orders(database, client, at=placed.order.expires_at, by="schedule")
    cancel(make_plan())
    midtrans.push(attempt.key, "pay", "gopay")

    store_status(attempt)

    assert (state_of(placed), count_entitled()) == (OrderState.EXPIRED, 0)


def test_a_fee_kept_before_is_not_refunded(
    vip: int, place: Place, pay: Pay, plan: Callable[..., RefundPlan],
    apply: Callable[[RefundPlan], AppliedRefund], make_plan: MakePlan, cancel: Cancel,
    gateway_refunds: GatewayRefunds, sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)
    apply(plan(placed, places=(1,), fee=RefundFee(10)))

    cancel(make_plan())

    assert [amount for _, amount in gateway_refunds(attempt)] == [90_000, 100_000]


def test_a_plan_that_does_not_hold_any_more_is_refused(
    vip: int, place: Place, pay: Pay, make_plan: MakePlan, cancel: Cancel, state_of: StateOf,
    sari: Buyer, budi: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    pay(placed)
    old = make_plan()
    pay(place((vip, 1), buyer=budi))

    with pytest.raises(PlanOutdated, match=r"now Rp300\.000 would be refunded for 2 orders"):
        cancel(old)

    assert state_of(placed) is OrderState.PAID


@pytest.mark.usefixtures("vip")
def test_an_unknown_plan_is_refused(make_plan: MakePlan, cancel: Cancel) -> None:
    with pytest.raises(PlanOutdated, match="no plan with this hash"):
        cancel(replace(make_plan(), plan_hash="0" * 64))


@pytest.mark.usefixtures("vip")
def test_an_event_is_cancelled_once(make_plan: MakePlan, cancel: Cancel) -> None:
    planned = make_plan()
    cancel(planned)

    with pytest.raises(NotOnSale, match="is cancelled already"):
        make_plan()
    with pytest.raises(PlanOutdated):
        cancel(replace(planned, plan_hash="0" * 64))


def test_an_order_that_cannot_be_ended_now_stops_no_other(
    vip: int, place: Place, pay: Pay, make_plan: MakePlan, cancel: Cancel,
    midtrans: MidtransSimulator, start_paying: Callable[[PlacedOrder], PaymentAttempt],
    state_of: StateOf, refunds_of: Callable[[PlacedOrder], list[object]],
    flags: Callable[[], list[ReviewFlag]], sari: Buyer, budi: Buyer,
) -> None:  # fmt: skip
    pending, paid = place((vip, 2), buyer=sari), place((vip, 1), buyer=budi)
    attempt = start_paying(pending)
    midtrans.push(attempt.key, "choose", "bca_va")
    pay(paid)
    planned = make_plan()
    midtrans.faults.set(answers=[MidtransResponseFault("error", times=3, path="/cancel")])

    first = cancel(planned)
    states = [state_of(pending), state_of(paid)]
    second = cancel(planned)

    assert (first.left, second.left) == (1, 0)
    assert states == [OrderState.PENDING, OrderState.CANCELLED]
    assert state_of(pending) is OrderState.CANCELLED
    assert [one.state for one in refunds_of(paid)] == [RefundState.DONE]
    assert flags() == []
