"""Tests of messages that WAHA accepts and WhatsApp never acknowledges, or late."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from simulators.mail.server import MailSimulator
from simulators.whatsapp.faults import WhatsAppResponseFault
from simulators.whatsapp.server import WhatsAppSimulator
from simulators.whatsapp.waha import API_KEY
from ticketing.notifications.channels import acknowledgement_queries
from ticketing.notifications.channels.acknowledgements import (
    AcknowledgementPolicy,
    expire_unacknowledged,
)
from ticketing.notifications.deliver import (
    DeliveryRunResult,
    NotificationSender,
    has_overdue_deliveries,
)
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.inbound.process_webhooks import (
    process_status_webhooks,
    store_status_webhook,
)
from ticketing.notifications.whatsapp.providers import WhatsAppProvider, WhatsAppProviderConfig
from ticketing.orders.order import Buyer
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.selling.checkout.place_order import PlacedOrder

MAIL, WHATSAPP = Channel.MAIL, Channel.WHATSAPP
NUMBER = "+628111111111"
FAILED, SENT, QUEUED = DeliveryState.FAILED, DeliveryState.SENT, DeliveryState.QUEUED
TIMEOUT = timedelta(minutes=15)
SERVER, DEVICE = 1, 2
Send = Callable[..., DeliveryRunResult]
States = Callable[[], list[tuple[Channel, DeliveryState]]]


@pytest.fixture
def waha_sender(
    two_channel_sender: NotificationSender, whatsapp_simulator: WhatsAppSimulator
) -> Iterator[NotificationSender]:
    """Return a sender that waits a quarter of an hour for WAHA's acknowledgements."""
    config = WhatsAppProviderConfig(WhatsAppProvider.WAHA, API_KEY, whatsapp_simulator.url)
    with config.client() as client:
        waits = config.acknowledgement_policy(client, None)
        assert waits
        assert waits.timeout == TIMEOUT
        yield replace(
            two_channel_sender, whatsapp=client, organiser_email="", acknowledgements=waits
        )


@pytest.fixture
def send_waha(send: Send, waha_sender: NotificationSender) -> Send:
    def run(minutes: float = 0, **more: object) -> DeliveryRunResult:
        return send(minutes, replace(waha_sender, **more))

    return run


@pytest.fixture
def webhook_works(database: Database, now: datetime) -> None:
    """Let an acknowledgement have arrived an hour ago."""
    with database.transaction() as connection:
        acknowledgement_queries.note_acknowledgement(
            connection, WHATSAPP, at=now - timedelta(hours=1)
        )


@pytest.fixture
def accepted(
    whatsapp_simulator: WhatsAppSimulator, send_waha: Send, sell: Callable[..., int], sari: Buyer,
    place: Callable[..., PlacedOrder], enqueue: Callable[..., None],
) -> None:  # fmt: skip
    """Send a message to a buyer with an e-mail address, which WAHA accepts and does not send."""
    whatsapp_simulator.faults.set(unacknowledged=1)
    code = place((sell("Reguler"), 1), buyer=sari).order.code
    enqueue("order.reversed", code, NUMBER, order=code)
    assert send_waha().sent == 1


@pytest.fixture
def acknowledge(
    database: Database, now: datetime, whatsapp_simulator: WhatsAppSimulator
) -> Callable[[int, float], None]:
    """Return a function that reports WAHA's acknowledgement of the message."""

    def told(ack: int, minutes: float) -> None:
        (message,) = whatsapp_simulator.messages()
        payload = {"id": message.id, "fromMe": True, "ack": ack}
        body = json.dumps({"event": "message.ack", "payload": payload}).encode()
        at = now + timedelta(minutes=minutes)
        store_status_webhook(database, WhatsAppProvider.WAHA, body, at=at)
        process_status_webhooks(database, (WHATSAPP, MAIL), at=at, jitter=lambda: 0.5)

    return told


@pytest.mark.usefixtures("accepted", "webhook_works")
def test_a_message_without_acknowledgement_falls_to_the_next_channel_once(
    send_waha: Send, delivery_channels: States, mails: MailSimulator,
    whatsapp_simulator: WhatsAppSimulator,
) -> None:  # fmt: skip
    early = send_waha(14), delivery_channels()

    for minutes in (15, 16, 60, 24 * 60):
        send_waha(minutes)

    assert early == (DeliveryRunResult(), [(WHATSAPP, SENT)])
    assert delivery_channels() == [(WHATSAPP, FAILED), (MAIL, SENT)]
    assert (len(mails.mails()), len(whatsapp_simulator.messages())) == (1, 1)


@pytest.mark.usefixtures("accepted", "webhook_works")
def test_an_acknowledgement_in_time_ends_the_wait(
    send_waha: Send, delivery_channels: States, acknowledge: Callable[[int, float], None]
) -> None:
    acknowledge(SERVER, 14)

    assert send_waha(24 * 60) == DeliveryRunResult()
    assert delivery_channels() == [(WHATSAPP, SENT)]


@pytest.mark.usefixtures("accepted", "webhook_works")
def test_an_acknowledgement_whose_webhook_was_lost_is_read_back(
    send_waha: Send, delivery_channels: States, whatsapp_simulator: WhatsAppSimulator
) -> None:
    (message,) = whatsapp_simulator.messages()
    message.step = "delivered"

    assert send_waha(15) == DeliveryRunResult()
    assert send_waha(24 * 60) == DeliveryRunResult()
    assert delivery_channels() == [(WHATSAPP, SENT)]


@pytest.mark.usefixtures("accepted", "webhook_works")
def test_a_gateway_that_cannot_be_asked_has_twice_the_time(
    send_waha: Send, delivery_channels: States, whatsapp_simulator: WhatsAppSimulator
) -> None:
    down = WhatsAppResponseFault("hang-up", times=9, path="/messages/")
    whatsapp_simulator.faults.set(answers=[down])

    rounds = [send_waha(minutes).sent for minutes in (15, 29, 30)]

    assert rounds == [0, 0, 1]
    assert delivery_channels() == [(WHATSAPP, FAILED), (MAIL, SENT)]


@pytest.mark.usefixtures("accepted", "webhook_works")
def test_a_late_acknowledgement_withdraws_the_mail_that_was_not_tried(
    send_waha: Send, delivery_channels: States, mails: MailSimulator,
    acknowledge: Callable[[int, float], None], waha_sender: NotificationSender,
    database: Database, now: datetime,
) -> None:  # fmt: skip
    assert waha_sender.acknowledgements
    expire_unacknowledged(
        database, waha_sender.acknowledgements, (WHATSAPP, MAIL), at=now + TIMEOUT, limit=8
    )
    before = delivery_channels()

    acknowledge(SERVER, 16)
    send_waha(17)

    assert before == [(WHATSAPP, FAILED), (MAIL, QUEUED)]
    assert (delivery_channels(), mails.mails()) == ([(WHATSAPP, SENT), (MAIL, FAILED)], [])


@pytest.mark.usefixtures("accepted", "webhook_works")
def test_an_acknowledgement_after_the_mail_sends_nothing_more(
    send_waha: Send, delivery_channels: States, mails: MailSimulator,
    acknowledge: Callable[[int, float], None],
) -> None:  # fmt: skip
    send_waha(15)

    acknowledge(SERVER, 16)
    left = delivery_channels()
    acknowledge(DEVICE, 17)
    send_waha(24 * 60)

    assert left == [(WHATSAPP, FAILED), (MAIL, SENT)]
    assert delivery_channels() == [(WHATSAPP, DeliveryState.DELIVERED), (MAIL, SENT)]
    assert len(mails.mails()) == 1


@pytest.mark.usefixtures("accepted")
def test_without_a_working_webhook_nothing_falls_to_the_next_channel(
    database: Database, send_waha: Send, delivery_channels: States
) -> None:
    def told() -> list[str]:
        with database.transaction() as connection:
            return [each.message for each in incidents.list_open(connection)]

    rounds = [send_waha(minutes) for minutes in (15, 16)]

    assert rounds == [DeliveryRunResult()] * 2
    assert delivery_channels() == [(WHATSAPP, SENT)]
    assert "register the webhook with the event message.ack" in told()[0]


@pytest.mark.usefixtures("accepted", "webhook_works")
def test_two_processes_give_up_a_message_once(
    database: Database, waha_sender: NotificationSender, now: datetime, delivery_channels: States
) -> None:
    at, given_up = now + TIMEOUT, []

    def twice(to: str, provider_id: str) -> object:
        # the other process runs between the look at the list and the lock
        given_up.append(
            expire_unacknowledged(
                database, AcknowledgementPolicy(TIMEOUT), channels, at=at, limit=8
            )
        )
        return waha_sender.acknowledgements.read_back(to, provider_id)  # type: ignore[union-attr, misc]  # set by the fixture

    channels = (WHATSAPP, MAIL)
    policy = AcknowledgementPolicy(TIMEOUT, twice)  # type: ignore[arg-type]  # as above
    given_up.append(expire_unacknowledged(database, policy, channels, at=at, limit=8))

    assert given_up == [1, 0]
    assert delivery_channels() == [(WHATSAPP, FAILED), (MAIL, QUEUED)]


@pytest.mark.usefixtures("accepted", "webhook_works")
def test_a_message_that_nobody_gives_up_is_overdue(
    database: Database, waha_sender: NotificationSender, now: datetime
) -> None:
    overdue = [
        has_overdue_deliveries(
            database, waha_sender, at=now + timedelta(minutes=late), overdue_by=timedelta(minutes=5)
        )
        for late in (19, 20)
    ]

    assert overdue == [False, True]
