"""The books: written by the database itself, changed by nobody, and proven."""

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
Hear = Callable[..., object]
Books = Callable[..., list[LedgerEntry]]
K = LedgerEntryKind


@pytest.fixture
def guest(sell: Callable[..., int]) -> int:
    """A ticket type at Rp50.000."""
    return sell("Guest", capacity=10)


@pytest.fixture
def books(database: Database, event: Event) -> Books:
    """The event's entries, of all time or from and until some instant."""

    def look(**between: datetime) -> list[LedgerEntry]:
        with database.transaction() as connection:
            return ledger_queries.list_for_event(connection, event.id, **between)

    return look


@pytest.fixture
def without_triggers(database: Database) -> Callable[[str], None]:
    """Does to a database what no code of ours can: a statement that nothing is booked of."""

    def meddle(statement: str) -> None:
        with database.transaction() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(statement))

    return meddle


def test_an_order_from_placing_to_its_money_back(
    guest: int, place: Place, begin_payment: Begin, hear: Hear, books: Books, sari: Buyer,
    now: datetime,
) -> None:  # fmt: skip
    placed = place((guest, 2), buyer=sari)
    attempt = begin_payment(placed)
    hear(attempt, AttemptState.PENDING)
    hear(attempt, AttemptState.SETTLED)
    hear(attempt, AttemptState.SETTLED)
    hear(attempt, AttemptState.PARTLY_REFUNDED, refunded=30_000)
    hear(attempt, AttemptState.REFUNDED, refunded=100_000)

    told = [(one.kind, one.subject, one.sale, one.money) for one in books()]

    code, key = placed.order.code, attempt.key
    assert told == [
        (K.PLACED, code, 100_000, 0),
        (K.CAPTURED, key, 0, 100_000),
        (K.PAID, code, 0, 0),
        (K.REFUNDED, key, 0, -30_000),
        (K.REFUNDED, key, 0, -70_000),
    ]
    assert {one.order_code for one in books()} == {code}
    assert {one.at for one in books()} == {now}
    assert [one.actor for one in books()[:3]] == ["web", "sensor", "sensor"]


def test_what_was_given_up_is_worth_nothing_and_worth_it_again_when_paid_late(
    database: Database, guest: int, place: Place, begin_payment: Begin, hear: Hear, books: Books,
    sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    attempt = begin_payment(place((guest, 2), buyer=sari))
    cancelled = place((guest, 1))
    cancel_order(database, cancelled.order.id, at=now, by="web")
    with database.transaction() as connection:
        expire = update(orders).where(orders.c.state == "pending")
        connection.execute(expire.values(state="expired", closed_at=now))
    given_up = sum_entries(books())

    hear(attempt, AttemptState.SETTLED)

    assert given_up == LedgerTotals(4, 0, 0)
    assert [(one.kind, one.sale) for one in books()[-4:]] == [
        (K.CANCELLED, -50_000), (K.EXPIRED, -100_000), (K.CAPTURED, 0), (K.PAID, 100_000),
    ]  # fmt: skip


def test_a_reversed_payment_takes_the_money_and_the_sale_with_it(
    guest: int, place: Place, begin_payment: Begin, hear: Hear, books: Books, sari: Buyer,
) -> None:  # fmt: skip
    attempt = begin_payment(place((guest, 2), buyer=sari))
    hear(attempt, AttemptState.SETTLED)

    hear(attempt, AttemptState.DENIED)

    assert {(one.kind, one.sale, one.money) for one in books()[-2:]} == {
        (K.REVERSED, 0, -100_000),
        (K.CANCELLED, -100_000, 0),
    }
    assert sum_entries(books()) == LedgerTotals(5, 0, 0)


def test_money_that_was_taken_and_refunded_before_we_heard_is_booked_as_both(
    guest: int, place: Place, begin_payment: Begin, hear: Hear, books: Books, sari: Buyer,
) -> None:  # fmt: skip
    attempt = begin_payment(place((guest, 2), buyer=sari))

    hear(attempt, AttemptState.PARTLY_REFUNDED, refunded=40_000)

    assert [(one.kind, one.money) for one in books() if one.money] == [
        (K.CAPTURED, 100_000), (K.REFUNDED, -40_000),
    ]  # fmt: skip


def test_what_a_bank_took_in_part_is_noted_although_nobody_says_how_much(
    guest: int, place: Place, begin_payment: Begin, hear: Hear, books: Books, sari: Buyer,
) -> None:  # fmt: skip
    attempt = begin_payment(place((guest, 2), buyer=sari))
    hear(attempt, AttemptState.SETTLED)

    hear(attempt, AttemptState.PARTLY_CHARGED_BACK)
    hear(attempt, AttemptState.PARTLY_CHARGED_BACK)
    hear(attempt, AttemptState.CHARGED_BACK)

    assert [(one.money, one.details["state"]) for one in books() if one.kind is K.CHARGED_BACK] == [
        (0, "partial_chargeback"),
        (-100_000, "chargeback"),
    ]


@pytest.mark.parametrize(
    "meddling",
    [
        "UPDATE order_ledger SET money = 0",
        "UPDATE order_ledger SET actor = 'nobody' WHERE false",
        "DELETE FROM order_ledger",
        "TRUNCATE order_ledger CASCADE",
    ],
)
def test_an_entry_is_never_changed_or_taken_out(
    guest: int, place: Place, database: Database, books: Books, meddling: str
) -> None:
    place((guest, 2))
    before = books()

    with (
        pytest.raises(DBAPIError, match="append-only"),
        database.transaction() as connection,
    ):
        connection.execute(text(meddling))

    assert books() == before


def test_an_order_in_the_books_cannot_be_deleted(
    guest: int, place: Place, database: Database
) -> None:
    place((guest, 2))

    deletion = "WITH lines AS (DELETE FROM order_lines) DELETE FROM orders"
    with (
        pytest.raises(DBAPIError, match="fk_order_ledger_order_id"),
        database.transaction() as connection,
    ):
        connection.execute(text(deletion))


def test_a_statement_by_hand_is_booked_too(
    guest: int, place: Place, database: Database, books: Books, now: datetime
) -> None:
    place((guest, 2))

    with database.transaction() as connection:
        connection.execute(update(orders).values(state="cancelled", closed_at=now))
        connection.execute(update(orders).values(total=80_000, discount=20_000))

    assert sum_entries(books()) == LedgerTotals(3, 0, 0)
    assert [one.kind for one in books()] == [K.PLACED, K.CANCELLED, K.REPRICED]


def test_what_nobody_committed_is_not_in_the_books(
    guest: int, place: Place, database: Database, books: Books, now: datetime
) -> None:
    place((guest, 2))

    with database.engine.connect() as connection:
        connection.execute(update(orders).values(state="cancelled", closed_at=now))
        connection.rollback()

    assert [one.kind for one in books()] == [K.PLACED]


def test_one_refund_that_two_write_down_at_once_is_booked_once(
    guest: int, place: Place, begin_payment: Begin, hear: Hear, database: Database, books: Books,
    sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    attempt = begin_payment(place((guest, 2), buyer=sari))
    hear(attempt, AttemptState.SETTLED)

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

    assert [one.money for one in books() if one.kind is K.REFUNDED] == [-5_000]
    assert check_ledger_matches_sales(database).violations == []


def test_a_period_begins_with_its_first_moment_and_ends_before_the_next(
    guest: int, place: Place, database: Database, event: Event, books: Books, now: datetime
) -> None:
    hours = [now + timedelta(hours=number) for number in range(3)]
    codes = [place((guest, 1), at=at).order.code for at in hours]

    found = books(since=hours[1], until=hours[2])

    assert [one.order_code for one in found] == [codes[1]]
    with database.transaction() as connection:
        assert ledger_queries.sum_by_kind(connection, event.id, until=hours[2]) == {
            K.PLACED: LedgerTotals(2, 100_000, 0)
        }


@pytest.mark.parametrize(
    ("meddling", "said"),
    [
        ("UPDATE orders SET state = 'cancelled'", "worth: booked 100000, and it is 0"),
        ("UPDATE orders SET subtotal = 7, total = 7", "worth: booked 100000, and it is 7"),
        ("UPDATE payment_attempts SET refunded = 5", "money: booked 100000, and it is 99995"),
        ("UPDATE payment_attempts SET state = 'chargeback'", "money: booked 100000, and it is 0"),
        ("DELETE FROM order_ledger WHERE kind = 'order.paid'",
         "state: booked order.placed, and it is order.paid"),
    ],
)  # fmt: skip
def test_the_proof_names_what_was_done_behind_the_databases_back(
    guest: int, place: Place, begin_payment: Begin, hear: Hear, database: Database, sari: Buyer,
    without_triggers: Callable[[str], None], meddling: str, said: str,
) -> None:  # fmt: skip
    hear(begin_payment(place((guest, 2), buyer=sari)), AttemptState.SETTLED)
    clean = check_ledger_matches_sales(database)

    without_triggers(meddling)

    assert clean.violations == []
    assert said in [
        offender.problem for offender in check_ledger_matches_sales(database).violations
    ]


def test_the_file_opens_in_a_spreadsheet_with_the_venues_clock(
    guest: int, place: Place, begin_payment: Begin, hear: Hear, books: Books, sari: Buyer,
    tmp_path: Path,
) -> None:  # fmt: skip
    placed = place((guest, 2), buyer=sari, by="=cmd|calc")
    hear(begin_payment(placed), AttemptState.PARTLY_REFUNDED, refunded=30_000)
    path = tmp_path / "books" / "wisuda.csv"

    written = write_ledger_csv(path, books(), zone=ZoneInfo("Asia/Jakarta"))

    lines = path.read_text(encoding="utf-8-sig").splitlines()
    code = placed.order.code
    assert written == 4
    assert lines[0] == "entry;at;order;what;subject;sale;money;method;refunds;actor"
    assert lines[1] == f"1;2026-11-20 15:00:00;{code};order.placed;{code};100000;0;;;'=cmd|calc"
    line = f"3;2026-11-20 15:00:00;{code};order.refunded;{code}-01;0;-30000;;;sensor"
    assert line in lines
    assert list(path.parent.iterdir()) == [path]
