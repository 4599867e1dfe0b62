"""Property test: after any sequence of operations on an order, the ledger agrees with it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.midtrans.server import MidtransSimulator
from tests.plugins.properties import examples
from ticketing.orders.order import Buyer, OrderState
from ticketing.orders.payment_attempt import AttemptState
from ticketing.orders.refund import Refund, RefundChannel, RefundState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Refused
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.ledger import queries as ledger_queries
from ticketing.selling.ledger.model import LedgerEntry, LedgerEntryKind, sum_entries
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.refunds.outcome import cancel_refund, mark_transferred, retry_refund
from ticketing.selling.refunds.refund_plan import RefundPlan, RefundScope
from ticketing.selling.refunds.resolve_flag import complete_late_order
from ticketing.selling.refunds.send_refunds import send_refunds

Operation = Callable[[PlacedOrder], object]
LedgerOf = Callable[[PlacedOrder], list[LedgerEntry]]
Pay = Callable[..., PaymentAttempt]
LOST = {AttemptState.REVERSED, AttemptState.CHARGED_BACK}


@pytest.fixture
def vip(sell: Callable[..., int]) -> int:
    """Sell a ticket type at Rp50.000 without a limit of places."""
    return sell("VIP")


@pytest.fixture
def ledger_of(database: Database) -> LedgerOf:
    """Return a function that reads an order's ledger entries and checks the ledger."""

    def fetch(placed: PlacedOrder) -> list[LedgerEntry]:
        with database.transaction() as connection:
            assert ledger_queries.list_mismatches(connection, limit=10) == []
            return ledger_queries.list_for_order(connection, placed.order.id)

    return fetch


@pytest.fixture
def attempts_of(database: Database) -> Callable[[PlacedOrder], list[PaymentAttempt]]:
    """Return a function that reads the payment attempts of an order."""

    def fetch(placed: PlacedOrder) -> list[PaymentAttempt]:
        with database.transaction() as connection:
            return attempt_queries.list_for_order(connection, placed.order.id)

    return fetch


@pytest.fixture
def operations(
    database: Database,
    client: Midtrans,
    midtrans: MidtransSimulator,
    start_paying: Callable[[PlacedOrder], PaymentAttempt],
    store_status: Callable[[PaymentAttempt], None],
    attempts_of: Callable[[PlacedOrder], list[PaymentAttempt]],
    plan: Callable[..., RefundPlan],
    apply: Callable[[RefundPlan], object],
    now: datetime,
) -> dict[str, Operation]:
    """Return the operations of buyers, gateway and clock by name; each may be refused."""

    def push(move: str, method: str = "") -> Operation:
        return lambda placed: midtrans.push(attempts_of(placed)[-1].key, move, method)

    def hear(placed: PlacedOrder) -> None:
        for attempt in attempts_of(placed):
            if client.get_payment_status(attempt.key) is not None:
                store_status(attempt)

    def end(how: Callable[..., object], **more: str) -> Operation:
        terms = {"key": None, "at": now, "by": "operator"} | more
        return lambda placed: how(database, placed.order.code, **terms)

    def denied(placed: PlacedOrder) -> None:
        midtrans.faults.set(refunds_denied=1)
        try:
            apply(plan(placed, places=(), amount=Rupiah(7_000)))
        finally:
            midtrans.faults.set(refunds_denied=0)

    hour = timedelta(hours=1)
    return {
        "begin to pay": start_paying,
        "pay by QRIS": push("pay", "other_qris"),
        "pay by transfer": push("pay", "bca_va"),
        "decline": push("decline", "bca_va"),
        "settle": push("settle"),
        "reverse": push("reverse"),
        "charge back": push("chargeback"),
        "charge back in part": push("partial_chargeback"),
        "hear": hear,
        "cancel": lambda placed: cancel_order(database, placed.order.id, at=now, by="web"),
        "expire": lambda _: expire_orders(database, client, at=now + hour, by="schedule"),
        "complete late": lambda placed: complete_late_order(
            database, placed.order.code, at=now, by="operator"
        ),
        "refund a part": lambda placed: apply(plan(placed, places=(), amount=Rupiah(10_000))),
        "refund a place": lambda placed: apply(plan(placed, places=(1,))),
        "refund all": lambda placed: apply(plan(placed)),
        "refund the surplus": lambda placed: apply(plan(placed, money=RefundScope.SURPLUS)),
        "refund is denied": denied,
        "send refunds": lambda _: send_refunds(database, client, at=now + hour, by="sensor"),
        "transfer": end(mark_transferred, reference="BCA 1"),
        "retry": end(retry_refund),
        "drop": end(cancel_refund, reason="settled in person"),
    }


STEPS = st.lists(
    st.sampled_from(
        [
            "hear", "hear", "hear", "begin to pay", "decline", "settle", "reverse", "charge back",
            "charge back in part", "cancel", "expire", "complete late", "refund a part",
            "refund a place", "refund all", "refund the surplus", "refund is denied",
            "send refunds", "transfer", "retry", "drop", "pay by QRIS", "pay by transfer",
        ]
    ),
    max_size=12,
)  # fmt: skip
PAID = ["begin to pay", "pay by QRIS", "hear"]
BEGINNINGS = st.sampled_from(
    [
        [],
        ["begin to pay"],
        PAID,
        [*PAID, "charge back", "hear"],
        [*PAID, "refund a part", "charge back", "hear"],
        [*PAID, "charge back in part", "hear", "refund all", "transfer"],
        [*PAID, "reverse", "hear"],
        [*PAID, "refund is denied", "retry"],
        [*PAID, "refund is denied", "transfer", "charge back", "hear"],
        ["begin to pay", "pay by transfer", "hear", "refund a place", "transfer"],
        ["begin to pay", "pay by QRIS", "cancel", "hear", "refund the surplus"],
        ["begin to pay", "decline", "hear", *PAID],
    ]
)


@settings(
    max_examples=examples(40),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(BEGINNINGS, STEPS)
@pytest.mark.slow
def test_the_ledger_agrees_with_every_sequence_of_operations(
    vip: int, place: Callable[..., PlacedOrder], operations: dict[str, Operation],
    ledger_of: LedgerOf, attempts_of: Callable[[PlacedOrder], list[PaymentAttempt]],
    refunds_of: Callable[[PlacedOrder], list[Refund]],
    refunded_of: Callable[[PlacedOrder], Rupiah], state_of: Callable[[PlacedOrder], OrderState],
    sari: Buyer, beginning: list[str], story: list[str],
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    known = ledger_of(placed)

    for step in [*beginning, *story]:
        with suppress(Refused, ValueError, IndexError):
            operations[step](placed)
        entries = ledger_of(placed)
        assert entries[: len(known)] == known
        known = entries

    sums, state = sum_entries(known), state_of(placed)
    assert sums.sale == (100_000 if state in {OrderState.PENDING, OrderState.PAID} else 0)
    attempts = attempts_of(placed)
    taken = sum(one.amount.amount for one in attempts if one.state.has_taken_money)
    captured = [entry.money for entry in known if entry.kind is LedgerEntryKind.CAPTURED]
    assert sum(captured) == taken
    if not any(one.state in LOST for one in attempts):
        assert sums.money == taken - refunded_of(placed).amount
    else:
        by_hand = sum(
            one.amount.amount
            for one in refunds_of(placed)
            if (one.channel, one.state) == (RefundChannel.MANUAL, RefundState.DONE)
        )
        kept = sum(
            one.amount.amount - one.refunded.amount
            for one in attempts
            if one.state.has_taken_money and one.state not in LOST
        )
        assert sums.money == kept - by_hand


def test_a_refund_is_recorded_with_its_key_and_its_actor(
    vip: int, place: Callable[..., PlacedOrder], pay: Pay,
    plan: Callable[..., RefundPlan], apply: Callable[[RefundPlan], object], ledger_of: LedgerOf,
    sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)

    apply(plan(placed, places=(1,)))

    *_, last = ledger_of(placed)
    assert (last.kind, last.subject, last.money) == (LedgerEntryKind.REFUNDED, attempt.key, -50_000)
    assert last.details["refunds"] == [f"{attempt.key}-R1"]
    assert last.details["method"] == "qris"


def test_a_manual_transfer_is_recorded_at_its_time(
    database: Database, vip: int, place: Callable[..., PlacedOrder], pay: Pay,
    plan: Callable[..., RefundPlan], apply: Callable[[RefundPlan], object], ledger_of: LedgerOf,
    sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    pay(placed, "bca_va")
    apply(plan(placed))
    promised = sum_entries(ledger_of(placed))

    tomorrow = now + timedelta(days=1)
    mark_transferred(
        database, placed.order.code, key=None, reference="BCA 1", at=tomorrow, by="cli:sari"
    )

    *_, last = ledger_of(placed)
    assert promised.money == 100_000
    assert (last.kind, last.money, last.at) == (LedgerEntryKind.REFUNDED, -100_000, tomorrow)
    assert last.actor == "cli:sari"


def test_a_chargeback_after_a_refund_is_recorded_with_the_remaining_amount(
    vip: int, place: Callable[..., PlacedOrder], pay: Pay,
    plan: Callable[..., RefundPlan], apply: Callable[[RefundPlan], object], ledger_of: LedgerOf,
    midtrans: MidtransSimulator, store_status: Callable[[PaymentAttempt], None], sari: Buyer,
) -> None:  # fmt: skip
    placed = place((vip, 2), buyer=sari)
    attempt = pay(placed)
    apply(plan(placed, places=(), amount=Rupiah(30_000)))

    midtrans.push(attempt.key, "chargeback")
    store_status(attempt)
    store_status(attempt)

    entries = ledger_of(placed)
    assert [(entry.kind.value, entry.money) for entry in entries if entry.money] == [
        ("payment.captured", 100_000),
        ("order.refunded", -30_000),
        ("payment.charged_back", -70_000),
    ]
