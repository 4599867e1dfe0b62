"""Tests of the notices about an order: how to pay it, that it is paid, that it has expired."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from simulators.mail.server import MailSimulator
from ticketing.events import queries as event_queries
from ticketing.events.model import BuyerNotices, Event
from ticketing.notifications import delivery_queries
from ticketing.notifications.deliver import DeliveryRunResult
from ticketing.orders.holds import NO_HOLD_LIMITS
from ticketing.orders.order import Buyer, Selection
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.place_order import PlacedOrder, place_order
from ticketing.selling.checkout.set_buyer import set_order_buyer
from ticketing.selling.contacts.confirm_contact import request_contact_code
from ticketing.selling.contacts.send_order_links import request_order_links
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.waiting_list import queries
from ticketing.selling.waiting_list.join_list import confirm_entry, join_waiting_list
from ticketing.selling.waiting_list.offer_places import offer_free_places
from ticketing.tickets.order_ticket_queries import list_order_ticket_files

Place = Callable[..., PlacedOrder]
Messages = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def event(event: Event, database: Database) -> Event:
    """Return the event with notices by mail, as a new event has them."""
    return _choose(database, event, BuyerNotices.MAIL)


@pytest.fixture
def choose(database: Database, event: Event) -> Callable[[BuyerNotices], Event]:
    """Return a function that sets how buyers of the event are told."""
    return lambda choice: _choose(database, event, choice)


def _choose(database: Database, event: Event, choice: BuyerNotices) -> Event:
    with database.transaction() as connection:
        event_queries.update_event(connection, event.id, {"buyer_notices": choice})
    return replace(event, buyer_notices=choice)


@pytest.mark.parametrize("ways", [1, 2], ids=["one type", "several types"])
def test_a_buyer_is_told_once_that_the_order_is_placed_and_that_it_is_paid(
    ways: int, sell: Callable[..., int], place: Place, sari: Buyer, messages: Messages,
    begin_payment: Callable[[PlacedOrder], PaymentAttempt], receive_status: Callable[..., object],
) -> None:  # fmt: skip
    placed = place(*((sell(f"type {n}"), 2) for n in range(ways)), buyer=sari)
    assert messages() == [(outbox.ORDER_PLACED, sari.email)]

    attempt = begin_payment(placed)
    for _ in range(2):
        receive_status(attempt, AttemptState.SETTLED)

    assert messages().count((outbox.PAYMENT_RECEIVED, sari.email)) == 1
    assert messages().count((outbox.ORDER_PLACED, sari.email)) == 1


@pytest.mark.parametrize(("locale", "hello"), [("en", "Hello"), ("", "Halo")])
def test_everybody_about_an_order_is_written_to_in_its_language_and_the_organiser_is_not(
    buy: Callable[..., PlacedOrder], print_all: Callable[[], None], event: Event,
    database: Database, enqueue: Callable[..., None],
    mails: MailSimulator, send: Callable[..., object], now: datetime, sari: Buyer,
    locale: str, hello: str,
) -> None:  # fmt: skip
    order = buy(guests={1: ("Ani", "ani@example.org")}, locale=locale).order
    print_all()
    request_order_links(database, event, sari.email, at=now)
    request_contact_code(database, order.id, "new@example.org", at=now)
    with database.transaction() as connection:
        ticket = list_order_ticket_files(connection, order.id)[0]
    enqueue(outbox.TICKET_READY, ticket.ticket_code, "ani@example.org")

    send(limit=20)

    counts = {"sari@example.org": 3, "ani@example.org": 2, "new@example.org": 1}
    for address, count in counts.items():
        texts = [mail.text for mail in mails.mails(address)]
        assert len(texts) == count
        assert [text for text in texts if hello not in text] == []
    assert "sudah dibayar" in mails.mails("panitia@example.org")[0].text


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (BuyerNotices.NONE, []),
        (BuyerNotices.WHATSAPP, ["+628111111111"]),
        (BuyerNotices.BOTH, ["sari@example.org", "+628111111111"]),
    ],
)
@pytest.mark.parametrize("ways", [1, 2], ids=["one type", "several types"])
def test_the_event_chooses_how_its_buyers_are_told(
    ways: int, choice: BuyerNotices, told: list[str], choose: Callable[[BuyerNotices], Event],
    database: Database, sell: Callable[..., int], sari: Buyer, messages: Messages, now: datetime,
) -> None:  # fmt: skip
    wanted = [Selection(sell(f"type {n}"), 1) for n in range(ways)]

    place_order(database, choose(choice), requested=wanted, buyer=sari, at=now, by="buyer")

    assert messages() == [(outbox.ORDER_PLACED, address) for address in told]


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (BuyerNotices.NONE, ["sari@example.org"]),  # nothing else has the links
        (BuyerNotices.WHATSAPP, ["+628111111111"]),
        (BuyerNotices.BOTH, ["sari@example.org", "+628111111111"]),
    ],
)
def test_who_waits_for_places_is_told_as_the_event_chooses_and_always(
    choice: BuyerNotices, told: list[str], choose: Callable[[BuyerNotices], Event],
    database: Database, sell: Callable[..., int], place: Place, sari: Buyer, messages: Messages,
    now: datetime,
) -> None:  # fmt: skip
    vip = sell("VIP", capacity=1)
    other = place((vip, 1))

    join_waiting_list(database, choose(choice), vip, quantity=1, buyer=sari, at=now, by="buyer")
    [entry] = database.run(queries.list_entries, other.order.event_id)
    confirm_entry(database, entry.token, at=now, by="buyer")
    cancel_order(database, other.order.id, at=now, by="buyer")
    offer_free_places(database, NO_HOLD_LIMITS, at=now, by="worker")

    assert messages() == [
        (purpose, address)
        for purpose in (outbox.WAITING_LIST_JOINED, outbox.WAITING_LIST_OFFER)
        for address in told
    ]


def test_a_free_order_is_paid_at_once_and_no_payment_is_asked_for_or_acknowledged(
    sell: Callable[..., int], place: Place, sari: Buyer, messages: Messages
) -> None:
    place((sell("free", price=0), 1), buyer=sari)

    purposes = {purpose for purpose, recipient in messages() if recipient == sari.email}
    assert purposes == {outbox.ORDER_CONFIRMATION}


def test_an_order_without_a_buyer_is_announced_when_the_buyer_is_known_and_at_most_three_times(
    database: Database, sell: Callable[..., int], place: Place, sari: Buyer, messages: Messages,
    now: datetime,
) -> None:  # fmt: skip
    placed = place((sell("VIP"), 1))
    assert messages() == []

    for number in range(5):
        other = replace(sari, key=f"email:{number}@x.org", email=f"{number}@x.org")
        for _ in range(2):
            set_order_buyer(database, placed.order.id, buyer=other, at=now, by="buyer")

    assert messages() == [(outbox.ORDER_PLACED, f"{number}@x.org") for number in range(3)]


def test_a_paid_order_that_was_not_announced_yet_is_not_asked_to_be_paid(
    sell: Callable[..., int], place: Place, sari: Buyer, mails: MailSimulator,
    begin_payment: Callable[[PlacedOrder], PaymentAttempt], receive_status: Callable[..., object],
    send: Callable[..., DeliveryRunResult],
) -> None:  # fmt: skip
    placed = place((sell("VIP"), 1), buyer=sari)
    receive_status(begin_payment(placed), AttemptState.SETTLED)

    send()

    subjects = [mail.message["Subject"] for mail in mails.mails(sari.email)]
    assert subjects == [f"Pembayaran pesanan {placed.order.code} sudah diterima"]


def test_a_reminder_to_pay_that_is_overtaken_by_the_payment_needs_no_attention(
    database: Database, event: Event, sell: Callable[..., int], place: Place, sari: Buyer,
    mails: MailSimulator, begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    receive_status: Callable[..., object], send: Callable[..., DeliveryRunResult],
) -> None:  # fmt: skip
    mails.faults.set(meets=[{"stage": "rcpt", "reply": "451 4.3.0 Try again later"}])
    placed = place((sell("VIP"), 1), buyer=sari)
    send()

    receive_status(begin_payment(placed), AttemptState.SETTLED)
    send(minutes=60)

    with database.transaction() as connection:
        told = delivery_queries.list_event_deliveries(connection, event.id, failed=False, limit=9)
        failed = delivery_queries.list_event_deliveries(connection, event.id, failed=True, limit=9)
    assert [each.last_error for each in told if each.purpose == outbox.ORDER_PLACED] == [
        f"order {placed.order.code} is paid by now"
    ]
    assert failed == []


def test_the_first_mail_names_amount_and_time_limit_and_leads_back_to_the_order(
    sell: Callable[..., int], place: Place, sari: Buyer, mails: MailSimulator,
    send: Callable[..., DeliveryRunResult],
) -> None:  # fmt: skip
    placed = place((sell("VIP"), 2), buyer=replace(sari, name="Sari <b>Wulandari</b>"))

    send()

    [mail] = mails.mails(sari.email)
    for part in ("Rp100.000", "WIB", "https://tickets.example.org/orders/", placed.order.code):
        assert part in mail.text
    html = mail.message.get_body(("html",)).get_content()
    assert "Sari &lt;b&gt;Wulandari" in html


def test_an_expired_order_is_announced_once_and_its_old_reminder_to_pay_is_not_sent(
    database: Database, sell: Callable[..., int], place: Place, sari: Buyer, mails: MailSimulator,
    gateway: object, now: datetime, send: Callable[..., DeliveryRunResult],
) -> None:  # fmt: skip
    placed = place((sell("VIP"), 1), buyer=sari)

    for hours in (2, 3):
        expire_orders(database, gateway, at=now + timedelta(hours=hours), by="sensor")
    send()

    subjects = [mail.message["Subject"] for mail in mails.mails(sari.email)]
    assert subjects == [f"Pesanan {placed.order.code} sudah kedaluwarsa"]
