"""Tests of campaigns: planned, applied once, and not sent to guests who opted out."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import update

from simulators.mail.server import MailSimulator
from simulators.whatsapp.server import WhatsAppSimulator
from ticketing.events.model import Event
from ticketing.notifications.campaigns.send_tickets import (
    apply_campaign,
    opt_out_address,
    plan_campaign,
)
from ticketing.notifications.deliver import DeliveryRunResult, NotificationSender
from ticketing.notifications.delivery import Channel
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import guests as guests_table
from ticketing.platform.kernel.errors import PlanOutdated
from ticketing.selling.checkout.place_order import PlacedOrder

Send = Callable[..., DeliveryRunResult]


@pytest.fixture
def guests(
    database: Database,
    event: Event,
    add_guests: Callable[..., list[int]],
    print_all: Callable[[], None],
) -> list[int]:
    """Create three guests with printed tickets and addresses."""
    ids = add_guests(event, 3)
    with database.transaction() as connection:
        for number, guest_id in enumerate(ids):
            address = f"Guest{number}@example.org"
            connection.execute(
                update(guests_table).where(guests_table.c.id == guest_id).values(email=address)
            )
    print_all()
    return ids


@pytest.mark.usefixtures("guests")
@pytest.mark.slow
def test_each_guest_gets_their_own_ticket_once_in_their_language(
    database: Database, event: Event, mails: MailSimulator, send: Send
) -> None:
    with database.transaction() as connection:
        is_first = guests_table.c.email == "Guest0@example.org"
        connection.execute(update(guests_table).where(is_first).values(locale="en"))
    plan = plan_campaign(database, event)
    apply_campaign(database, event, plan_hash=plan.plan_hash, by="cli")

    done = send()

    again = plan_campaign(database, event)
    assert (done.sent, len(plan.tickets), again.tickets) == (3, 3, ())
    files = [tuple(mail.files) for mail in mails.mails()]
    assert len(set(files)) == 3
    assert all(len(names) == 1 for names in files)
    subjects = sorted(str(mail.message["Subject"]).partition(" ")[0] for mail in mails.mails())
    assert subjects == ["Tiket", "Tiket", "Your"]


@pytest.mark.usefixtures("guests")
def test_a_plan_applied_twice_enqueues_no_second_message(
    database: Database, event: Event, send: Send
) -> None:
    plan = plan_campaign(database, event)
    apply_campaign(database, event, plan_hash=plan.plan_hash, by="cli")

    with pytest.raises(PlanOutdated):
        apply_campaign(database, event, plan_hash=plan.plan_hash, by="cli")

    assert send().taken == 3


def test_a_plan_that_is_out_of_date_sends_nothing(
    database: Database, event: Event, guests: list[int], send: Send
) -> None:
    plan = plan_campaign(database, event)
    with database.transaction() as connection:
        one = update(guests_table).where(guests_table.c.id == guests[0])
        connection.execute(one.values(email="other@example.org"))

    with pytest.raises(PlanOutdated):
        apply_campaign(database, event, plan_hash=plan.plan_hash, by="cli")

    assert send() == DeliveryRunResult()


def test_guests_without_an_address_or_with_an_opt_out_are_left_out(
    database: Database, event: Event, guests: list[int], now: datetime
) -> None:
    with database.transaction() as connection:
        connection.execute(
            update(guests_table).where(guests_table.c.id == guests[2]).values(email="")
        )

    first = opt_out_address(database, "guest0@EXAMPLE.org", at=now, by="cli")
    second = opt_out_address(database, "guest0@example.org", at=now, by="cli")
    plan = plan_campaign(database, event)

    assert (first, second) == (True, False)
    assert [ticket.guest_id for ticket in plan.tickets] == [guests[1]]
    assert (plan.opted_out, plan.without_address) == ((guests[0],), (guests[2],))


@pytest.mark.usefixtures("guests")
def test_a_guest_who_opts_out_after_the_plan_was_applied_gets_none(
    database: Database, event: Event, mails: MailSimulator, send: Send, now: datetime
) -> None:
    plan = plan_campaign(database, event)
    apply_campaign(database, event, plan_hash=plan.plan_hash, by="cli")
    opt_out_address(database, "guest0@example.org", at=now, by="cli")

    done = send()

    assert (done.sent, done.failed) == (2, 1)
    assert len(mails.mails()) == 2


def test_no_ticket_goes_to_an_address_that_its_guest_has_no_longer(
    database: Database, event: Event, guests: list[int], mails: MailSimulator, send: Send
) -> None:
    plan = plan_campaign(database, event)
    apply_campaign(database, event, plan_hash=plan.plan_hash, by="cli")
    with database.transaction() as connection:
        corrected = update(guests_table).where(guests_table.c.id == guests[0])
        connection.execute(corrected.values(email="corrected@example.org"))

    send()

    assert len(mails.mails()) == 2
    assert mails.mails("Guest0@example.org") == []


@pytest.mark.usefixtures("guests")
def test_messages_to_buyers_go_first_and_ignore_opt_outs(
    database: Database,
    event: Event,
    mails: MailSimulator,
    send: Send,
    now: datetime,
    buy: Callable[..., PlacedOrder],
    print_all: Callable[[], None],
) -> None:
    plan = plan_campaign(database, event)
    apply_campaign(database, event, plan_hash=plan.plan_hash, by="cli")
    opt_out_address(database, "sari@example.org", at=now, by="cli")
    buy()
    print_all()

    send(limit=2)

    recipients = sorted(mail.recipients[0] for mail in mails.mails())
    assert recipients == ["panitia@example.org", "sari@example.org"]


def test_with_whatsapp_first_each_guest_gets_the_pdf_by_one_channel(
    database: Database, event: Event, guests: list[int], whatsapp_simulator: WhatsAppSimulator,
    mails: MailSimulator, send: Send, two_channel_sender: NotificationSender,
) -> None:  # fmt: skip
    with database.transaction() as connection:
        connection.execute(
            update(guests_table).where(guests_table.c.id == guests[0]).values(phone="")
        )
    by = (Channel.WHATSAPP, Channel.MAIL)
    plan = plan_campaign(database, event, channels=by)
    apply_campaign(database, event, plan_hash=plan.plan_hash, channels=by, by="cli")

    send(through=two_channel_sender)
    again = [plan_campaign(database, event, channels=way).tickets for way in (by, by[::-1])]

    assert (plan.count_by_channel(Channel.WHATSAPP), plan.count_by_channel(Channel.MAIL)) == (2, 1)
    files = [message.draft.file for message in whatsapp_simulator.messages()]
    assert [file is not None and file.media_type for file in files] == ["application/pdf"] * 2
    assert (len(mails.mails()), again) == (1, [(), ()])


def test_a_plan_names_its_channels_and_an_opt_out_of_either_applies_to_both(
    database: Database, event: Event, guests: list[int], now: datetime
) -> None:
    by_mail = plan_campaign(database, event)
    with database.transaction() as connection:
        connection.execute(
            update(guests_table).where(guests_table.c.id == guests[0]).values(phone="+628999999999")
        )
    opt_out_address(database, "+628999999999", at=now, by="cli")

    with pytest.raises(PlanOutdated):
        apply_campaign(
            database, event, plan_hash=by_mail.plan_hash, channels=[Channel.WHATSAPP], by="cli"
        )

    assert plan_campaign(database, event).opted_out == (guests[0],)
