"""Tests of the ledger: written by database triggers, append-only, and checked."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import DBAPIError

from ticketing.events.model import Event
from ticketing.orders.order import Buyer
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.platform.db.tables.refunds import refunds
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.ledger import queries as ledger_queries
from ticketing.selling.ledger.model import (
    LedgerEntry,
    LedgerEntryKind,
    LedgerTotals,
    sum_entries,
    write_ledger_csv,
)
from ticketing.selling.ledger.queries import check_ledger_matches_sales
from ticketing.selling.payments.attempt_queries import PaymentAttempt

Place = Callable[..., PlacedOrder]
Begin = Callable[[PlacedOrder], PaymentAttempt]
ReceiveStatus = Callable[..., object]
LedgerEntries = Callable[..., list[LedgerEntry]]
K = LedgerEntryKind


@pytest.fixture
def guest(sell: Callable[..., int]) -> int:
    """Sell a ticket type at Rp50.000."""
    return sell("Guest", capacity=10)


@pytest.fixture
def ledger_entries(database: Database, event: Event) -> LedgerEntries:
    """Return a function that reads the event's ledger entries, all or of a period."""

    def fetch(**between: datetime) -> list[LedgerEntry]:
        with database.transaction() as connection:
            return ledger_queries.list_for_event(connection, event.id, **between)

    return fetch


@pytest.fixture
def execute_without_triggers(database: Database) -> Callable[[str], None]:
    """Return a function that executes a statement with the ledger's triggers disabled."""

    def execute(statement: str) -> None:
        with database.transaction() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(statement))

    return execute


def test_an_order_is_recorded_from_placing_to_its_refund(
    guest: int, place: Place, begin_payment: Begin, receive_status: ReceiveStatus,
    ledger_entries: LedgerEntries, sari: Buyer,
    now: datetime,
) -> None:  # fmt: skip
    placed = place((guest, 2), buyer=sari)
    attempt = begin_payment(placed)
    receive_status(attempt, AttemptState.PENDING)
    receive_status(attempt, AttemptState.SETTLED)
    receive_status(attempt, AttemptState.SETTLED)
    receive_status(attempt, AttemptState.PARTLY_REFUNDED, refunded=30_000)
    receive_status(attempt, AttemptState.REFUNDED, refunded=100_000)

    told = [(one.kind, one.subject, one.sale, one.money) for one in ledger_entries()]

    code, key = placed.order.code, attempt.key
    assert told == [
        (K.PLACED, code, 100_000, 0),
        (K.CAPTURED, key, 0, 100_000),
        (K.PAID, code, 0, 0),
        (K.REFUNDED, key, 0, -30_000),
        (K.REFUNDED, key, 0, -70_000),
    ]
    assert {one.order_code for one in ledger_entries()} == {code}
    assert {one.at for one in ledger_entries()} == {now}
    assert [one.actor for one in ledger_entries()[:3]] == ["web", "sensor", "sensor"]


def test_an_ended_order_counts_zero_and_its_total_again_when_paid_late(
    database: Database, guest: int, place: Place, begin_payment: Begin,
    receive_status: ReceiveStatus,
    ledger_entries: LedgerEntries,
    sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    attempt = begin_payment(place((guest, 2), buyer=sari))
    cancelled = place((guest, 1))
    cancel_order(database, cancelled.order.id, at=now, by="web")
    with database.transaction() as connection:
        expire = update(orders).where(orders.c.state == "pending")
        connection.execute(expire.values(state="expired", closed_at=now))
    given_up = sum_entries(ledger_entries())

    receive_status(attempt, AttemptState.SETTLED)

    assert given_up == LedgerTotals(4, 0, 0)
    assert [(one.kind, one.sale) for one in ledger_entries()[-4:]] == [
        (K.CANCELLED, -50_000), (K.EXPIRED, -100_000), (K.CAPTURED, 0), (K.PAID, 100_000),
    ]  # fmt: skip


def test_a_reversed_payment_reverses_the_money_and_the_sale(
    guest: int, place: Place, begin_payment: Begin, receive_status: ReceiveStatus,
    ledger_entries: LedgerEntries, sari: Buyer,
) -> None:  # fmt: skip
    attempt = begin_payment(place((guest, 2), buyer=sari))
    receive_status(attempt, AttemptState.SETTLED)

    receive_status(attempt, AttemptState.DENIED)

    assert {(one.kind, one.sale, one.money) for one in ledger_entries()[-2:]} == {
        (K.REVERSED, 0, -100_000),
        (K.CANCELLED, -100_000, 0),
    }
    assert sum_entries(ledger_entries()) == LedgerTotals(5, 0, 0)


def test_a_payment_captured_and_refunded_before_the_first_status_has_both_entries(
    guest: int, place: Place, begin_payment: Begin, receive_status: ReceiveStatus,
    ledger_entries: LedgerEntries, sari: Buyer,
) -> None:  # fmt: skip
    attempt = begin_payment(place((guest, 2), buyer=sari))

    receive_status(attempt, AttemptState.PARTLY_REFUNDED, refunded=40_000)

    assert [(one.kind, one.money) for one in ledger_entries() if one.money] == [
        (K.CAPTURED, 100_000), (K.REFUNDED, -40_000),
    ]  # fmt: skip


def test_a_partial_chargeback_is_recorded_without_an_amount(
    guest: int, place: Place, begin_payment: Begin, receive_status: ReceiveStatus,
    ledger_entries: LedgerEntries, sari: Buyer,
) -> None:  # fmt: skip
    attempt = begin_payment(place((guest, 2), buyer=sari))
    receive_status(attempt, AttemptState.SETTLED)

    receive_status(attempt, AttemptState.PARTLY_CHARGED_BACK)
    receive_status(attempt, AttemptState.PARTLY_CHARGED_BACK)
    receive_status(attempt, AttemptState.CHARGED_BACK)

    assert [
        (one.money, one.details["state"]) for one in ledger_entries() if one.kind is K.CHARGED_BACK
    ] == [
        (0, "partial_chargeback"),
        (-100_000, "chargeback"),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE order_ledger SET money = 0",
        "UPDATE order_ledger SET actor = 'nobody' WHERE false",
        "DELETE FROM order_ledger",
        "TRUNCATE order_ledger CASCADE",
    ],
)
def test_an_entry_is_never_changed_or_deleted(
    guest: int, place: Place, database: Database, ledger_entries: LedgerEntries, statement: str
) -> None:
    place((guest, 2))
    before = ledger_entries()

    with (
        pytest.raises(DBAPIError, match="append-only"),
        database.transaction() as connection,
    ):
        connection.execute(text(statement))

    assert ledger_entries() == before


def test_an_order_in_the_ledger_cannot_be_deleted(
    guest: int, place: Place, database: Database
) -> None:
    place((guest, 2))

    deletion = "WITH lines AS (DELETE FROM order_lines) DELETE FROM orders"
    with (
        pytest.raises(DBAPIError, match="fk_order_ledger_order_id"),
        database.transaction() as connection,
    ):
        connection.execute(text(deletion))


def test_a_manual_statement_is_recorded_too(
    guest: int, place: Place, database: Database, ledger_entries: LedgerEntries, now: datetime
) -> None:
    place((guest, 2))

    with database.transaction() as connection:
        connection.execute(update(orders).values(state="cancelled", closed_at=now))
        connection.execute(update(orders).values(total=80_000, discount=20_000))

    assert sum_entries(ledger_entries()) == LedgerTotals(3, 0, 0)
    assert [one.kind for one in ledger_entries()] == [K.PLACED, K.CANCELLED, K.REPRICED]


def test_a_rolled_back_transaction_is_not_in_the_ledger(
    guest: int, place: Place, database: Database, ledger_entries: LedgerEntries, now: datetime
) -> None:
    place((guest, 2))

    with database.engine.connect() as connection:
        connection.execute(update(orders).values(state="cancelled", closed_at=now))
        connection.rollback()

    assert [one.kind for one in ledger_entries()] == [K.PLACED]


def test_a_refund_stored_by_two_processes_at_once_is_recorded_once(
    guest: int, place: Place, begin_payment: Begin, receive_status: ReceiveStatus,
    database: Database,
    ledger_entries: LedgerEntries,
    sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    attempt = begin_payment(place((guest, 2), buyer=sari))
    receive_status(attempt, AttemptState.SETTLED)

    def write_down() -> None:
        with database.transaction() as connection:
            connection.execute(
                insert(refunds).values(
                    order_id=attempt.order_id, attempt_id=attempt.id, number=1, key="R1",
                    amount=5_000, channel="gateway", state="done", requested_by="cli",
                    requested_at=now, completed_at=now,
                )
            )  # fmt: skip

    other = Thread(target=write_down)
    with database.transaction() as connection:
        connection.execute(update(payment_attempts).values(refunded=5_000))
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        other.start()
        other.join(0.5)
    other.join()

    assert [one.money for one in ledger_entries() if one.kind is K.REFUNDED] == [-5_000]
    assert check_ledger_matches_sales(database).violations == []


def test_a_period_begins_with_its_first_moment_and_ends_before_the_next(
    guest: int,
    place: Place,
    database: Database,
    event: Event,
    ledger_entries: LedgerEntries,
    now: datetime,
) -> None:
    hours = [now + timedelta(hours=number) for number in range(3)]
    codes = [place((guest, 1), at=at).order.code for at in hours]

    found = ledger_entries(since=hours[1], until=hours[2])

    assert [one.order_code for one in found] == [codes[1]]
    with database.transaction() as connection:
        assert ledger_queries.sum_by_kind(connection, event.id, until=hours[2]) == {
            K.PLACED: LedgerTotals(2, 100_000, 0)
        }


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE orders SET state = 'cancelled'", "worth: booked 100000, and it is 0"),
        ("UPDATE orders SET subtotal = 7, total = 7", "worth: booked 100000, and it is 7"),
        ("UPDATE payment_attempts SET refunded = 5", "money: booked 100000, and it is 99995"),
        ("UPDATE payment_attempts SET state = 'chargeback'", "money: booked 100000, and it is 0"),
        ("DELETE FROM order_ledger WHERE kind = 'order.paid'",
         "state: booked order.placed, and it is order.paid"),
    ],
)  # fmt: skip
def test_the_check_names_changes_made_without_the_triggers(
    guest: int, place: Place, begin_payment: Begin, receive_status: ReceiveStatus,
    database: Database,
    sari: Buyer,
    execute_without_triggers: Callable[[str], None], statement: str, problem: str,
) -> None:  # fmt: skip
    receive_status(begin_payment(place((guest, 2), buyer=sari)), AttemptState.SETTLED)
    clean = check_ledger_matches_sales(database)

    execute_without_triggers(statement)

    assert clean.violations == []
    assert problem in [
        offender.problem for offender in check_ledger_matches_sales(database).violations
    ]


def test_the_export_is_a_spreadsheet_in_the_time_zone_of_the_venue(
    guest: int, place: Place, begin_payment: Begin, receive_status: ReceiveStatus,
    ledger_entries: LedgerEntries, sari: Buyer,
    tmp_path: Path,
) -> None:  # fmt: skip
    placed = place((guest, 2), buyer=sari, by="=cmd|calc")
    receive_status(begin_payment(placed), AttemptState.PARTLY_REFUNDED, refunded=30_000)
    path = tmp_path / "books" / "wisuda.csv"

    written = write_ledger_csv(path, ledger_entries(), zone=ZoneInfo("Asia/Jakarta"))

    lines = path.read_text(encoding="utf-8-sig").splitlines()
    code = placed.order.code
    assert written == 4
    assert lines[0] == "entry;at;order;what;subject;sale;money;method;refunds;actor"
    assert lines[1] == f"1;2026-11-20 15:00:00 WIB;{code};order.placed;{code};100000;0;;;'=cmd|calc"
    line = f"3;2026-11-20 15:00:00 WIB;{code};order.refunded;{code}-01;0;-30000;;;sensor"
    assert line in lines
    assert list(path.parent.iterdir()) == [path]
