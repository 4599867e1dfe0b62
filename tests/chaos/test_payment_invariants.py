"""Tests of the payment invariants: each kind of violation is found, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from chaos.payment_invariants import PaymentSnapshot, find_violations
from simulators.midtrans.methods import METHODS
from simulators.midtrans.transaction import Transaction

KEY = "ORD-A-01"


@pytest.fixture
def snapshot() -> PaymentSnapshot:
    """Return a snapshot of one paid order of two places with two printed tickets."""
    return PaymentSnapshot(
        orders={1: ("paid", 100_000, KEY)},
        attempts={KEY: 1},
        places={1: 2},
        tickets={1: ["a.pdf", "b.pdf"]},
        open_flags={},
        unhandled_count=0,
        quarantined_count=0,
        counter_errors=[],
    )


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    for name in ("a.pdf", "b.pdf"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def build_transaction() -> Callable[..., Transaction]:
    """Return a function that builds a payment as the gateway stores it."""

    def paid(key: str = KEY, amount: int = 100_000, status: str = "settlement") -> Transaction:
        now = datetime(2026, 11, 20, tzinfo=UTC)
        payment = Transaction(key, "", METHODS["gopay"], amount, now, None, (), {}, uuid4())
        payment.status = status
        return payment

    return paid


def test_a_paid_order_with_its_tickets_is_no_violation(
    snapshot: PaymentSnapshot, build_transaction: Callable[..., Transaction], documents: Path
) -> None:
    assert [
        *find_violations(
            snapshot, [build_transaction()], confirmed_order_ids=[1], documents=documents
        )
    ] == []


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        ({"orders": {}, "places": {}, "tickets": {}}, "was confirmed but does not exist"),
        ({"attempts": {}}, "an unknown payment attempt"),
        ({"tickets": {1: ["a.pdf"]}}, "1 tickets, not 2"),
        ({"tickets": {1: ["a.pdf", "b.pdf", "b.pdf"]}}, "3 tickets, not 2"),
        ({"tickets": {1: ["a.pdf", "c.pdf"]}}, "tickets without PDF"),
        ({"tickets": {1: ["a.pdf", ""]}}, "tickets without PDF"),
        ({"orders": {1: ("paid", 90_000, KEY)}}, "with Rp100000"),
        ({"orders": {1: ("pending", 100_000, "")}, "tickets": {}}, "still reserves its places"),
        (
            {"orders": {1: ("expired", 100_000, "")}, "tickets": {}},
            "without tickets or review flag",
        ),
        ({"orders": {1: ("expired", 100_000, "")}, "open_flags": {1: {"x"}}}, "2 tickets, not 0"),
        ({"unhandled_count": 1}, "not processed"),
        ({"quarantined_count": 1}, "belong to no payment"),
        ({"counter_errors": ["wrong stock counts"]}, "wrong stock"),
    ],
)
def test_each_violation_is_found(
    snapshot: PaymentSnapshot,
    build_transaction: Callable[..., Transaction],
    documents: Path,
    change: dict[str, object],
    violation: str,
) -> None:
    sick = replace(snapshot, **change)
    paid = [] if not sick.orders else [build_transaction()]

    found = [*find_violations(sick, paid, confirmed_order_ids=[1], documents=documents)]

    assert any(violation in offence for offence in found)


def test_a_ticket_without_money_is_found(
    snapshot: PaymentSnapshot, build_transaction: Callable[..., Transaction], documents: Path
) -> None:
    found = [
        *find_violations(
            snapshot,
            [build_transaction(status="deny")],
            confirmed_order_ids=[],
            documents=documents,
        )
    ]

    assert found == [f"order 1: paid says {KEY}, with RpNone"]


def test_a_duplicate_payment_is_a_violation_until_it_has_a_review_flag(
    snapshot: PaymentSnapshot, build_transaction: Callable[..., Transaction], documents: Path
) -> None:
    twice = replace(snapshot, attempts=snapshot.attempts | {"ORD-A-02": 1})
    asked = replace(twice, open_flags={1: {"paid_twice"}})
    paid = [build_transaction(), build_transaction("ORD-A-02")]

    silent = [*find_violations(twice, paid, confirmed_order_ids=[], documents=documents)]

    assert silent == ["ORD-A-02: Rp100000 without tickets or review flag; its order is paid"]
    assert [*find_violations(asked, paid, confirmed_order_ids=[], documents=documents)] == []
