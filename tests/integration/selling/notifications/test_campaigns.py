"""Tests of campaigns: planned, applied once, and not sent to guests who opted out."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from simulators.mail.server import MailSimulator
from simulators.whatsapp.server import WhatsAppSimulator
from ticketing.events.model import Event
from ticketing.notifications.campaigns import queries as campaign_queries
from ticketing.notifications.campaigns.apply_rules import (
    apply_due_rules,
    create_rule,
    disable_rule,
    preview_rule,
)
from ticketing.notifications.campaigns.opt_out import opt_out_address, undo_opt_out
from ticketing.notifications.campaigns.queries import enqueue_ticket_messages, list_tickets
from ticketing.notifications.campaigns.send_tickets import (
    apply_campaign,
    plan_campaign,
)
from ticketing.notifications.campaigns.sending_rule import (
    Audience,
    NewRule,
    RuleMessage,
    RuleTime,
    UnusableRule,
)
from ticketing.notifications.deliver import DeliveryRunResult, NotificationSender
from ticketing.notifications.delivery import Channel
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import guests as guests_table
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import ImpossibleTransition, PlanOutdated, Refused
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


def test_an_opt_out_counts_however_it_is_written_and_can_be_taken_back(
    database: Database, now: datetime
) -> None:
    stored = opt_out_address(database, " 0812-3456-7890 ", at=now, by="cli")
    with database.transaction() as connection:
        counts = campaign_queries.has_opted_out(connection, "+6281234567890")

    undone = [undo_opt_out(database, "+62 812 3456 7890", by="cli") for _ in range(2)]

    assert (stored, counts, undone) == (True, True, [True, False])
    for unusable in ("081", "nobody", "a@b"):
        with pytest.raises(Refused, match="write name@example"):
            opt_out_address(database, unusable, at=now, by="cli")


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


@pytest.mark.usefixtures("guests")
@pytest.mark.parametrize(
    ("audience", "recipients"), [("unopened", 2), ("undelivered", 2), ("all", 3)]
)
def test_a_sending_rule_is_applied_once_when_it_is_due(
    database: Database, event: Event, mails: MailSimulator, send: Send, now: datetime,
    audience: str, recipients: int,
) -> None:  # fmt: skip
    new = NewRule(
        RuleTime(days_before=3), Audience(audience), (Channel.MAIL,), RuleMessage.REMINDER
    )
    rule = create_rule(database, event, new, at=now, by="cli")
    due = event.starts_at - timedelta(days=3)
    with database.transaction() as connection:
        tickets = list_tickets(connection, event.id, Audience.ALL)
        first = generated_tickets.c.ticket_code == tickets[0].ticket_code
        connection.execute(update(generated_tickets).where(first).values(opened_at=now))
        first_message = [(tickets[0].ticket_code, tickets[0].mail)]
        enqueue_ticket_messages(
            connection, event.id, first_message, revision=1, payload={"plan": "x"}
        )
    send()
    preview = preview_rule(database, event, rule.id)

    early = apply_due_rules(database, at=due - timedelta(seconds=1), by="worker")
    with ThreadPoolExecutor(3) as pool:
        applied = list(pool.map(lambda _: apply_due_rules(database, at=due, by="worker"), range(3)))
    again = apply_due_rules(database, at=due + timedelta(hours=1), by="worker")
    done = send()

    assert (len(preview.tickets), early, sum(applied), again) == (recipients, 0, recipients, 0)
    assert done.sent == recipients
    subjects = [str(mail.message["Subject"]) for mail in mails.mails()]
    assert sum(text.startswith("Pengingat") for text in subjects) == recipients
    with pytest.raises(ImpossibleTransition, match="was applied"):
        disable_rule(database, event, rule.id, at=due, by="cli")


def test_a_disabled_rule_sends_nothing_and_one_in_the_past_is_refused(
    database: Database, event: Event, now: datetime
) -> None:
    new = NewRule(RuleTime(hours_before=24), Audience.ALL, (Channel.MAIL,), RuleMessage.TICKET)
    rule = create_rule(database, event, new, at=now, by="cli")
    for _ in range(2):
        disable_rule(database, event, rule.id, at=now, by="cli")

    assert apply_due_rules(database, at=event.starts_at, by="worker") == 0
    with pytest.raises(UnusableRule, match="choose a time between now and the end"):
        create_rule(database, event, new, at=event.starts_at, by="cli")
