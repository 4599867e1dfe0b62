"""The organiser hears what went wrong, and how batches ended that nobody watched."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from simulators.mail.faults import MailFault
from simulators.mail.server import MailSimulator
from ticketing.events.model import Event
from ticketing.notifications.alert_digest import enqueue_alert_digest
from ticketing.notifications.campaigns.send_tickets import apply_campaign, plan_campaign
from ticketing.notifications.deliver import DeliveryRunResult
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import IncidentKind, Occurrence
from ticketing.platform.db.tables.roster import guests
from ticketing.tickets.generate import GenerationContext, GenerationRequest, generate_tickets

Send = Callable[..., DeliveryRunResult]
Trouble = Callable[..., None]


@pytest.fixture
def trouble(database: Database, event: Event, now: datetime) -> Trouble:
    """Something goes wrong."""

    def happens(cause: str, message: str = "1 PDF is gone", minutes: int = 0) -> None:
        at = now + timedelta(minutes=minutes)
        with database.transaction() as connection:
            seen = Occurrence(cause, IncidentKind.CHECK, message, at, event.slug)
            incidents.record_occurrence(connection, seen)

    return happens


def test_all_that_is_open_is_told_in_one_mail_and_once(
    database: Database, mails: MailSimulator, send: Send, trouble: Trouble, now: datetime
) -> None:
    trouble("check:pdfs")
    trouble("channel:whatsapp", "WhatsApp was stopped:\n10 of 20 failed", minutes=1)

    told = [
        enqueue_alert_digest(database, at=now + timedelta(minutes=minutes)) for minutes in (5, 15)
    ]
    send()

    (mail,) = mails.mails("panitia@example.org")
    assert told == [2, 0]
    assert mail.message["Subject"] == "2 hal perlu diperhatikan"
    assert "- wisuda-2026: 1 PDF is gone\n" in mail.text
    assert "- wisuda-2026: WhatsApp was stopped: 10 of 20 failed\n" in mail.text


def test_what_goes_on_is_not_told_again_and_what_comes_back_is(
    database: Database, trouble: Trouble, now: datetime
) -> None:
    trouble("check:pdfs")
    enqueue_alert_digest(database, at=now)
    trouble("check:pdfs", minutes=1)
    with database.transaction() as connection:
        goes_on = incidents.has_unreported(connection)
        incidents.resolve(connection, "check:pdfs", at=now + timedelta(minutes=2))
    trouble("check:pdfs", minutes=3)

    with database.transaction() as connection:
        comes_back = incidents.has_unreported(connection)

    assert (goes_on, comes_back) == (False, True)
    assert enqueue_alert_digest(database, at=now + timedelta(minutes=4)) == 1


def test_what_was_over_before_anybody_was_told_is_no_news(
    database: Database, trouble: Trouble, now: datetime
) -> None:
    trouble("check:pdfs")
    with database.transaction() as connection:
        incidents.resolve(connection, "check:pdfs", at=now + timedelta(minutes=1))

    assert enqueue_alert_digest(database, at=now + timedelta(minutes=2)) == 0


def test_of_many_the_first_are_named_and_the_rest_counted(
    database: Database, mails: MailSimulator, send: Send, trouble: Trouble, now: datetime
) -> None:
    for number in range(23):
        trouble(f"check:{number}")

    enqueue_alert_digest(database, at=now)
    send()

    assert "- +3: ticketing incidents list\n" in mails.mails()[0].text


def test_a_batch_that_somebody_named_is_told_of_when_it_ends(
    means: GenerationContext, event: Event, enter: Callable[..., list[int]], mails: MailSimulator,
    send: Send, now: datetime,
) -> None:  # fmt: skip
    enter(event, 2)

    for _ in range(2):  # again finds nothing to do
        generate_tickets(means, event, GenerationRequest(at=now, by="api", key="batch-789"))
    send()

    (mail,) = mails.mails("panitia@example.org")
    assert mail.message["Subject"] == "Wisuda Periode II 2026: 2 tiket selesai, 0 gagal"
    assert "Belum ada: 0" in mail.text


def test_when_all_tickets_of_a_plan_were_tried_it_is_told_once_with_their_ends(
    database: Database, event: Event, enter: Callable[..., list[int]], mails: MailSimulator,
    print_all: Callable[[], None], send: Send,
) -> None:  # fmt: skip
    first, second, _ = enter(event, 3)
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


def test_a_plan_that_has_ended_is_told_of_while_another_goes_on(
    database: Database, event: Event, enter: Callable[..., list[int]], mails: MailSimulator,
    print_all: Callable[[], None], send: Send,
) -> None:  # fmt: skip
    for _ in range(2):
        enter(event, 1)
        print_all()
        plan = plan_campaign(database, event)
        apply_campaign(database, event, plan_hash=plan.plan_hash, by="cli")

    for _ in range(2):
        send(limit=1)

    assert len(mails.mails()) == 2
    (mail,) = mails.mails("panitia@example.org")
    assert mail.message["Subject"] == "Wisuda Periode II 2026: 1 tiket terkirim, 0 gagal"
    assert "Yang mana" not in mail.text
