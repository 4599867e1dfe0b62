"""A rehearsal never passes for real: it is refused, left out of the books, and cleared."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from ticketing.catalogue.stock import Stock
from ticketing.checkin.verify import verify_ticket
from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.verify import RejectionReason
from ticketing.documents.file_store import DocumentFolder
from ticketing.events.model import Event
from ticketing.go_live import queries
from ticketing.go_live.clear_rehearsal import clear_rehearsal
from ticketing.go_live.plan_clearing import plan_clearing
from ticketing.orders import queries as order_queries
from ticketing.orders.holds import NO_HOLD_LIMITS
from ticketing.orders.order import Buyer, OrderState, Selection
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.roster import guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.db.tables.webhooks import webhook_calls
from ticketing.platform.kernel.errors import ImpossibleTransition, PlanOutdated
from ticketing.platform.kernel.time_span import TimeSpan
from ticketing.reporting import sales_invariant_queries, sales_queries
from ticketing.selling.checkout.accept_free_order import accept_free_order
from ticketing.selling.checkout.place_order import PlacedOrder, place_order
from ticketing.selling.checkout.set_buyer import set_order_buyer
from ticketing.selling.ledger import queries as ledger_queries
from ticketing.selling.ledger.queries import check_ledger_matches_sales
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.waiting_list.join_list import confirm_entry, join_waiting_list
from ticketing.selling.waiting_list.offer_places import offer_free_places, offer_to_entry
from ticketing.selling.waiting_list.queries import count_earlier, get, list_entries
from ticketing.tickets.issuing.issue import issue_tickets
from ticketing.webhooks.endpoints import add_endpoint

PDF = "wisuda-2026/TC-1.pdf"


@pytest.fixture
def production(database_url: str) -> Iterator[Database]:
    """Open the same database as a program that receives real money."""
    opened = Database.from_url(database_url, environment="production")
    yield opened
    opened.dispose()


@pytest.fixture
def vip(sell: Callable[..., int]) -> int:
    """Put ten places on sale."""
    return sell("VIP", capacity=10)


@pytest.fixture
def rehearsed(
    *,
    database: Database,
    event: Event,
    vip: int,
    place: Callable[..., PlacedOrder],
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    receive_status: Callable[..., object],
    add_guests: Callable[..., list[int]],
    keys: KeyRing,
    job_id: int,
    now: datetime,
    sari: Buyer,
) -> list[str]:
    """Rehearse: a paid and an unpaid order, and a guest of the roster; return the QR texts."""
    receive_status(begin_payment(place((vip, 2), buyer=sari)), AttemptState.SETTLED)
    place((vip, 3), buyer=sari)
    add_guests(event, 1)
    issue_tickets(database, event, keys=keys, job_id=job_id, at=now, by="test")
    query = select(generated_tickets.c.qr_code_data).order_by(generated_tickets.c.id)
    with database.transaction() as connection:
        return list(connection.execute(query).scalars())


@pytest.fixture
def folder(database: Database, rehearsed: list[str], tmp_path: Path) -> DocumentFolder:
    """Write the PDF of the first ticket."""
    documents = DocumentFolder(tmp_path)
    documents.write(PDF, b"%PDF-")
    with database.transaction() as connection:
        first = generated_tickets.c.qr_code_data == rehearsed[0]
        connection.execute(update(generated_tickets).where(first).values(pdf_file_path=PDF))
    return documents


def test_production_refuses_the_tickets_of_a_rehearsal_and_those_of_the_roster_pass(
    database: Database, production: Database, event: Event, rehearsed: list[str]
) -> None:
    rejections = [
        [verify_ticket(db, qr, at=event.starts_at).rejection for qr in rehearsed]
        for db in (database, production)
    ]

    refused = RejectionReason.REHEARSAL
    assert rejections == [[None, None, None], [refused, refused, None]]
    with database.transaction() as connection:
        connection.execute(update(guests).values(is_test=True))  # by the roster
    assert verify_ticket(production, rehearsed[2], at=event.starts_at).rejection is refused


@pytest.mark.usefixtures("rehearsed")
def test_reports_of_production_have_no_rehearsal(
    database: Database, production: Database, event: Event, now: datetime
) -> None:
    span = TimeSpan(now - timedelta(days=1), now + timedelta(days=1))

    for db, sales in ((database, 1), (production, 0)):
        with db.transaction() as connection:
            assert bool(ledger_queries.list_for_event(connection, event.id)) == bool(sales)
            assert bool(ledger_queries.sum_by_kind(connection, event.id)) == bool(sales)
            assert len(sales_queries.list_event_sales(connection, span)) == sales
            assert len(sales_queries.list_attempts(connection, span)) == sales


def test_an_order_is_paid_only_in_the_environment_in_which_it_was_placed(
    vip: int, sell: Callable[..., int], place: Callable[..., PlacedOrder], production: Database,
    sari: Buyer, now: datetime,
) -> None:  # fmt: skip
    placed, free = place((vip, 1), buyer=sari), place((sell("Free", price=0), 1))

    order = set_order_buyer(production, free.order.id, buyer=sari, at=now, by="web")
    with pytest.raises(ImpossibleTransition, match="environment simulator; order again"):
        accept_free_order(production, order.id, at=now, by="web")
    assert order.state is OrderState.PENDING

    with production.transaction() as connection, pytest.raises(ImpossibleTransition) as refused:
        attempt_queries.get_or_insert_open(
            connection, order_queries.lock(connection, placed.order.id), at=now
        )

    assert "environment simulator; order again" in str(refused.value)


def test_going_live_clears_the_rehearsal_although_it_is_interrupted(
    *,
    database: Database,
    production: Database,
    event: Event,
    folder: DocumentFolder,
    vip: int,
    keys: KeyRing,
    stock_of: Callable[[int], Stock],
    rehearsed: list[str],
    budi: Buyer,
    now: datetime,
    tmp_path: Path,
) -> None:
    add_endpoint(
        production,
        keys,
        name="books",
        url="https://example.org",
        allow_loopback=False,
        at=now,
        by="test",
    )
    wanted = [Selection(vip, 1)]
    place_order(production, event, requested=wanted, buyer=budi, at=now, by="web")
    plan = plan_clearing(production, event, at=now, by="test")
    terms = {"plan_hash": plan.plan_hash, "at": now, "by": "test"}

    def interrupt(_: str, done: int) -> None:
        raise KeyboardInterrupt(done)

    assert production.run(queries.list_unfinished_events, at=now) == [(event.slug, 2)]
    with pytest.raises(KeyboardInterrupt):
        clear_rehearsal(production, folder, event, **terms, progress=interrupt)
    result = clear_rehearsal(production, folder, event, **terms)

    remains = plan.remains
    assert (remains.orders, remains.places, remains.tickets, remains.documents) == (2, 5, 2, 1)
    assert remains.messages > 0
    assert (result.orders, result.documents) == (1, 1)
    assert stock_of(vip) == Stock(capacity=10, pending=1, sold=0)
    assert not (tmp_path / PDF).exists()
    assert production.run(queries.list_unfinished_events, at=now) == []
    assert plan_clearing(production, event, at=now, by="test").remains.is_cleared
    assert verify_ticket(production, rehearsed[0], at=now).rejection is RejectionReason.REHEARSAL
    assert verify_ticket(production, rehearsed[2], at=event.starts_at).is_valid
    with database.transaction() as connection:
        booked = ledger_queries.sum_by_kind(connection, event.id).values()
        assert sum(one.sale for one in booked) == sum(one.money for one in booked) == 0
        assert sales_invariant_queries.list_unallocated_payments(connection) == []
        calls = connection.execute(select(webhook_calls.c.id)).all()
    assert len(calls) == 1  # of the order that is none of the rehearsal
    assert check_ledger_matches_sales(database).holds


def test_who_waited_in_a_rehearsal_gets_no_real_place_and_leaves_when_the_event_goes_live(
    *,
    database: Database,
    production: Database,
    event: Event,
    sell: Callable[..., int],
    place: Callable[..., PlacedOrder],
    sari: Buyer,
    budi: Buyer,
    now: datetime,
    tmp_path: Path,
) -> None:
    vip = sell("VIP", capacity=1)
    place((vip, 1), buyer=sari)
    for db, buyer in ((database, budi), (database, sari), (production, budi)):
        join_waiting_list(db, event, vip, quantity=1, buyer=buyer, at=now, by="web")
    [rehearsed, *_], [real] = (db.run(list_entries, event.id) for db in (database, production))
    for db, entry in ((database, rehearsed), (production, real)):
        confirm_entry(db, entry.token, at=now, by="web")

    before = production.run(count_earlier, real)
    with pytest.raises(ImpossibleTransition, match="payment environment simulator"):
        offer_to_entry(production, rehearsed.id, at=now, by="test")
    plan = plan_clearing(production, event, at=now, by="test")
    terms = {"plan_hash": plan.plan_hash, "at": now, "by": "test"}
    result = clear_rehearsal(production, DocumentFolder(tmp_path), event, **terms)
    offered = offer_free_places(production, NO_HOLD_LIMITS, at=now, by="worker")

    assert (before, plan.remains.entries, result.entries, offered) == (0, 2, 2, 1)
    assert [one.state for one in production.run(list_entries, event.id)] == ["offered"]
    assert [one.state for one in database.run(list_entries, event.id)] == ["left", "left"]
    with database.transaction() as connection:
        unsent = connection.execute(select(outbox.c.subject).where(outbox.c.processed_at.is_(None)))
        assert set(unsent.scalars()) == {str(real.id), production.run(get, real.id).order_code}
    assert plan_clearing(production, event, at=now, by="test").remains.is_cleared


def test_a_plan_is_outdated_by_another_order_of_the_rehearsal(
    *,
    database: Database,
    event: Event,
    folder: DocumentFolder,
    vip: int,
    place: Callable[..., PlacedOrder],
    now: datetime,
) -> None:
    plan = plan_clearing(database, event, at=now, by="test")
    place((vip, 1))

    with pytest.raises(PlanOutdated, match="3 orders with 6 places"):
        clear_rehearsal(database, folder, event, plan_hash=plan.plan_hash, at=now, by="test")
