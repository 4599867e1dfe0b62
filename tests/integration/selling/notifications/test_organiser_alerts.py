"""Tests of alerts to the organiser: open incidents and results of batches."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from simulators.mail.faults import MailFault
from simulators.mail.server import MailSimulator
from simulators.whatsapp.server import WhatsAppSimulator
from ticketing.events.model import Event
from ticketing.notifications.admin import get_outbox_backlog
from ticketing.notifications.alert_digest import enqueue_alert_digest
from ticketing.notifications.campaigns.send_tickets import apply_campaign, plan_campaign
from ticketing.notifications.deliver import DeliveryRunResult, NotificationSender
from ticketing.orders.order import ReviewFlag
from ticketing.platform.db import incidents, outbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import IncidentKind, Occurrence
from ticketing.platform.db.tables.orders import order_review_flags
from ticketing.platform.db.tables.roster import guests
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.complete_order import flag_for_review
from ticketing.tickets.generate import GenerationContext, GenerationRequest, generate_tickets

NUMBER, DIGITS = "+628111111112", "628111111112"
Send = Callable[..., DeliveryRunResult]
OpenIncident = Callable[..., None]


@pytest.fixture
def open_incident(database: Database, event: Event, now: datetime) -> OpenIncident:
    """Return a function that records an occurrence of an incident."""

    def record(cause: str, message: str = "1 PDF is gone", minutes: int = 0) -> None:
        at = now + timedelta(minutes=minutes)
        with database.transaction() as connection:
            seen = Occurrence(cause, IncidentKind.CHECK, message, at, event.slug)
            incidents.record_occurrence(connection, seen)

    return record


def test_all_open_incidents_are_reported_in_one_mail_and_once(
    database: Database, mails: MailSimulator, send: Send, open_incident: OpenIncident, now: datetime
) -> None:
    open_incident("check:pdfs")
    open_incident("channel:whatsapp", "WhatsApp was stopped:\n10 of 20 failed", minutes=1)

    told = [
        enqueue_alert_digest(database, at=now + timedelta(minutes=minutes)) for minutes in (5, 15)
    ]
    send()

    (mail,) = mails.mails("panitia@example.org")
    assert told == [2, 0]
    assert mail.message["Subject"] == "2 hal perlu diperhatikan"
    assert "- wisuda-2026: 1 PDF is gone\n" in mail.text
    assert "- wisuda-2026: WhatsApp was stopped: 10 of 20 failed\n" in mail.text


def test_a_continuing_incident_is_reported_once_and_a_recurring_one_again(
    database: Database, open_incident: OpenIncident, now: datetime
) -> None:
    open_incident("check:pdfs")
    enqueue_alert_digest(database, at=now)
    open_incident("check:pdfs", minutes=1)
    with database.transaction() as connection:
        goes_on = incidents.has_unreported(connection)
        incidents.resolve(connection, "check:pdfs", at=now + timedelta(minutes=2))
    open_incident("check:pdfs", minutes=3)

    with database.transaction() as connection:
        comes_back = incidents.has_unreported(connection)

    assert (goes_on, comes_back) == (False, True)
    assert enqueue_alert_digest(database, at=now + timedelta(minutes=4)) == 1


def test_an_incident_closed_before_the_digest_is_not_reported(
    database: Database, open_incident: OpenIncident, now: datetime
) -> None:
    open_incident("check:pdfs")
    with database.transaction() as connection:
        incidents.resolve(connection, "check:pdfs", at=now + timedelta(minutes=1))

    assert enqueue_alert_digest(database, at=now + timedelta(minutes=2)) == 0


def test_of_many_incidents_the_first_are_named_and_the_rest_counted(
    database: Database, mails: MailSimulator, send: Send, open_incident: OpenIncident, now: datetime
) -> None:
    for number in range(23):
        open_incident(f"check:{number}")

    enqueue_alert_digest(database, at=now)
    send()

    assert "- +3: ticketing incidents list\n" in mails.mails()[0].text


@pytest.fixture
def send_to_whatsapp(send: Send, two_channel_sender: NotificationSender) -> Send:
    """Return a function that sends, also to the organiser's number."""

    def run(minutes: float = 0, **more: object) -> DeliveryRunResult:
        given = {"organiser_whatsapp": NUMBER, **more}
        return send(minutes, replace(two_channel_sender, **given))

    return run


def test_an_alert_is_sent_by_mail_and_by_whatsapp_once_each(
    database: Database, mails: MailSimulator, whatsapp_simulator: WhatsAppSimulator,
    send_to_whatsapp: Send, open_incident: OpenIncident, now: datetime,
) -> None:  # fmt: skip
    open_incident("router:kampus-1", "router kampus-1 tidak menjawab " * 20)
    enqueue_alert_digest(database, at=now)

    rounds = [send_to_whatsapp(minutes).sent for minutes in (0, 60)]

    (message,) = whatsapp_simulator.messages(DIGITS)
    assert rounds == [2, 0]
    assert len(mails.mails("panitia@example.org")) == 1
    assert message.draft.template == "alert_digest/id"
    assert "router kampus-1 tidak menjawab" in message.draft.text
    assert len(message.draft.text) < 1024


def test_alerts_need_no_mail_address_and_reports_wait_for_one(
    database: Database, event: Event, whatsapp_simulator: WhatsAppSimulator,
    send_to_whatsapp: Send, enqueue: Callable[..., None], mails: MailSimulator,
    place: Callable[..., PlacedOrder], sell: Callable[..., int], now: datetime,
) -> None:  # fmt: skip
    order = place((sell("Reguler"), 1)).order
    code = order.code
    with database.transaction() as connection:
        flag_for_review(connection, order, ReviewFlag.PAID_TWICE, "attempt 1 of Rp5", at=now)
    enqueue(outbox.ORDER_PAID, code, outbox.ORGANISER, order=code)

    first = send_to_whatsapp(organiser_email="").sent
    later = send_to_whatsapp(1).sent

    (message,) = whatsapp_simulator.messages(DIGITS)
    assert (first, later) == (1, 1)
    assert message.draft.template == "organiser_question/id"
    assert "dibayar dua kali (attempt 1 of Rp5)" in message.draft.text
    assert f"`ticketing orders resolve {code} --flag paid_twice --by refund`" in message.draft.text
    (mail,) = mails.mails("panitia@example.org")
    assert "sudah dibayar" in mail.text
    assert f"https://tickets.example.org/console/events/{event.slug}" in mail.text


def test_an_alert_without_an_approved_template_does_not_pause_whatsapp_for_buyers(
    database: Database, whatsapp_simulator: WhatsAppSimulator, send_to_whatsapp: Send,
    open_incident: OpenIncident, now: datetime,
) -> None:  # fmt: skip
    whatsapp_simulator.cloud.templates.disabled.add("alert_digest")
    open_incident("check:pdfs")
    enqueue_alert_digest(database, at=now)

    done = send_to_whatsapp()

    assert (done.sent, done.failed) == (1, 1)
    assert get_outbox_backlog(database, at=now).rests == {}


def test_a_question_that_was_answered_meanwhile_is_not_sent(
    database: Database, mails: MailSimulator, send: Send, now: datetime,
    place: Callable[..., PlacedOrder], sell: Callable[..., int],
) -> None:  # fmt: skip
    order = place((sell("Reguler"), 1)).order
    with database.transaction() as connection:
        flag_for_review(connection, order, ReviewFlag.STUCK, "no answer", at=now)
        connection.execute(update(order_review_flags).values(resolved_at=now))

    send()

    assert mails.mails("panitia@example.org") == []


def test_an_alert_that_waited_for_whatsapp_is_dropped_when_it_is_over(
    database: Database, whatsapp_simulator: WhatsAppSimulator, send_to_whatsapp: Send,
    open_incident: OpenIncident, now: datetime,
) -> None:  # fmt: skip
    open_incident("channel:whatsapp")
    enqueue_alert_digest(database, at=now)
    with database.transaction() as connection:
        incidents.resolve(connection, "channel:whatsapp", at=now + timedelta(minutes=1))

    send_to_whatsapp(2)

    assert whatsapp_simulator.messages() == []


def test_a_named_batch_is_reported_when_it_ends(
    generation_context: GenerationContext, event: Event, add_guests: Callable[..., list[int]],
    mails: MailSimulator,
    send: Send, now: datetime,
) -> None:  # fmt: skip
    add_guests(event, 2)

    for _ in range(2):  # again finds nothing to do
        generate_tickets(
            generation_context, event, GenerationRequest(at=now, by="api", key="batch-789")
        )
    send()

    (mail,) = mails.mails("panitia@example.org")
    assert mail.message["Subject"] == "Wisuda Periode II 2026: 2 tiket selesai, 0 gagal"
    assert "Belum ada: 0" in mail.text


def test_a_finished_campaign_is_reported_once_with_its_results(
    database: Database, event: Event, add_guests: Callable[..., list[int]], mails: MailSimulator,
    print_all: Callable[[], None], send: Send,
) -> None:  # fmt: skip
    first, second, _ = add_guests(event, 3)
    with database.transaction() as connection:
        to = update(guests)
        connection.execute(to.where(guests.c.id == first).values(email="nobody@nowhere"))
        connection.execute(to.where(guests.c.id == second).values(email="late@example.org"))
    print_all()
    mails.faults.set(meets=[MailFault("rcpt", "451 later", to="late@example.org")])
    plan = plan_campaign(database, event)
    apply_campaign(database, event, plan_hash=plan.plan_hash, by="cli")

    for _ in range(2):
        send()
    waits = mails.mails("panitia@example.org")
    for minutes in (60, 120, 180):
        send(minutes)

    (mail,) = mails.mails("panitia@example.org")
    assert waits == []
    assert mail.message["Subject"] == "Wisuda Periode II 2026: 2 tiket terkirim, 1 gagal"
    assert "ticketing deliveries list --event wisuda-2026 --failed" in mail.text


def test_a_finished_campaign_is_reported_while_another_continues(
    database: Database, event: Event, add_guests: Callable[..., list[int]], mails: MailSimulator,
    print_all: Callable[[], None], send: Send,
) -> None:  # fmt: skip
    for _ in range(2):
        add_guests(event, 1)
        print_all()
        plan = plan_campaign(database, event)
        apply_campaign(database, event, plan_hash=plan.plan_hash, by="cli")

    for _ in range(2):
        send(limit=1)

    assert len(mails.mails()) == 2
    (mail,) = mails.mails("panitia@example.org")
    assert mail.message["Subject"] == "Wisuda Periode II 2026: 1 tiket terkirim, 0 gagal"
    assert "Yang mana" not in mail.text
