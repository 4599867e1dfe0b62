"""A roster's tickets by mail: planned, applied once, and not to those who want none."""

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
from ticketing.platform.db.tables.roster import people
from ticketing.platform.kernel.errors import PlanOutdated
from ticketing.selling.checkout.place_order import PlacedOrder

Send = Callable[..., DeliveryRunResult]


@pytest.fixture
def guests(
    database: Database,
    event: Event,
    enter: Callable[..., list[int]],
    print_all: Callable[[], None],
) -> list[int]:
    """Three guests with printed tickets and addresses."""
    ids = enter(event, 3)
    with database.transaction() as connection:
        for number, guest_id in enumerate(ids):
            address = f"Guest{number}@example.org"
            connection.execute(update(people).where(people.c.id == guest_id).values(email=address))
    print_all()
    return ids


@pytest.mark.usefixtures("guests")
def test_each_guest_gets_the_own_ticket_once(
    database: Database, event: Event, mails: MailSimulator, send: Send
) -> None:
    plan = plan_campaign(database, event)
    apply_campaign(database, event, plan_hash=plan.plan_hash, by="cli")

    done = send()

    again = plan_campaign(database, event)
    assert (done.sent, len(plan.tickets), again.tickets) == (3, 3, ())
    files = [tuple(mail.files) for mail in mails.mails()]
    assert len(set(files)) == 3
    assert all(len(names) == 1 for names in files)


@pytest.mark.usefixtures("guests")
def test_a_plan_applied_twice_leaves_no_second_message(
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
        one = update(people).where(people.c.id == guests[0])
        connection.execute(one.values(email="other@example.org"))

    with pytest.raises(PlanOutdated):
        apply_campaign(database, event, plan_hash=plan.plan_hash, by="cli")

    assert send() == DeliveryRunResult()


def test_who_wants_none_or_has_no_address_is_left_out(
    database: Database, event: Event, guests: list[int], now: datetime
) -> None:
    with database.transaction() as connection:
        connection.execute(update(people).where(people.c.id == guests[2]).values(email=""))

    first = opt_out_address(database, "guest0@EXAMPLE.org", at=now, by="cli")
    second = opt_out_address(database, "guest0@example.org", at=now, by="cli")
    plan = plan_campaign(database, event)

    assert (first, second) == (True, False)
    assert [ticket.guest_id for ticket in plan.tickets] == [guests[1]]
    assert (plan.opted_out, plan.without_address) == ((guests[0],), (guests[2],))


@pytest.mark.usefixtures("guests")
def test_who_says_so_after_the_plan_was_applied_gets_none(
    database: Database, event: Event, mails: MailSimulator, send: Send, now: datetime
) -> None:
    plan = plan_campaign(database, event)
    apply_campaign(database, event, plan_hash=plan.plan_hash, by="cli")
    opt_out_address(database, "guest0@example.org", at=now, by="cli")

    done = send()

    assert (done.sent, done.failed) == (2, 1)
    assert len(mails.mails()) == 2


@pytest.mark.usefixtures("guests")
def test_buyers_go_first_and_whoever_opted_out_gets_what_was_ordered(
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


def test_by_whatsapp_first_each_guest_gets_the_ticket_as_a_file_and_by_one_way(
    database: Database, event: Event, guests: list[int], chats: WhatsAppSimulator,
    mails: MailSimulator, send: Send, both: NotificationSender,
) -> None:  # fmt: skip
    with database.transaction() as connection:
        connection.execute(update(people).where(people.c.id == guests[0]).values(phone=""))
    by = (Channel.WHATSAPP, Channel.MAIL)
    plan = plan_campaign(database, event, channels=by)
    apply_campaign(database, event, plan_hash=plan.plan_hash, channels=by, by="cli")

    send(through=both)
    again = [plan_campaign(database, event, channels=way).tickets for way in (by, by[::-1])]

    assert (plan.count_by_channel(Channel.WHATSAPP), plan.count_by_channel(Channel.MAIL)) == (2, 1)
    files = [message.draft.file for message in chats.messages()]
    assert [file is not None and file.media_type for file in files] == ["application/pdf"] * 2
    assert (len(mails.mails()), again) == (1, [(), ()])


def test_a_plan_names_its_ways_and_whoever_wants_none_by_either_gets_none(
    database: Database, event: Event, guests: list[int], now: datetime
) -> None:
    by_mail = plan_campaign(database, event)
    with database.transaction() as connection:
        connection.execute(
            update(people).where(people.c.id == guests[0]).values(phone="+628999999999")
        )
    opt_out_address(database, "+628999999999", at=now, by="cli")

    with pytest.raises(PlanOutdated):
        apply_campaign(
            database, event, plan_hash=by_mail.plan_hash, channels=[Channel.WHATSAPP], by="cli"
        )

    assert plan_campaign(database, event).opted_out == (guests[0],)
