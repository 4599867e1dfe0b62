"""Tests of orders at the box office: sold as all others, booked under their own means."""

import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from subprocess import CompletedProcess

import pytest
from sqlalchemy import select

from ticketing.catalogue.stock import Stock
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.events.service import change_event
from ticketing.orders import place_guest_queries
from ticketing.orders.holds import NO_HOLD_LIMITS
from ticketing.orders.order import Buyer, Order, OrderState, Selection
from ticketing.orders.payment_attempt import PaymentMeans
from ticketing.orders.place_guest import Place, PlaceGuest
from ticketing.orders.refund import RefundState
from ticketing.platform.db.database import Database
from ticketing.platform.db.idempotency_keys import KeyReused
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.kernel.errors import GuestNamesMissing, ImpossibleTransition, SoldOut
from ticketing.platform.kernel.money import Rupiah
from ticketing.reporting.reconcile_day import reconcile_day
from ticketing.selling.box_office.sell import (
    BoxOfficeSale,
    box_office_idempotency,
    sell_at_box_office,
)
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.place_order_once import OrderRequest, place_order_once
from ticketing.selling.ledger import queries as ledger_queries
from ticketing.selling.ledger.model import LedgerEntry
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.reconcile import reconcile
from ticketing.selling.refunds.outcome import mark_transferred
from ticketing.selling.refunds.refund_plan import RefundRequest
from ticketing.selling.refunds.service import apply_refund, plan_refund

M = PaymentMeans
Sell = Callable[..., Order]
Ledger = Callable[[], list[LedgerEntry]]

CASHIER = """
import os, signal, sys
from datetime import datetime
from sqlalchemy import event
from ticketing.crypto.keyring import KeyRing
from ticketing.events.queries import get_event
from ticketing.orders.order import Selection
from ticketing.orders.payment_attempt import PaymentMeans
from ticketing.platform.db.database import Database
from ticketing.selling.box_office.sell import (
    BoxOfficeSale, box_office_idempotency, sell_at_box_office,
)

url, guest, at, when = sys.argv[1:]
left = int(when)

def die_at_last(*_):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

database = Database.from_url(url)
wisuda = get_event(database, "wisuda-2026")
sale = BoxOfficeSale(
    [Selection(int(guest), 2)], PaymentMeans.CASH, "no card", "Sari", "sari@example.org"
)
event.listen(database.engine, "before_cursor_execute", die_at_last)
event.listen(database.engine, "commit", die_at_last)
sell_at_box_office(
    database, wisuda, sale, at=datetime.fromisoformat(at), by="cashier",
    idempotency=box_office_idempotency(KeyRing(bytes(range(32))), "till-1-0001", sale),
)
"""


@pytest.fixture
def guest(sell: Callable[..., int]) -> int:
    """Sell a ticket type of four places at Rp50.000."""
    return sell("Guest", capacity=4)


@pytest.fixture
def sell_two(database: Database, event: Event, guest: int, keys: KeyRing, now: datetime) -> Sell:
    """Return a function that sells two places at the box office."""

    def sell_places(
        means: PaymentMeans, key: str | None = None, at: datetime = now, email: str = ""
    ) -> Order:
        chosen = [Selection(guest, 2)]
        sale = BoxOfficeSale(chosen, means, "no card", "Sari", email or "sari@example.org")
        idempotency = box_office_idempotency(keys, key, sale)
        return sell_at_box_office(
            database, event, sale, idempotency=idempotency, at=at, by="cashier"
        )

    return sell_places


@pytest.fixture
def ledger(database: Database, event: Event) -> Ledger:
    """Return a function that reads the event's ledger."""

    def fetch() -> list[LedgerEntry]:
        return database.run(ledger_queries.list_for_event, event.id)

    return fetch


@pytest.mark.parametrize(
    ("means", "paid"), [(M.CASH, 100_000), (M.TRANSFER, 100_000), (M.COMPLIMENTARY, 0)]
)
def test_an_order_at_the_box_office_gives_tickets_and_is_booked_under_its_means(
    database: Database, event: Event, client: Midtrans, guest: int, sell_two: Sell,
    issue_missing: Callable[[], None], live_tickets: Callable[[], list[str]], ledger: Ledger,
    stock_of: Callable[[int], Stock], messages: Callable[[], list[tuple[str, str]]],
    books_agree: Callable[[], bool], now: datetime, means: PaymentMeans, paid: int,
) -> None:  # fmt: skip
    orders = [sell_two(means, "till-1") for _ in range(2)]
    issue_missing()

    day = reconcile_day(database, client, now.date())
    asked = reconcile(database, client, at=now, by="sensor").checked
    entries = database.run(ledger_queries.sum_money_by_means, event_id=event.id)
    query = select(audit_log.c.actor, audit_log.c.details).where(
        audit_log.c.action == "orders.sell_at_box_office"
    )
    with database.transaction() as connection:
        audited = [tuple(row) for row in connection.execute(query)]

    assert {(one.code, one.state) for one in orders} == {(orders[0].code, OrderState.PAID)}
    assert (len(live_tickets()), stock_of(guest)) == (2, Stock(4, 0, 2))
    assert ("order.confirmation", "sari@example.org") in messages()
    assert [(one.kind, one.sale, one.money) for one in ledger()] == [
        ("order.placed", paid, 0), ("payment.captured", 0, paid), ("order.paid", 0, 0),
    ]  # fmt: skip
    assert {means: sums.money for means, sums in entries.items()} == {means: paid}
    assert audited == [("cashier", {"paid_by": means, "amount": paid, "reason": "no card"})]
    assert (day.attempts, day.differences, asked) == (0, (), 0)
    assert {means: sums.money for means, sums in day.box_office.items()} == {means: paid}
    assert books_agree()


def test_a_cash_order_is_refunded_by_hand_without_the_gateway(
    database: Database, client: Midtrans, guest: int, sell_two: Sell, ledger: Ledger,
    stock_of: Callable[[int], Stock], books_agree: Callable[[], bool], now: datetime,
) -> None:  # fmt: skip
    who = {"at": now, "by": "cashier"}
    code = sell_two(M.CASH).code

    plan = plan_refund(database, code, RefundRequest(reason="ill"), **who)
    planned = apply_refund(database, client, code, plan_hash=plan.plan_hash, **who).refunds
    paid_out = mark_transferred(database, code, key=None, reference="till 1", **who)

    assert [(one.amount, one.state) for one in planned] == [(Rupiah(100_000), RefundState.MANUAL)]
    assert plan.parts[0].reason == "cash cannot be refunded through the gateway"
    assert paid_out.state is RefundState.DONE
    assert (sum(one.sale for one in ledger()), sum(one.money for one in ledger())) == (0, 0)
    assert stock_of(guest) == Stock(4, 0, 0)
    assert books_agree()


@pytest.mark.kill
@pytest.mark.parametrize("when", [1, 4, 6, 9, 14, 20])
def test_a_killed_sale_is_continued_by_its_key(
    database_url: str, guest: int, sell_two: Sell,
    run_script: Callable[..., CompletedProcess[str]], stock_of: Callable[[int], Stock],
    count_entitled: Callable[[], int], books_agree: Callable[[], bool], now: datetime, when: int,
) -> None:  # fmt: skip
    words = [database_url, str(guest), now.isoformat(), str(when)]
    killed = run_script(CASHIER, *words).returncode

    order = sell_two(M.CASH, "till-1-0001")

    assert killed == -signal.SIGKILL
    assert (order.state, count_entitled()) == (OrderState.PAID, 2)
    assert stock_of(guest) == Stock(4, 0, 2)
    assert books_agree()


def test_an_interrupted_sale_expires_in_silence_and_is_not_continued_then(
    database: Database, event: Event, keys: KeyRing, client: Midtrans, guest: int, sari: Buyer,
    sell_two: Sell, stock_of: Callable[[int], Stock],
    messages: Callable[[], list[tuple[str, str]]], now: datetime,
) -> None:  # fmt: skip
    chosen = [Selection(guest, 2)]
    sale = BoxOfficeSale(chosen, M.COMPLIMENTARY, "no card", "Sari", "sari@example.org")
    request = OrderRequest(chosen, sari, is_complimentary=True, at_box_office=True)
    place_order_once(  # the first of the two transactions of a sale
        database, event, request, holds=NO_HOLD_LIMITS, at=now, by="cashier",
        idempotency=box_office_idempotency(keys, "till-1", sale),
    )  # fmt: skip
    held = stock_of(guest)
    expire_orders(database, client, at=now + timedelta(hours=1), by="schedule")

    with pytest.raises(ImpossibleTransition, match="sell again with another key"):
        sell_two(M.COMPLIMENTARY, "till-1")
    with pytest.raises(KeyReused):
        sell_two(M.CASH, "till-1")

    assert (held, stock_of(guest)) == (Stock(4, 2, 0), Stock(4, 0, 0))
    assert messages() == []


def test_a_sale_reserves_nothing_until_every_required_name_is_given(
    database: Database, event: Event, guest: int, stock_of: Callable[[int], Stock], now: datetime
) -> None:
    change_event(database, event.slug, {"guest_names_required": True}, by="cli")
    names = [PlaceGuest(Place(guest, number), f"Guest {number}") for number in (1, 2)]

    def sell(guests: list[PlaceGuest]) -> Order:
        sale = BoxOfficeSale([Selection(guest, 2)], M.CASH, "at the door", "Sari", guests=guests)
        return sell_at_box_office(database, event, sale, idempotency=None, at=now, by="cashier")

    for given in ([], names[:1]):
        with pytest.raises(GuestNamesMissing, match=f"{2 - len(given)} places need a name"):
            sell(given)
    refused = stock_of(guest)
    granted = database.run(place_guest_queries.list_granted, sell(names).id)

    assert (refused, stock_of(guest)) == (Stock(4, 0, 0), Stock(4, 0, 2))
    assert [place.full_name for place in granted] == ["Guest 1", "Guest 2"]


def test_the_box_office_sells_no_more_than_there_is_and_sends_nothing_without_an_address(
    database: Database, event: Event, guest: int, messages: Callable[[], list[tuple[str, str]]],
    now: datetime,
) -> None:  # fmt: skip
    walk_in = BoxOfficeSale([Selection(guest, 2)], M.CASH, "at the door", "Walk-in")
    who = {"idempotency": None, "at": now, "by": "cashier"}
    codes = {sell_at_box_office(database, event, walk_in, **who).code for _ in range(2)}

    with pytest.raises(SoldOut):
        sell_at_box_office(database, event, walk_in, **who)

    assert len(codes) == 2
    assert {recipient for _, recipient in messages()} == {"organiser"}
