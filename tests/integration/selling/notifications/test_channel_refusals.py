"""Tests of a channel that its provider refuses: paused at once, tried again, never given up."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from simulators.mail.faults import MailFault
from simulators.mail.server import MailSimulator
from simulators.whatsapp.server import WhatsAppSimulator
from ticketing.monitoring.health import DependencyStatus, check_health
from ticketing.notifications.admin import get_outbox_backlog
from ticketing.notifications.channel_policy import resume_channel
from ticketing.notifications.channels.refusal_queries import RefusalSource
from ticketing.notifications.channels.refusals import (
    ChannelStatus,
    apply_channel_status,
    note_acceptance,
    refuse_channel,
)
from ticketing.notifications.deliver import DeliveryRunResult, NotificationSender
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.inbound.process_webhooks import (
    process_status_webhooks,
    store_status_webhook,
)
from ticketing.notifications.messages.message import ChatMessage, SendOutcome
from ticketing.notifications.whatsapp.cloud import CloudClient
from ticketing.notifications.whatsapp.providers import WhatsAppProvider
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.selling.checkout.place_order import PlacedOrder

WHATSAPP = Channel.WHATSAPP
NOT_REGISTERED, NO_PAYMENT_METHOD = 133010, 131042
Send = Callable[..., DeliveryRunResult]
Report = Callable[..., None]


@pytest.fixture
def send_whatsapp(send: Send, two_channel_sender: NotificationSender) -> Send:
    def run(minutes: float = 0) -> DeliveryRunResult:
        return send(minutes, replace(two_channel_sender, organiser_email=""))

    return run


@pytest.fixture
def five_messages(
    enqueue: Callable[..., None], place: Callable[..., PlacedOrder], sell: Callable[..., int]
) -> None:
    """Enqueue messages about an order to five numbers."""
    code = place((sell("Reguler"), 1)).order.code
    for number in range(5):
        enqueue("order.reversed", code, f"+62811000000{number}", order=code)


@pytest.fixture
def is_paused(database: Database, now: datetime) -> Callable[[float], bool]:
    def look(minutes: float) -> bool:
        at = now + timedelta(minutes=minutes)
        return WHATSAPP in get_outbox_backlog(database, at=at).rests

    return look


@pytest.fixture
def open_incidents(database: Database) -> Callable[[], list[str]]:
    def fetch() -> list[str]:
        with database.transaction() as connection:
            return [each.message for each in incidents.list_open(connection)]

    return fetch


@pytest.fixture
def report(database: Database, now: datetime) -> Report:
    """Return a function that reports a state of all messages that Meta accepted."""

    def told(
        whatsapp: WhatsAppSimulator, status: str, code: int | None = None, *, minutes: float
    ) -> None:
        errors = {"errors": [{"code": code}]} if code else {}
        statuses = [
            {"id": each.id, "status": status, "timestamp": str(minutes), **errors}
            for each in whatsapp.messages()
        ]
        change = {"field": "messages", "value": {"statuses": statuses}}
        body = json.dumps({"entry": [{"changes": [change]}]}).encode()
        at = now + timedelta(minutes=minutes)
        store_status_webhook(database, WhatsAppProvider.CLOUD, body, at=at)
        process_status_webhooks(database, tuple(Channel), at=at, jitter=lambda: 0.5)

    return told


@pytest.mark.usefixtures("five_messages")
def test_a_refused_channel_fails_nobody_and_one_message_tests_it(
    whatsapp_simulator: WhatsAppSimulator,
    send_whatsapp: Send,
    is_paused: Callable[[float], bool],
    open_incidents: Callable[[], list[str]],
) -> None:
    whatsapp_simulator.faults.set(number_refused=NOT_REGISTERED)
    rounds = [send_whatsapp(minutes) for minutes in (0, 9, 10, 20)]
    refused = is_paused(31), open_incidents()

    whatsapp_simulator.faults.clear()
    rounds += [send_whatsapp(minutes) for minutes in (30, 31)]

    assert [each.error for each in rounds] == [5, 0, 1, 1, 0, 0]
    assert [each.sent for each in rounds] == [0, 0, 0, 0, 1, 4]
    assert sum(each.failed for each in rounds) == 0
    assert refused[0]
    assert "(133010)" in refused[1][0]
    assert "resume-channel whatsapp" in refused[1][0]
    assert (is_paused(31), open_incidents()) == (False, [])


def test_a_refused_template_pauses_once_and_then_holds_only_its_own_messages(
    whatsapp_simulator: WhatsAppSimulator, send_whatsapp: Send, enqueue: Callable[..., None],
    place: Callable[..., PlacedOrder], sell: Callable[..., int],
    is_paused: Callable[[float], bool], open_incidents: Callable[[], list[str]],
) -> None:  # fmt: skip
    code = place((sell("Reguler"), 1)).order.code
    whatsapp_simulator.cloud.templates.disabled.add("order_reversed")
    enqueue("order.reversed", code, "+628110000001", order=code)
    first = send_whatsapp().error, is_paused(1)
    enqueue("event.cancelled", code, "+628110000002", order=code)

    rounds = [send_whatsapp(minutes) for minutes in (9, 10, 11, 21)]
    held = is_paused(22), open_incidents()
    whatsapp_simulator.cloud.templates.disabled.clear()
    last = send_whatsapp(31).sent

    assert first == (1, True)
    assert [(each.sent, each.error) for each in rounds] == [(0, 0), (1, 0), (0, 1), (0, 1)]
    assert held[0] is False
    (told,) = held[1]
    assert "order_reversed/id" in told
    assert "message-templates approval order_reversed" in told
    assert (last, open_incidents()) == (1, [])


def test_a_refused_channel_is_down_in_the_health_until_a_message_was_accepted(
    database: Database, tmp_path: Path, now: datetime
) -> None:
    with database.transaction() as connection:
        refuse_channel(connection, WHATSAPP, "Meta: …", RefusalSource.REPLY, at=now)

    def look(minutes: float) -> DependencyStatus:
        at = now + timedelta(minutes=minutes)
        report = check_health(database, tmp_path, channels=[WHATSAPP], min_free_disk=0, at=at)
        assert report.is_healthy  # tickets are issued all the same
        return report.dependencies["whatsapp"]

    before = look(60)
    with database.transaction() as connection:
        at = now + timedelta(minutes=61)
        note_acceptance(connection, WHATSAPP, "", sent_at=at, at=at)

    assert (before, look(62)) == (DependencyStatus.DOWN, DependencyStatus.UP)


@pytest.mark.usefixtures("five_messages")
def test_staff_who_repaired_it_need_not_wait(
    database: Database, whatsapp_simulator: WhatsAppSimulator, send_whatsapp: Send,
    now: datetime, open_incidents: Callable[[], list[str]],
) -> None:  # fmt: skip
    whatsapp_simulator.faults.set(number_refused=NOT_REGISTERED)
    send_whatsapp()
    whatsapp_simulator.faults.clear()

    resume_channel(database, WHATSAPP, at=now + timedelta(minutes=10), by="cli")

    assert (send_whatsapp(10).sent, open_incidents()) == (5, [])


@pytest.mark.usefixtures("five_messages")
def test_one_message_is_under_way_while_a_channel_is_tried(
    whatsapp_simulator: WhatsAppSimulator, whatsapp: CloudClient, send: Send,
    two_channel_sender: NotificationSender, send_whatsapp: Send,
) -> None:  # fmt: skip
    whatsapp_simulator.faults.set(number_refused=NOT_REGISTERED)
    send_whatsapp()
    whatsapp_simulator.faults.clear()
    others = []

    class Slow:
        def send(self, to: str, message: ChatMessage, *, reference: str) -> SendOutcome:
            others.append(send_whatsapp(10).attempts)
            return whatsapp.send(to, message, reference=reference)

    through = replace(two_channel_sender, whatsapp=Slow(), organiser_email="")

    assert (send(10, through).sent, others) == (1, [0])


@pytest.mark.usefixtures("five_messages")
def test_a_refusal_in_receipts_lasts_until_a_message_has_left(
    whatsapp_simulator: WhatsAppSimulator,
    send_whatsapp: Send,
    report: Report,
    open_incidents: Callable[[], list[str]],
    database: Database,
) -> None:
    first = send_whatsapp().sent
    report(whatsapp_simulator, "failed", NO_PAYMENT_METHOD, minutes=1)
    rounds = [send_whatsapp(minutes).sent for minutes in (2, 11, 12)]
    still = len(open_incidents())

    report(whatsapp_simulator, "sent", minutes=13)
    rounds.append(send_whatsapp(13).sent)

    with database.transaction() as connection:
        failures = set(connection.execute(select(deliveries.c.failure_count)).scalars())
    assert (first, rounds, still) == (5, [0, 1, 0, 4], 1)
    assert (open_incidents(), failures) == ([], {0})


@pytest.mark.usefixtures("five_messages")
def test_a_session_that_signs_out_pauses_the_channel_until_it_works(
    database: Database, send_whatsapp: Send, now: datetime,
    open_incidents: Callable[[], list[str]],
) -> None:  # fmt: skip
    def told(minutes: float, *, works: bool) -> bool:
        at = now + timedelta(minutes=minutes)
        status = ChannelStatus(works, "WAHA: the session is SCAN_QR_CODE", at)
        with database.transaction() as connection:
            return apply_channel_status(connection, WHATSAPP, status, at=at)

    done = [told(0, works=True), told(0, works=False)]
    sent = send_whatsapp(1).sent
    during = len(open_incidents())
    done.append(told(2, works=True))

    assert (done, sent, during) == ([False, True, True], 0, 1)
    assert (send_whatsapp(3).sent, open_incidents()) == (5, [])


def test_old_news_of_a_broken_session_do_not_pause_the_channel(
    database: Database, now: datetime, is_paused: Callable[[float], bool]
) -> None:
    status = ChannelStatus(is_working=False, reason="gone", at=now - timedelta(minutes=11))

    with database.transaction() as connection:
        assert not apply_channel_status(connection, WHATSAPP, status, at=now)

    assert not is_paused(0)


@pytest.mark.usefixtures("sold")
def test_a_mail_server_that_refuses_everything_is_an_incident_until_it_accepts_a_mail(
    mails: MailSimulator, send: Send, open_incidents: Callable[[], list[str]],
    delivery_channels: Callable[[], list[tuple[Channel, DeliveryState]]],
) -> None:  # fmt: skip
    mails.faults.meets.append(MailFault("mail", "553 5.1.8 Sender unknown", times=1))
    send()
    during = open_incidents()

    send(10)

    assert "resume-channel mail" in during[0]
    assert (open_incidents(), delivery_channels()[0][1]) == ([], DeliveryState.SENT)
