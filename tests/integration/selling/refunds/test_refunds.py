"""Tests of refunds: planned, applied once, with all their effects."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

import pytest

from simulators.midtrans.faults import MidtransResponseFault
from simulators.midtrans.server import MidtransSimulator
from ticketing.catalogue.promo_code import NewPromo, PromoKind
from ticketing.catalogue.promo_codes import add_promo, list_promo_usage
from ticketing.catalogue.stock import Stock
from ticketing.events.model import Event
from ticketing.orders.order import Buyer, OrderState, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState, PaymentStatus, ReportedRefund
from ticketing.orders.refund import Refund, RefundChannel, RefundFee, RefundState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import PlanOutdated, RefundRefused
from ticketing.platform.kernel.money import Rupiah
from ticketing.reporting.sales_checks import check_refunds_within_payments
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans, MidtransAccount
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.refunds.outcome import (
    REFUND_RETRIES,
    cancel_refund,
    mark_transferred,
    record_refund_postponed,
    retry_failed_refunds,
    retry_refund,
)
from ticketing.selling.refunds.refund_plan import RefundPlan
from ticketing.selling.refunds.send_refunds import SendRefundsResult, send_refunds
from ticketing.selling.refunds.service import AppliedRefund, apply_refund

Sell = Callable[..., int]
Place = Callable[..., PlacedOrder]
Pay = Callable[..., PaymentAttempt]
Plan = Callable[..., RefundPlan]
Apply = Callable[..., AppliedRefund]
GatewayRefunds = Callable[[PaymentAttempt], list[tuple[str, int]]]
StateOf = Callable[[PlacedOrder], OrderState]
RefundsOf = Callable[[PlacedOrder], list[Refund]]


@pytest.fixture
def vip(sell: Sell) -> int:
    """Sell a ticket type of ten places at Rp100.000."""
    return sell("VIP", capacity=10, price=100_000)


def test_a_full_refund_ends_the_order_its_entitlements_and_tickets(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, issue_missing: Callable[[], None],
    gateway_refunds: GatewayRefunds, state_of: StateOf, stock_of: Callable[[int], Stock],
    live_tickets: Callable[[], list[str]], count_entitled: Callable[[], int],
    refunded_of: Callable[[PlacedOrder], Rupiah], flags: Callable[[], list[ReviewFlag]],
    is_consistent: Callable[[], bool], sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)
    issue_missing()

    done = apply(plan(placed, reason="cannot come"))

    assert [one.state for one in done.refunds] == [RefundState.DONE]
    assert gateway_refunds(attempt) == [(f"{attempt.key}-R1", 200_000)]
    assert state_of(placed) is OrderState.CANCELLED
    assert (stock_of(vip), count_entitled(), live_tickets()) == (Stock(10, 0, 0), 0, [])
    assert (refunded_of(placed), flags()) == (Rupiah(200_000), [])
    assert is_consistent()


def test_a_partial_refund_by_places_keeps_the_other_places(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, issue_missing: Callable[[], None],
    gateway_refunds: GatewayRefunds, state_of: StateOf, stock_of: Callable[[int], Stock],
    live_tickets: Callable[[], list[str]], flags: Callable[[], list[ReviewFlag]],
    is_consistent: Callable[[], bool], sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 3), buyer=sari)
    attempt = pay(placed)
    issue_missing()
    first, _, third = live_tickets()

    apply(plan(placed, places=(2,)))

    assert gateway_refunds(attempt) == [(f"{attempt.key}-R1", 100_000)]
    assert (state_of(placed), stock_of(vip)) == (OrderState.PAID, Stock(10, 0, 2))
    assert (live_tickets(), flags()) == ([first, third], [])
    assert is_consistent()


def test_partial_refunds_add_up_to_the_total(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, gateway_refunds: GatewayRefunds,
    state_of: StateOf, stock_of: Callable[[int], Stock], is_consistent: Callable[[], bool],
    store_status: Callable[[PaymentAttempt], None], refunded_of: Callable[[PlacedOrder], Rupiah],
    flags: Callable[[], list[ReviewFlag]], sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 3), buyer=sari)
    attempt = pay(placed)
    apply(plan(placed, places=(1,)))
    store_status(attempt)

    apply(plan(placed))
    store_status(attempt)

    assert [amount for _, amount in gateway_refunds(attempt)] == [100_000, 200_000]
    assert (state_of(placed), stock_of(vip)) == (OrderState.CANCELLED, Stock(10, 0, 0))
    assert (refunded_of(placed), flags()) == (Rupiah(300_000), [])
    assert is_consistent()


def test_a_refunded_place_no_longer_counts_for_its_buyer(
    sell: Sell, place: Place, pay: Pay, plan: Plan, apply: Apply, sari: Buyer
) -> None:
    seat = sell("Seat", price=100_000, max_per_buyer=2)
    placed = place((seat, 2), buyer=sari)
    pay(placed)
    apply(plan(placed, places=(1,)))

    again = place((seat, 1), buyer=sari)

    assert again.order.state is OrderState.PENDING


def test_an_amount_alone_ends_no_place(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, gateway_refunds: GatewayRefunds,
    state_of: StateOf, stock_of: Callable[[int], Stock], sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)

    apply(plan(placed, places=(), amount=Rupiah(25_000), reason="the rain"))

    assert gateway_refunds(attempt) == [(f"{attempt.key}-R1", 25_000)]
    assert (state_of(placed), stock_of(vip)) == (OrderState.PAID, Stock(10, 0, 2))


def test_a_fee_is_kept(
    vip: int,
    place: Place,
    pay: Pay,
    plan: Plan,
    apply: Apply,
    gateway_refunds: GatewayRefunds,
    sari: Buyer,
) -> None:
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)

    planned = plan(placed, fee=RefundFee(10, Rupiah(5_000)))
    apply(planned)

    assert (planned.worth, planned.kept) == (Rupiah(200_000), Rupiah(30_000))
    assert gateway_refunds(attempt) == [(f"{attempt.key}-R1", 170_000)]


def test_a_free_order_can_be_refunded_too(
    sell: Sell, place: Place, plan: Plan, apply: Apply, state_of: StateOf,
    stock_of: Callable[[int], Stock], refunds_of: RefundsOf, sari: Buyer,
) -> None:  # fmt: skip
    free = sell("Free", capacity=5, price=0)
    placed = place((free, 2), buyer=sari)

    apply(plan(placed))

    assert (state_of(placed), stock_of(free)) == (OrderState.CANCELLED, Stock(5, 0, 0))
    assert refunds_of(placed) == []


@pytest.mark.parametrize("method", ["bca_va", "echannel", "alfamart"])
def test_a_refund_the_channel_does_not_support_waits_for_staff(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, gateway_refunds: GatewayRefunds,
    messages: Callable[[], list[tuple[str, str]]], live_tickets: Callable[[], list[str]],
    refunded_of: Callable[[PlacedOrder], Rupiah], sari: Buyer, method: str,
) -> None:  # fmt: skip
    placed = place((vip, 1), buyer=sari)
    attempt = pay(placed, method)

    done = apply(plan(placed))

    assert [(one.channel, one.state) for one in done.refunds] == [
        (RefundChannel.MANUAL, RefundState.MANUAL)
    ]
    assert (gateway_refunds(attempt), live_tickets()) == ([], [])
    assert ("refund.to_transfer", "organiser") in messages()
    assert refunded_of(placed) == Rupiah(0)


def test_a_partial_refund_of_a_full_refund_only_method_waits_for_staff(
    vip: int, place: Place, pay: Pay, plan: Plan, sari: Buyer
) -> None:
    placed = place((vip, 2), buyer=sari)
    pay(placed, "shopeepay")

    part, whole = plan(placed, places=(1,)), plan(placed)

    assert (part.parts[0].channel, whole.parts[0].channel) == (
        RefundChannel.MANUAL,
        RefundChannel.GATEWAY,
    )


def test_a_plan_is_outdated_by_any_change_of_the_order(
    vip: int,
    place: Place,
    pay: Pay,
    plan: Plan,
    apply: Apply,
    gateway_refunds: GatewayRefunds,
    sari: Buyer,
) -> None:
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)
    old = plan(placed)
    apply(plan(placed, places=(1,)))

    with pytest.raises(PlanOutdated, match="plan again"):
        apply(old)

    assert gateway_refunds(attempt) == [(f"{attempt.key}-R1", 100_000)]


def test_another_order_s_plan_is_no_plan(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, sari: Buyer
) -> None:
    one, other = place((vip, 1), buyer=sari), place((vip, 1), buyer=sari)
    pay(one)
    pay(other)

    with pytest.raises(PlanOutdated, match="no plan with this hash"):
        apply(replace(plan(one), order_code=other.order.code))


def test_a_plan_applied_twice_is_executed_once(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, gateway_refunds: GatewayRefunds,
    stock_of: Callable[[int], Stock], messages: Callable[[], list[tuple[str, str]]], sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)
    planned = plan(placed, places=(1,))

    first, second = apply(planned), apply(planned)

    assert (first.is_new, second.is_new) == (True, False)
    assert gateway_refunds(attempt) == [(f"{attempt.key}-R1", 100_000)]
    assert stock_of(vip) == Stock(10, 0, 1)
    assert messages().count(("order.refund", "sari@example.org")) == 1


def test_a_plan_applied_concurrently_is_executed_once(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, gateway_refunds: GatewayRefunds,
    stock_of: Callable[[int], Stock], refunds_of: RefundsOf, is_consistent: Callable[[], bool],
    sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)
    planned = plan(placed, places=(1,))

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(apply, [planned] * 6))

    assert [one.is_new for one in done].count(True) == 1
    assert gateway_refunds(attempt) == [(f"{attempt.key}-R1", 100_000)]
    assert [one.state for one in refunds_of(placed)] == [RefundState.DONE]
    assert stock_of(vip) == Stock(10, 0, 1)
    assert is_consistent()


def test_more_than_is_left_is_refused(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, sari: Buyer
) -> None:
    placed = place((vip, 2), buyer=sari)
    pay(placed)
    apply(plan(placed, places=(), amount=Rupiah(150_000)))

    with pytest.raises(RefundRefused, match=r"Rp50\.000 is left"):
        plan(placed, places=(), amount=Rupiah(50_001))


def test_a_pending_order_has_nothing_to_refund(
    vip: int, place: Place, plan: Plan, sari: Buyer
) -> None:
    with pytest.raises(RefundRefused, match="is pending"):
        plan(place((vip, 2), buyer=sari))


def test_a_refunded_place_is_not_refunded_again(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, sari: Buyer
) -> None:
    placed = place((vip, 2), buyer=sari)
    pay(placed)
    apply(plan(placed, places=(2,)))

    with pytest.raises(RefundRefused, match="no place 2 to refund; it has 1"):
        plan(placed, places=(2,))


def test_a_promo_code_counts_as_used_until_the_whole_order_is_refunded(
    vip: int, database: Database, event: Event, place: Place, pay: Pay, plan: Plan, apply: Apply,
    gateway_refunds: GatewayRefunds, is_consistent: Callable[[], bool], sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    new = NewPromo("HALF", PromoKind.PERCENT, 50, now, event.ends_at, 1)
    add_promo(database, event, new, ticket_type="VIP", by="operator")
    placed = place((vip, 2), buyer=sari, promo="half")
    attempt = pay(placed)
    used = [list_promo_usage(database, event)[0].used]

    apply(plan(placed, places=(1,)))
    used.append(list_promo_usage(database, event)[0].used)
    apply(plan(placed))
    used.append(list_promo_usage(database, event)[0].used)

    assert used == [1, 1, 0]
    assert [amount for _, amount in gateway_refunds(attempt)] == [50_000, 50_000]
    assert is_consistent()


def test_a_refund_made_in_the_dashboard_is_stored_and_not_repeated(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, client: Midtrans,
    store_status: Callable[[PaymentAttempt], None], gateway_refunds: GatewayRefunds,
    refunds_of: RefundsOf,
    flags: Callable[[], list[ReviewFlag]], refunded_of: Callable[[PlacedOrder], Rupiah],
    is_consistent: Callable[[], bool], sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)
    client.refund(attempt.key, key="by-hand", amount=Rupiah(150_000), reason="")
    store_status(attempt)
    seen = flags()

    planned = plan(placed)
    apply(planned)
    store_status(attempt)

    assert seen == [ReviewFlag.MONEY_RETURNED]
    assert planned.amount == Rupiah(50_000)
    assert [amount for _, amount in gateway_refunds(attempt)] == [150_000, 50_000]
    assert [one.channel for one in refunds_of(placed)] == [
        RefundChannel.EXTERNAL,
        RefundChannel.GATEWAY,
    ]
    assert refunded_of(placed) == Rupiah(200_000)
    assert is_consistent()


def test_a_payment_refunded_elsewhere_after_the_decision_stops_our_refund(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, client: Midtrans,
    gateway_refunds: GatewayRefunds, flags: Callable[[], list[ReviewFlag]],
    is_consistent: Callable[[],
    bool],
    sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)
    planned = plan(placed, places=(1,))
    client.refund(attempt.key, key="by-hand", amount=Rupiah(100_000), reason="")

    done = apply(planned)

    assert gateway_refunds(attempt) == [("by-hand", 100_000)]
    assert RefundState.FAILED in {one.state for one in done.refunds}
    assert set(flags()) == {ReviewFlag.MONEY_RETURNED, ReviewFlag.REFUND_FAILED}
    assert is_consistent()


def test_a_bank_that_took_the_payment_back_gets_no_refund(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, midtrans: MidtransSimulator,
    gateway_refunds: GatewayRefunds, sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)
    planned = plan(placed)
    midtrans.push(attempt.key, "chargeback")

    done = apply(planned)

    assert [one.state for one in done.refunds] == [RefundState.FAILED]
    assert gateway_refunds(attempt) == []
    with pytest.raises(RefundRefused):
        plan(placed)


def test_a_refund_whose_response_was_lost_is_read_back(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, midtrans: MidtransSimulator,
    gateway_refunds: GatewayRefunds, sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)
    planned = plan(placed)
    midtrans.faults.set(
        answers=[MidtransResponseFault("act-then-hang-up", times=3, path="/refund")]
    )

    lost = apply(planned)
    found = apply(planned)

    assert [one.state for one in lost.refunds] == [RefundState.SENT]
    assert [one.state for one in found.refunds] == [RefundState.DONE]
    assert gateway_refunds(attempt) == [(f"{attempt.key}-R1", 200_000)]


def test_an_unavailable_gateway_is_asked_again(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, midtrans: MidtransSimulator,
    database: Database, client: Midtrans, gateway_refunds: GatewayRefunds, sari: Buyer,
    now: datetime,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)
    midtrans.faults.set(answers=[MidtransResponseFault("error", times=3)])

    waiting = apply(plan(placed))
    sent = send_refunds(database, client, at=now, by="schedule")

    assert [(one.state, one.gateway_message) for one in waiting.refunds] == [
        (RefundState.REQUESTED, "Midtrans: Sorry, we encountered internal errors.")
    ]
    assert sent == SendRefundsResult(done=1, failed=0, waiting=0)
    assert len(gateway_refunds(attempt)) == 1


def test_a_card_that_is_not_settled_yet_waits(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, midtrans: MidtransSimulator,
    gateway_refunds: GatewayRefunds, sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed, "credit_card")
    planned = plan(placed)

    waiting = apply(planned)
    midtrans.push(attempt.key, "settle")
    done = apply(planned)

    assert [(one.state, one.gateway_message) for one in waiting.refunds] == [
        (RefundState.REQUESTED, "the card payment is not settled yet")
    ]
    assert [one.state for one in done.refunds] == [RefundState.DONE]
    assert len(gateway_refunds(attempt)) == 1


def test_a_refused_refund_stays_outstanding_until_it_is_retried(
    vip: int,
    place: Place,
    pay: Pay,
    plan: Plan,
    apply: Apply,
    midtrans: MidtransSimulator,
    database: Database,
    client: Midtrans,
    gateway_refunds: GatewayRefunds,
    flags: Callable[[], list[ReviewFlag]],
    sari: Buyer,
    now: datetime,
) -> None:
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)
    midtrans.faults.set(refunds_denied=2)
    failed = apply(plan(placed))
    seen = flags()

    retry_refund(database, placed.order.code, key=None, at=now, by="operator")
    send_refunds(database, client, at=now, by="operator")
    refused_again = flags()
    retry_refund(database, placed.order.code, key=None, at=now, by="operator")
    sent = send_refunds(database, client, at=now, by="operator")

    assert [one.state for one in failed.refunds] == [RefundState.FAILED]
    assert (seen, refused_again, flags()) == (*[[ReviewFlag.REFUND_FAILED]] * 2, [])
    assert (sent.done, len(gateway_refunds(attempt))) == (1, 1)


def test_a_transfer_by_hand_ends_a_refund_once(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, database: Database,
    refunded_of: Callable[[PlacedOrder], Rupiah], is_consistent: Callable[[], bool], sari: Buyer,
    now: datetime,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    pay(placed, "bca_va")
    apply(plan(placed, places=(1,)))
    said = {"key": None, "reference": "BCA 4711", "at": now, "by": "finance"}

    once = mark_transferred(database, placed.order.code, **said)
    again = mark_transferred(database, placed.order.code, **said)

    assert once == again
    assert (once.state, once.reference) == (RefundState.DONE, "BCA 4711")
    assert refunded_of(placed) == Rupiah(100_000)
    assert is_consistent()
    with pytest.raises(RefundRefused, match="is done already, with reference"):
        mark_transferred(database, placed.order.code, **said | {"reference": "BCA 4712"})


def test_a_dropped_refund_can_be_planned_again(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, database: Database, sari: Buyer,
    now: datetime,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    pay(placed, "bca_va")
    apply(plan(placed, places=(), amount=Rupiah(200_000)))

    cancel_refund(database, placed.order.code, key=None, reason="a mistake", at=now, by="finance")

    assert plan(placed).amount == Rupiah(200_000)


def test_a_manual_transfer_after_a_refusal_is_not_taken_for_a_gateway_refund(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, midtrans: MidtransSimulator,
    client: Midtrans, database: Database, store_status: Callable[[PaymentAttempt], None],
    refunded_of: Callable[[PlacedOrder], Rupiah], is_consistent: Callable[[], bool], sari: Buyer,
    now: datetime,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)
    midtrans.faults.set(refunds_denied=1)
    apply(plan(placed))
    mark_transferred(
        database, placed.order.code, key=None, reference="BCA 4711", at=now, by="finance"
    )  # fmt: skip
    proven = is_consistent()

    client.refund(attempt.key, key="by-hand", amount=Rupiah(200_000), reason="")
    store_status(attempt)

    assert proven
    assert refunded_of(placed) == Rupiah(400_000)
    assert not is_consistent()
    found = check_refunds_within_payments(database)
    assert [one.subject for one in found.violations] == [attempt.key]


def test_the_gateways_notification_of_our_refund_raises_no_review_flag(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, database: Database,
    store_status: Callable[[PaymentAttempt], None], flags: Callable[[], list[ReviewFlag]],
    sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)

    apply(plan(placed, places=(1,)))
    with database.transaction() as connection:
        before = attempt_queries.get(connection, attempt.id)
    store_status(attempt)
    with database.transaction() as connection:
        after = attempt_queries.get(connection, attempt.id)

    assert before.refunded == after.refunded == Rupiah(100_000)
    assert after.state is AttemptState.PARTLY_REFUNDED
    assert flags() == []


def test_a_refund_that_waits_too_long_is_shown_to_staff(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, database: Database,
    client: Midtrans, midtrans: MidtransSimulator, flags: Callable[[], list[ReviewFlag]],
    gateway_refunds: GatewayRefunds, sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    placed = place((vip, 1), buyer=sari)
    attempt = pay(placed, "credit_card")
    planned = plan(placed)
    for _ in range(REFUND_RETRIES.max_attempts):
        apply(planned)
    seen = flags()
    midtrans.push(attempt.key, "settle")

    send_refunds(database, client, at=now, by="schedule")

    assert (seen, flags()) == ([ReviewFlag.REFUND_FAILED], [])
    assert len(gateway_refunds(attempt)) == 1


def test_a_reversed_payment_releases_only_the_remaining_places(
    vip: int, place: Place, begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    receive_status: Callable[..., object], plan: Plan, apply: Apply, state_of: StateOf,
    stock_of: Callable[[int], Stock], is_consistent: Callable[[], bool], sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 3), buyer=sari)
    attempt = begin_payment(placed)
    receive_status(attempt, AttemptState.SETTLED)
    apply(plan(placed, places=(1,)))

    receive_status(attempt, AttemptState.DENIED)

    assert (state_of(placed), stock_of(vip)) == (OrderState.CANCELLED, Stock(10, 0, 0))
    assert is_consistent()


def test_a_reported_refund_without_a_key_is_identified_by_its_position(
    vip: int, place: Place, pay: Pay, plan: Plan, database: Database, refunds_of: RefundsOf,
    sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)
    told = (ReportedRefund("", Rupiah(30_000)), ReportedRefund("", Rupiah(30_000)))
    said = PaymentStatus(
        attempt.key,
        "tx",
        AttemptState.PARTLY_REFUNDED,
        attempt.amount,
        Rupiah(60_000),
        "qris",
        told,
    )

    for _ in range(2):
        with database.transaction() as connection:
            record_payment(connection, attempt, said, at=now, by="worker")

    assert [(one.key, one.amount) for one in refunds_of(placed)] == [
        (f"{attempt.key}/1", Rupiah(30_000)),
        (f"{attempt.key}/2", Rupiah(30_000)),
    ]
    assert plan(placed).amount == Rupiah(140_000)


def test_an_unlisted_refunded_amount_is_not_refunded_again(
    vip: int, place: Place, pay: Pay, plan: Plan, database: Database, sari: Buyer, now: datetime
) -> None:
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)
    said = PaymentStatus(
        attempt.key, "tx", AttemptState.PARTLY_REFUNDED, attempt.amount, Rupiah(60_000)
    )

    with database.transaction() as connection:
        record_payment(connection, attempt, said, at=now, by="worker")

    assert plan(placed).amount == Rupiah(140_000)


def test_a_wrong_key_fails_no_refund(
    vip: int, place: Place, pay: Pay, plan: Plan, database: Database, midtrans: MidtransSimulator,
    sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    placed = place((vip, 1), buyer=sari)
    pay(placed)
    planned = plan(placed)

    with Midtrans(MidtransAccount.for_base_url(midtrans.url, "SB-Mid-server-WRONG")) as stranger:
        done = apply_refund(
            database, stranger, placed.order.code, plan_hash=planned.plan_hash, at=now, by="x"
        )  # fmt: skip

    assert [one.state for one in done.refunds] == [RefundState.REQUESTED]
    assert "Access denied" in done.refunds[0].gateway_message


def test_all_failed_refunds_are_retried_together(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, midtrans: MidtransSimulator,
    database: Database, event: Event, client: Midtrans, gateway_refunds: GatewayRefunds,
    flags: Callable[[], list[ReviewFlag]], sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    placed = [place((vip, 1), buyer=sari) for _ in range(3)]
    attempts = [pay(one) for one in placed]
    midtrans.faults.set(refunds_denied=3)
    for one in placed:
        apply(plan(one))

    again = retry_failed_refunds(database, event, at=now, by="finance")
    sent = send_refunds(database, client, at=now, by="finance")

    assert (len(again), sent.done) == (3, 3)
    assert [len(gateway_refunds(one)) for one in attempts] == [1, 1, 1]
    assert flags() == []


def test_postponing_a_finished_refund_changes_nothing(
    vip: int, place: Place, pay: Pay, plan: Plan, apply: Apply, database: Database,
    refunds_of: RefundsOf, sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    placed = place((vip, 1), buyer=sari)
    pay(placed)
    (done,) = apply(plan(placed)).refunds

    with database.transaction() as connection:
        record_refund_postponed(connection, done, "no answer", at=now)

    assert refunds_of(placed) == [done]
