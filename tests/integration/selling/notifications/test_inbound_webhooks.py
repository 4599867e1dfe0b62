"""Tests of STOP by every provider, and of webhooks that staff have to decide about."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from simulators.whatsapp.business import BusinessWebhook
from simulators.whatsapp.inbound import InboundText
from simulators.whatsapp.server import WhatsAppSimulator
from ticketing.notifications.campaigns import queries as campaign_queries
from ticketing.notifications.deliver import DeliveryRunResult, NotificationSender
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.inbound import admin
from ticketing.notifications.inbound.process_webhooks import (
    ReceiptResult,
    process_status_webhooks,
    store_status_webhook,
)
from ticketing.notifications.whatsapp.providers import WhatsAppProvider
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.notifications import delivery_attempts, opt_outs
from ticketing.platform.kernel.errors import Refused
from ticketing.selling.checkout.place_order import PlacedOrder

NUMBER, DIGITS = "+6281234567890", "6281234567890"
PROVIDERS = list(WhatsAppProvider)
QUARANTINED = ReceiptResult(quarantined=1)
Receive = Callable[..., ReceiptResult]


@pytest.fixture
def whatsapp_and_reports() -> Iterator[tuple[WhatsAppSimulator, BusinessWebhook]]:
    with (
        BusinessWebhook() as told,
        WhatsAppSimulator(
            cloud_webhook=told.url, waha_webhook=told.url, fonnte_webhook=told.url
        ) as simulator,
    ):
        yield simulator, told


@pytest.fixture
def process(database: Database, now: datetime) -> Callable[..., ReceiptResult]:
    def run(minutes: float = 0) -> ReceiptResult:
        at = now + timedelta(minutes=minutes)
        return process_status_webhooks(database, tuple(Channel), at=at, jitter=lambda: 0.5)

    return run


@pytest.fixture
def receive(
    database: Database,
    now: datetime,
    whatsapp_and_reports: tuple[WhatsAppSimulator, BusinessWebhook],
    process: Callable[..., ReceiptResult],
) -> Receive:
    """Return a function that lets a person write, and processes what the provider reports."""
    simulator, told = whatsapp_and_reports

    def written(provider: WhatsAppProvider, text: str = "Stop.", **more: object) -> ReceiptResult:
        count = len(told.told)
        simulator.receive_text(provider, InboundText(DIGITS, text, **more))  # type: ignore[arg-type]  # a test's
        simulator.reports(at_least=count + 1)
        store_status_webhook(database, provider, told.told[count].body, at=now)
        return process()

    return written


@pytest.fixture
def opted_out(database: Database) -> Callable[[], list[str]]:
    def fetch() -> list[str]:
        with database.transaction() as connection:
            return list(connection.execute(select(opt_outs.c.address)).scalars())

    return fetch


@pytest.mark.parametrize("provider", PROVIDERS)
def test_stop_excludes_the_number_by_every_provider(
    database: Database, receive: Receive, provider: WhatsAppProvider
) -> None:
    done = receive(provider), receive(provider, "Stop campur")

    assert done == (ReceiptResult(applied=1), ReceiptResult(unchanged=1))
    with database.transaction() as connection:
        assert campaign_queries.has_opted_out(connection, NUMBER)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_stop_without_a_number_excludes_nobody_until_staff_name_the_number(
    database: Database,
    receive: Receive,
    opted_out: Callable[[], list[str]],
    now: datetime,
    provider: WhatsAppProvider,
) -> None:
    done = receive(provider, hidden=True)
    (listed,) = admin.list_quarantined(database)
    before = opted_out()

    with pytest.raises(Refused, match="write name@example"):
        admin.assign_opt_out(database, listed.id, "0812", at=now, by="cli")
    admin.assign_opt_out(database, listed.id, NUMBER, at=now, by="cli")

    assert (done, before, opted_out()) == (QUARANTINED, [], [NUMBER])
    assert listed.senders
    assert DIGITS not in listed.senders[0]
    assert admin.list_quarantined(database) == []


def test_a_stop_in_a_group_is_listed_even_with_a_number(
    database: Database, receive: Receive, opted_out: Callable[[], list[str]]
) -> None:
    done = receive(WhatsAppProvider.WAHA, group="120363041234567890", answers="3EB0AA")

    assert (done, opted_out()) == (QUARANTINED, [])
    (listed,) = admin.list_quarantined(database)
    assert DIGITS in listed.senders[0]


@pytest.fixture
def sent_message(
    database: Database, enqueue: Callable[..., None], place: Callable[..., PlacedOrder],
    sell: Callable[..., int], send: Callable[..., DeliveryRunResult],
    two_channel_sender: NotificationSender,
) -> str:  # fmt: skip
    """Send a message by WhatsApp; return the id that the provider is said to have given it."""
    code = place((sell("Reguler"), 1)).order.code
    enqueue("order.reversed", code, NUMBER, order=code)
    assert send(through=two_channel_sender).sent == 1
    with database.transaction() as connection:
        connection.execute(delivery_attempts.update().values(provider_id="3EB0AA"))
    return "3EB0AA"


@pytest.mark.parametrize("provider", [WhatsAppProvider.CLOUD, WhatsAppProvider.WAHA])
def test_a_hidden_number_is_known_by_the_message_that_the_stop_answers(
    receive: Receive,
    opted_out: Callable[[], list[str]],
    sent_message: str,
    provider: WhatsAppProvider,
) -> None:
    assert receive(provider, hidden=True, answers=sent_message) == ReceiptResult(applied=1)
    assert opted_out() == [NUMBER]


def test_odd_items_are_listed_and_the_others_of_their_notification_are_applied(
    database: Database,
    receive: Receive,
    whatsapp_and_reports: tuple[WhatsAppSimulator, BusinessWebhook],
    opted_out: Callable[[], list[str]],
    process: Callable[..., ReceiptResult],
    now: datetime,
) -> None:
    whatsapp_and_reports[0].faults.set(odd_items=1)

    done = receive(WhatsAppProvider.CLOUD)

    assert (done, opted_out()) == (QUARANTINED, [NUMBER])
    (listed,) = admin.list_quarantined(database)
    assert "statuses 2: id: no message" in listed.reason
    assert "(1 other items were applied)" in listed.reason
    admin.retry_webhook(database, listed.id, at=now, by="cli")
    assert process(1) == QUARANTINED
    admin.dismiss_webhook(database, listed.id, at=now + timedelta(minutes=2), by="cli")
    assert (admin.list_quarantined(database), process(3)) == ([], ReceiptResult())
    with pytest.raises(Refused, match="inbound list"):
        admin.retry_webhook(database, listed.id, at=now, by="cli")


def test_an_item_that_fails_is_undone_alone(
    database: Database,
    process: Callable[..., ReceiptResult],
    opted_out: Callable[[], list[str]],
    now: datetime,
) -> None:
    texts = [("628111111111", "stop"), ("\x00", "STOP"), ("6281234567890", "BERHENTI")]
    read = {"id": "\x00", "status": "read", "timestamp": 0}  # PostgreSQL refuses NUL
    messages = [{"from": number, "text": {"body": text}} for number, text in texts]
    value = {"statuses": [read], "messages": messages}
    body = {"entry": [{"changes": [{"field": "messages", "value": value}]}]}
    store_status_webhook(database, WhatsAppProvider.CLOUD, json.dumps(body).encode(), at=now)

    rounds = [process(minutes) for minutes in (0, 2, 6)]

    assert rounds == [ReceiptResult(postponed=1)] * 2 + [QUARANTINED]
    assert sorted(opted_out()) == ["+628111111111", NUMBER]


def test_what_is_listed_is_an_incident_until_the_list_is_empty(
    database: Database, receive: Receive, now: datetime
) -> None:
    receive(WhatsAppProvider.WAHA, hidden=True)
    receive(WhatsAppProvider.FONNTE, hidden=True)
    later = now + timedelta(hours=1)

    open_after = []
    for listed in admin.list_quarantined(database):
        admin.dismiss_webhook(database, listed.id, at=later, by="cli")
        with database.transaction() as connection:
            open_after.append(len(incidents.list_open(connection)))

    assert open_after == [1, 0]


def test_no_state_of_a_message_is_lost_by_a_quarantine(
    database: Database,
    sent_message: str,
    process: Callable[..., ReceiptResult],
    delivery_channels: Callable[[], list[tuple[Channel, DeliveryState]]],
    now: datetime,
) -> None:
    read = {"id": sent_message, "status": "read", "timestamp": 1769860000}
    statuses = [{"status": "read"}, read]
    body = {"entry": [{"changes": [{"field": "messages", "value": {"statuses": statuses}}]}]}
    store_status_webhook(database, WhatsAppProvider.CLOUD, json.dumps(body).encode(), at=now)

    assert process() == QUARANTINED
    assert delivery_channels() == [(Channel.WHATSAPP, DeliveryState.READ)]
