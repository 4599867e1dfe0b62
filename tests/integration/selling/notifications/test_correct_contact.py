"""Tests of a mistyped contact that is corrected, and of orders that are sent again."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy import func, select, text

from simulators.mail.server import MailSimulator
from ticketing.crypto.contact_code import make_contact_code
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.events.service import change_event
from ticketing.notifications.deliver import DeliveryRunResult
from ticketing.orders import queries as order_queries
from ticketing.orders.buyer_contact import (
    CODE_LIFETIME,
    MAX_CODES_PER_CONTACT,
    MAX_CODES_PER_ORDER,
    MAX_LINK_REQUESTS,
    MAX_WRONG_CODES,
    ContactClosed,
    TooManyCodes,
    WrongCode,
)
from ticketing.orders.holds import HoldLimits
from ticketing.orders.order import Buyer
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.orders import contact_corrections
from ticketing.platform.db.tables.outbox import message_order_code, outbox
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import LimitExceeded, UnusableBuyer
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.contacts.confirm_contact import confirm_contact, request_contact_code
from ticketing.selling.contacts.correct_contact import correct_contact
from ticketing.selling.contacts.send_order_links import request_order_links
from ticketing.tickets.issuing import ticket_write_queries

RIGHT = "sari@right.org"
Place = Callable[..., PlacedOrder]
Send = Callable[..., DeliveryRunResult]


@pytest.fixture
def code_of(database: Database, keys: KeyRing) -> Callable[[], str]:
    """Return a function that derives the code of the newest request."""

    def derive() -> str:
        columns = contact_corrections.c["id", "contact"]
        query = select(*columns).order_by(contact_corrections.c.id.desc()).limit(1)
        with database.transaction() as connection:
            return make_contact_code(keys, *connection.execute(query).one())

    return derive


@pytest.fixture
def live_codes(database: Database) -> Callable[[], set[str]]:
    """Return a function that reads the codes of all live tickets."""
    query = select(generated_tickets.c.ticket_code).where(generated_tickets.c.state == "live")

    def fetch() -> set[str]:
        with database.transaction() as connection:
            return set(connection.execute(query).scalars())

    return fetch


def test_the_buyer_corrects_the_address_by_a_code_and_gets_everything_again(
    sold: PlacedOrder, sari: Buyer, mails: MailSimulator, send: Send, database: Database,
    keys: KeyRing, print_all: Callable[[], None], live_codes: Callable[[], set[str]],
    now: datetime,
) -> None:  # fmt: skip
    send()
    before = live_codes()
    request_contact_code(database, sold.order.id, RIGHT, at=now)
    send()
    [mail] = mails.mails(RIGHT)
    code = re.search(r"\b\d{6}\b", mail.text)
    assert code is not None

    confirm_contact(database, keys, sold.order.id, code[0], at=now, by="buyer")
    print_all()
    send()

    assert live_codes().isdisjoint(before)
    [again] = [mail for mail in mails.mails(RIGHT) if mail.files]
    assert {name.removesuffix(".pdf") for name in again.files} == live_codes()
    assert len([mail for mail in mails.mails(sari.email) if mail.files]) == 1
    with pytest.raises(WrongCode):  # the code confirms nothing a second time
        confirm_contact(database, keys, sold.order.id, code[0], at=now, by="buyer")


def test_messages_that_were_not_sent_yet_go_to_the_new_address_only(
    sold: PlacedOrder, sari: Buyer, mails: MailSimulator, send: Send, database: Database,
    keys: KeyRing, print_all: Callable[[], None], now: datetime,
) -> None:  # fmt: skip
    correct_contact(
        database, keys, sold.order.code, RIGHT, reason="by phone", at=now, by="cli:office"
    )
    print_all()
    send()

    assert mails.mails(sari.email) == []
    assert len(mails.mails(RIGHT)) == 1
    with database.transaction() as connection:
        order = order_queries.get(connection, sold.order.id)
        entry = connection.execute(
            select(audit_log.c.actor, audit_log.c.details).where(
                audit_log.c.action == "orders.correct_contact"
            )
        ).one()
    assert order.buyer == Buyer(f"email:{RIGHT}", sari.name, RIGHT, sari.phone)
    assert entry.actor == "cli:office"
    assert (entry.details["from"], entry.details["to"], entry.details["reason"]) == (
        ["s•••@example.org"], "s•••@right.org", "by phone",
    )  # fmt: skip


def test_messages_about_an_order_are_found_by_an_index(database: Database) -> None:
    about = select(outbox.c.id).where(message_order_code == "ORD-1")
    with database.transaction() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        explain = f"EXPLAIN {about.compile(connection, compile_kwargs={'literal_binds': True})}"
        plan = "\n".join(connection.execute(text(explain)).scalars())

    assert "ix_outbox_order_code" in plan


def test_once_a_ticket_was_opened_only_the_office_corrects_the_address(
    sold: PlacedOrder, database: Database, keys: KeyRing, now: datetime
) -> None:
    with database.transaction() as connection:
        ticket_id = connection.execute(select(func.min(generated_tickets.c.id))).scalar_one()
        ticket_write_queries.mark_opened(connection, ticket_id, at=now)

    with pytest.raises(ContactClosed, match="ask the organiser"):
        request_contact_code(database, sold.order.id, RIGHT, at=now)
    order = correct_contact(database, keys, sold.order.code, RIGHT, reason="", at=now, by="cli")
    assert order.buyer is not None
    assert order.buyer.email == RIGHT


def test_a_code_cannot_be_guessed_expires_and_is_not_stored(
    sell: Callable[..., int], place: Place, sari: Buyer, database: Database, keys: KeyRing,
    code_of: Callable[[], str], now: datetime,
) -> None:  # fmt: skip
    placed = place((sell("VIP"), 1), buyer=sari)
    request_contact_code(database, placed.order.id, RIGHT, at=now)
    with database.transaction() as connection:
        payloads = connection.execute(select(outbox.c.payload)).scalars()
        assert all(code_of() not in str(payload) for payload in payloads)

    late = now + CODE_LIFETIME
    with pytest.raises(WrongCode):
        confirm_contact(database, keys, placed.order.id, code_of(), at=late, by="buyer")
    for _ in range(MAX_WRONG_CODES):
        with pytest.raises(WrongCode):
            confirm_contact(database, keys, placed.order.id, "x", at=now, by="buyer")
    with pytest.raises(WrongCode):
        confirm_contact(database, keys, placed.order.id, code_of(), at=now, by="buyer")


def test_a_contact_that_holds_its_limit_of_unpaid_places_gets_no_order_by_a_code(
    sell: Callable[..., int], place: Place, sari: Buyer, budi: Buyer, database: Database,
    keys: KeyRing, code_of: Callable[[], str], now: datetime,
) -> None:  # fmt: skip
    kind, holds = sell("VIP"), HoldLimits(per_contact=15)
    held, moved = place((kind, 10), buyer=budi), place((kind, 6), buyer=sari)
    request_contact_code(database, moved.order.id, budi.email, at=now)
    confirm = partial(confirm_contact, database, keys, moved.order.id, code_of())

    with pytest.raises(LimitExceeded, match="pay or cancel an order"):
        confirm(holds=holds, at=now, by="buyer")
    cancel_order(database, held.order.id, at=now, by="buyer")

    assert confirm(holds=holds, at=now, by="buyer").buyer_contacts.startswith(budi.email)


@pytest.mark.parametrize(
    ("minutes", "said"), [(0, "valid for 30 minutes"), (17.5, "valid for 12 minutes")]
)
def test_a_code_that_is_sent_late_says_how_long_it_is_still_valid(
    sell: Callable[..., int], place: Place, sari: Buyer, database: Database,
    mails: MailSimulator, send: Send, now: datetime, minutes: float, said: str,
) -> None:  # fmt: skip
    change_event(database, "wisuda-2026", {"locale": "en"}, by="cli")
    placed = place((sell("VIP"), 1), buyer=sari)
    request_contact_code(database, placed.order.id, RIGHT, at=now)

    send(minutes)

    assert said in mails.mails(RIGHT)[0].text


@pytest.mark.parametrize("case", ["expired", "superseded", "guessed"])
def test_a_code_that_is_not_accepted_any_more_is_withdrawn_with_the_reason(
    sell: Callable[..., int], place: Place, sari: Buyer, database: Database, keys: KeyRing,
    mails: MailSimulator, send: Send, now: datetime, case: str,
) -> None:  # fmt: skip
    order_id = place((sell("VIP"), 1), buyer=sari).order.id
    request_contact_code(database, order_id, RIGHT, at=now)
    if case == "superseded":
        request_contact_code(database, order_id, "other@right.org", at=now)
    for _ in range(MAX_WRONG_CODES if case == "guessed" else 0):
        with pytest.raises(WrongCode):
            confirm_contact(database, keys, order_id, "x", at=now, by="buyer")

    send(minutes=30 if case == "expired" else 1)

    shown = {"expired": "has expired", "superseded": "another code", "guessed": "wrong codes"}
    withdrawn = select(deliveries.c.last_error, deliveries.c.cancelled_at.is_not(None)).where(
        deliveries.c.address == RIGHT
    )
    with database.transaction() as connection:
        [(reason, is_withdrawn)] = connection.execute(withdrawn)
    assert shown[case] in reason
    assert is_withdrawn
    assert mails.mails(RIGHT) == []


def test_codes_are_limited_and_the_present_contact_needs_none(
    sell: Callable[..., int], place: Place, sari: Buyer, database: Database, now: datetime
) -> None:
    placed = place((sell("VIP"), 1), buyer=sari)
    with pytest.raises(UnusableBuyer, match="already"):
        request_contact_code(database, placed.order.id, sari.email.upper(), at=now)

    for number in range(MAX_CODES_PER_ORDER):
        request_contact_code(database, placed.order.id, f"{number}@right.org", at=now)

    with pytest.raises(TooManyCodes):
        request_contact_code(database, placed.order.id, RIGHT, at=now)
    request_contact_code(database, placed.order.id, RIGHT, at=now + timedelta(hours=1))


@pytest.mark.parametrize(
    "asked", ["SARI@example.org", "0811-111-1111"], ids=["address", "phone number"]
)
def test_orders_are_sent_again_to_the_contact_that_has_them_and_to_nobody_else(
    asked: str, sell: Callable[..., int], place: Place, sari: Buyer, budi: Buyer, event: Event,
    database: Database, messages: Callable[[], list[tuple[str, str]]], now: datetime,
) -> None:  # fmt: skip
    kind = sell("VIP")
    for buyer in (sari, sari, budi):
        place((kind, 1), buyer=buyer)

    request_order_links(database, event, asked, at=now)
    request_order_links(database, event, "stranger@example.org", at=now)

    [(purpose, recipient)] = messages()
    assert purpose == "order.links"
    assert recipient in {sari.email, sari.phone}


def test_the_message_has_the_links_of_the_orders_of_that_contact(
    sell: Callable[..., int], place: Place, sari: Buyer, budi: Buyer, event: Event,
    database: Database, mails: MailSimulator, send: Send, now: datetime,
) -> None:  # fmt: skip
    kind = sell("VIP")
    first, second, other = (place((kind, 1), buyer=buyer) for buyer in (sari, sari, budi))

    request_order_links(database, event, sari.email, at=now)
    send()

    [mail] = mails.mails(sari.email)
    assert first.order.code in mail.text
    assert second.order.code in mail.text
    assert other.order.code not in mail.text
    assert len(set(re.findall(r"https://tickets.example.org/orders/\S+", mail.text))) == 2


def test_orders_that_anybody_placed_with_the_contact_do_not_hide_its_paid_one(
    buy: Callable[..., PlacedOrder], sell: Callable[..., int], place: Place, sari: Buyer,
    event: Event, database: Database,
) -> None:  # fmt: skip
    paid = buy()
    place((sell("Reguler"), 1), buyer=sari)

    with database.transaction() as connection:
        [first] = order_queries.list_of_contact(connection, event.id, sari.email, limit=1)

    assert first.code == paid.order.code


@pytest.mark.parametrize("contact", ["sari@example.org", "stranger@example.org"])
def test_a_contact_is_asked_for_three_times_an_hour_whether_it_is_known_or_not(
    contact: str, sell: Callable[..., int], place: Place, sari: Buyer, event: Event,
    database: Database, now: datetime,
) -> None:  # fmt: skip
    place((sell("VIP"), 1), buyer=sari)
    for _ in range(MAX_LINK_REQUESTS):
        request_order_links(database, event, contact, at=now)

    with pytest.raises(TooManyCodes):
        request_order_links(database, event, contact, at=now)
    request_order_links(database, event, contact, at=now + timedelta(hours=1))


def test_parallel_requests_for_a_contact_do_not_get_past_its_limits(
    sell: Callable[..., int], place: Place, sari: Buyer, event: Event, database: Database,
    now: datetime,
) -> None:  # fmt: skip
    kind, too_many = sell("VIP"), 8
    orders = [place((kind, 1), buyer=sari).order.id for _ in range(too_many)]
    asking = Barrier(too_many, timeout=10)

    def count_accepted(*requests: Callable[[], object]) -> int:
        def is_accepted(request: Callable[[], object]) -> bool:
            asking.wait()
            try:
                request()
            except TooManyCodes:
                return False
            return True

        with ThreadPoolExecutor(too_many) as pool:
            return sum(pool.map(is_accepted, requests))

    codes = [partial(request_contact_code, database, one, RIGHT, at=now) for one in orders]
    links = [partial(request_order_links, database, event, RIGHT, at=now)] * too_many

    assert count_accepted(*codes) == MAX_CODES_PER_CONTACT
    assert count_accepted(*links) == MAX_LINK_REQUESTS
