"""Tests of late payments by the choice of the event: accepted, refunded automatically, reviewed."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select

from simulators.midtrans.server import MidtransSimulator
from ticketing.events.model import Event
from ticketing.events.service import change_event
from ticketing.orders.order import Buyer, OrderState, ReviewFlag
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.operations import audit_log
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.refunds.refund_late_payments import refund_late_payments
from ticketing.selling.refunds.refund_plan import RefundPlan
from ticketing.selling.refunds.resolve_flag import dismiss_flag, refund_request_for_flag
from ticketing.selling.refunds.service import AppliedRefund, plan_refund

S, F = OrderState, ReviewFlag


@pytest.mark.parametrize(
    ("choice", "end", "places_left", "state", "raised", "refunded"),
    [
        ("accept", "expire", 0, S.EXPIRED, [F.PAID_LATE], 0),
        ("refund", "expire", 0, S.EXPIRED, [], 1),
        ("refund", "expire", 2, S.PAID, [], 0),
        ("refund", "cancel", 2, S.CANCELLED, [], 1),
        ("review", "expire", 2, S.EXPIRED, [F.PAID_LATE], 0),
    ],
)
def test_a_late_payment_is_handled_once_as_the_event_chooses(
    database: Database,
    event: Event,
    midtrans: MidtransSimulator,
    client: Midtrans,
    sell: Callable[..., int],
    place: Callable[..., PlacedOrder],
    start_paying: Callable[[PlacedOrder], PaymentAttempt],
    store_status: Callable[[PaymentAttempt], None],
    state_of: Callable[[PlacedOrder], OrderState],
    flags: Callable[[], list[ReviewFlag]],
    messages: Callable[[], list[tuple[str, str]]],
    gateway_refunds: Callable[[PaymentAttempt], list[tuple[str, int]]],
    is_consistent: Callable[[], bool],
    sari: Buyer,
    budi: Buyer,
    now: datetime,
    choice: str,
    end: str,
    places_left: int,
    state: OrderState,
    raised: list[ReviewFlag],
    refunded: int,
) -> None:
    change_event(database, event.slug, {"late_payments": choice}, by="operator")
    vip = sell("VIP", capacity=2, price=100_000)
    placed = place((vip, 2), buyer=sari)
    attempt = start_paying(placed)
    if end == "expire":
        expire_orders(database, client, at=placed.order.expires_at, by="schedule")
    else:
        cancel_order(database, placed.order.id, at=now, by="web")
    if not places_left:
        place((vip, 1), buyer=budi)
    midtrans.push(attempt.key, "pay", "gopay")
    store_status(attempt)

    decided = [refund_late_payments(database, client, at=now) for _ in range(2)]

    assert decided == [refunded, 0]
    assert (state_of(placed), flags()) == (state, raised)
    assert [amount for _, amount in gateway_refunds(attempt)] == [200_000] * refunded
    told = {(purpose, recipient) for purpose, recipient in messages()}
    assert (("order.refund", sari.contact) in told) is bool(refunded)
    questions = {f"order.{flag}" for flag in (F.PAID_LATE, F.PAID_AFTER_CANCELLING)}
    asked = {purpose for purpose, recipient in told if recipient == outbox.ORGANISER} & questions
    assert asked == {f"order.{flag}" for flag in raised}
    with database.transaction() as connection:
        by = select(audit_log.c.actor).where(audit_log.c.action == "orders.refund")
        assert list(connection.execute(by).scalars()) == ["automatic"] * refunded
    assert is_consistent()


@pytest.mark.parametrize(
    ("answer", "refunded", "raised"),
    [
        ("returned by hand", 0, [F.PAID_LATE]),
        ("refunded", 1, []),
        ("", 0, [F.PAID_LATE]),  # both wait for a decision
    ],
)
def test_only_the_late_payment_of_the_flag_is_refunded_and_nothing_beside_other_money(
    database: Database,
    event: Event,
    midtrans: MidtransSimulator,
    client: Midtrans,
    sell: Callable[..., int],
    place: Callable[..., PlacedOrder],
    start_paying: Callable[[PlacedOrder], PaymentAttempt],
    store_status: Callable[[PaymentAttempt], None],
    apply: Callable[[RefundPlan], AppliedRefund],
    flags: Callable[[], list[ReviewFlag]],
    messages: Callable[[], list[tuple[str, str]]],
    gateway_refunds: Callable[[PaymentAttempt], list[tuple[str, int]]],
    is_consistent: Callable[[], bool],
    sari: Buyer,
    budi: Buyer,
    now: datetime,
    answer: str,
    refunded: int,
    raised: list[ReviewFlag],
) -> None:
    change_event(database, event.slug, {"late_payments": "refund"}, by="operator")
    vip = sell("VIP", capacity=2, price=100_000)
    placed = place((vip, 2), buyer=sari)
    code, first = placed.order.code, start_paying(placed)
    midtrans.push(first.key, "choose", "gopay")
    midtrans.push(first.key, "decline")
    store_status(first)
    second = start_paying(placed)
    expire_orders(database, client, at=placed.order.expires_at, by="schedule")
    place((vip, 1), buyer=budi)
    midtrans.push(first.key, "settle")
    store_status(first)
    if answer == "refunded":
        request = refund_request_for_flag(F.PAID_LATE, reason="too late")
        apply(plan_refund(database, code, request, at=now, by="operator"))
    elif answer:
        dismiss_flag(database, code, F.PAID_LATE, reason=answer, at=now, by="operator")
    midtrans.push(second.key, "pay", "gopay")
    store_status(second)

    decided = [refund_late_payments(database, client, at=now) for _ in range(2)]

    assert decided == [refunded, 0]
    assert [amount for _, amount in gateway_refunds(second)] == [200_000] * refunded
    assert len(gateway_refunds(first)) == (answer == "refunded")
    assert flags() == raised
    assert (("order.paid_late", outbox.ORGANISER) in messages()) is bool(raised)
    assert is_consistent()
