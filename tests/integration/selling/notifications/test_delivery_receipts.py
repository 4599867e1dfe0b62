"""Tests of delivery receipts of vendors and mail servers: unordered, duplicated or unknown."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from simulators.mail.server import MailSimulator
from simulators.whatsapp.message import SimulatedMessage
from simulators.whatsapp.server import WhatsAppSimulator
from ticketing.notifications.deliver import DeliveryRunResult, NotificationSender
from ticketing.notifications.delivery import Channel, DeliveryReceipt, DeliveryState
from ticketing.notifications.delivery_receipts import BounceResult, apply_receipt, process_bounces
from ticketing.notifications.inbound.process_webhooks import (
    ReceiptResult,
    process_status_webhooks,
    store_status_webhook,
)
from ticketing.notifications.messages.message import ChatMessage, SendOutcome
from ticketing.notifications.whatsapp.cloud import CloudClient
from ticketing.notifications.whatsapp.providers import WhatsAppProvider
from ticketing.orders.order import Buyer
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.notifications import deliveries, delivery_attempts
from ticketing.selling.checkout.place_order import PlacedOrder

NUMBER, SARI = "+628111111111", "sari@example.org"
MAIL, WHATSAPP = Channel.MAIL, Channel.WHATSAPP
CHANNELS = (WHATSAPP, MAIL)
FAILED, SENT = DeliveryState.FAILED, DeliveryState.SENT
WINDOW_CLOSED, TOO_MANY_OF_THEM, THROTTLED = 131047, 131049, 130429
BOUNCE = """\
From: MAILER-DAEMON@mx.example.org
Content-Type: multipart/report; report-type=delivery-status; boundary=cut

--cut
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 no such user

--cut
Content-Type: text/rfc822-headers

Message-ID: {named}

--cut--
"""
Send = Callable[..., DeliveryRunResult]
DeliveryChannels = Callable[[], list[tuple[Channel, DeliveryState]]]
ReportStatus = Callable[..., None]
ProcessReports = Callable[..., ReceiptResult]


@pytest.fixture
def send_both(send: Send, two_channel_sender: NotificationSender) -> Send:
    def run(minutes: float = 0) -> DeliveryRunResult:
        return send(minutes, replace(two_channel_sender, organiser_email=""))

    return run


@pytest.fixture
def message(
    whatsapp_simulator: WhatsAppSimulator, send_both: Send, sell: Callable[..., int], sari: Buyer,
    place: Callable[..., PlacedOrder], enqueue: Callable[..., None],
) -> SimulatedMessage:  # fmt: skip
    """Send a message about an order by WhatsApp to a buyer with an e-mail address as well."""
    code = place((sell("Reguler"), 1), buyer=sari).order.code
    enqueue("order.reversed", code, NUMBER, order=code)
    send_both()
    (taken,) = whatsapp_simulator.messages()
    return taken


@pytest.fixture
def report_status(database: Database, now: datetime, message: SimulatedMessage) -> ReportStatus:
    """Return a function that stores a status report of Meta about the message."""

    def record(status: str, code: int | None = None, **more: str) -> None:
        said = {
            "id": message.id, "status": status, "timestamp": "1769860000",
            "recipient_id": "628111111111", "biz_opaque_callback_data": message.draft.reference,
        } | more  # fmt: skip
        errors = {"errors": [{"code": code, "title": "..."}]} if code else {}
        value = {"messaging_product": "whatsapp", "statuses": [said | errors]}
        change = {"field": "messages", "value": value}
        body = json.dumps({"entry": [{"id": "1", "changes": [change]}]}).encode()
        store_status_webhook(database, WhatsAppProvider.CLOUD, body, at=now)

    return record


@pytest.fixture
def process_reports(database: Database, now: datetime) -> ProcessReports:
    def run(minutes: float = 0) -> ReceiptResult:
        at = now + timedelta(minutes=minutes)
        return process_status_webhooks(database, CHANNELS, at=at, jitter=lambda: 0.5)

    return run


@pytest.mark.parametrize(
    "order",
    [["sent", "delivered", "read"], ["read", "delivered", "sent"], ["read", "failed", "read"]],
)
def test_receipts_in_any_order_only_advance_a_delivery(
    report_status: ReportStatus,
    process_reports: ProcessReports,
    delivery_channels: DeliveryChannels,
    order: list[str],
) -> None:
    for status in order:
        report_status(status)

    heard = process_reports()

    assert delivery_channels() == [(WHATSAPP, DeliveryState.READ)]
    assert heard.handled == len(set(order))
    assert process_reports() == ReceiptResult()


def test_a_duplicate_report_is_stored_once(
    report_status: ReportStatus, process_reports: ProcessReports
) -> None:
    report_status("delivered")
    report_status("delivered")

    assert process_reports() == ReceiptResult(applied=1)


def test_a_message_reported_as_failed_later_is_sent_by_mail(
    report_status: ReportStatus,
    process_reports: ProcessReports,
    send_both: Send,
    mails: MailSimulator,
    delivery_channels: DeliveryChannels,
) -> None:
    report_status("failed", WINDOW_CLOSED)
    process_reports()

    send_both(1)
    report_status("failed", WINDOW_CLOSED, timestamp="1769860001")
    process_reports(2)
    send_both(3)

    assert delivery_channels() == [(WHATSAPP, FAILED), (MAIL, SENT)]
    assert len(mails.mails(SARI)) == 1


def test_a_rate_limited_message_is_retried_no_sooner_than_requested(
    report_status: ReportStatus,
    process_reports: ProcessReports,
    send_both: Send,
    whatsapp_simulator: WhatsAppSimulator,
    delivery_channels: DeliveryChannels,
) -> None:
    report_status("failed", TOO_MANY_OF_THEM)
    process_reports()

    rounds = [send_both(minutes).sent for minutes in (60, 24 * 60 - 1, 24 * 60)]

    assert rounds == [0, 0, 1]
    assert delivery_channels() == [(WHATSAPP, SENT)]
    assert len(whatsapp_simulator.messages()) == 2


def test_a_receipt_decides_an_unknown_delivery(
    database: Database,
    report_status: ReportStatus,
    process_reports: ProcessReports,
    send_both: Send,
    whatsapp_simulator: WhatsAppSimulator,
) -> None:
    lost = {"state": "unknown", "provider_id": ""}
    with database.transaction() as connection:
        connection.execute(delivery_attempts.update().values(lost))
        connection.execute(deliveries.update().values(lost | {"next_attempt_at": select(
            deliveries.c.queued_at).scalar_subquery() + timedelta(minutes=30)}))  # fmt: skip

    report_status("sent")
    process_reports()

    assert send_both(60) == DeliveryRunResult()
    assert len(whatsapp_simulator.messages()) == 1


def test_a_receipt_of_an_unknown_message_waits_and_is_then_dropped(
    report_status: ReportStatus,
    process_reports: ProcessReports,
    delivery_channels: DeliveryChannels,
) -> None:
    report_status("read", id="wamid.OTHER", biz_opaque_callback_data="")

    rounds = [process_reports(minutes) for minutes in (0, 1, 2, 6)]

    assert rounds == [
        ReceiptResult(postponed=1),
        ReceiptResult(),
        ReceiptResult(postponed=1),
        ReceiptResult(unchanged=1),
    ]
    assert delivery_channels() == [(WHATSAPP, SENT)]


def test_a_receipt_that_arrives_before_the_response_is_kept(
    database: Database, two_channel_sender: NotificationSender, whatsapp: CloudClient, send: Send,
    sell: Callable[..., int], sari: Buyer, place: Callable[..., PlacedOrder],
    enqueue: Callable[..., None], now: datetime, delivery_channels: DeliveryChannels,
) -> None:  # fmt: skip
    code = place((sell("Reguler"), 1), buyer=sari).order.code
    enqueue("order.reversed", code, NUMBER, order=code)

    class Slow:
        def send(self, to: str, message: ChatMessage, *, reference: str) -> SendOutcome:
            taken = whatsapp.send(to, message, reference=reference)
            report = DeliveryReceipt(DeliveryState.DELIVERED, "wamid.X", reference=reference)
            with database.transaction() as connection:
                assert apply_receipt(connection, report, CHANNELS, at=now, jitter=0.5)
            return taken

    send(through=replace(two_channel_sender, whatsapp=Slow(), mail=None))

    with database.transaction() as connection:
        logged = connection.execute(select(delivery_attempts.c.state)).scalar_one()
    assert (delivery_channels(), logged) == (
        [(WHATSAPP, DeliveryState.DELIVERED)],
        DeliveryState.DELIVERED,
    )


def test_an_unreadable_receipt_stops_no_other(
    database: Database, report_status: ReportStatus, process_reports: ProcessReports, now: datetime
) -> None:
    odd = {"field": "messages", "value": {"statuses": [{"status": ["read"]}]}}
    body = json.dumps({"entry": [{"changes": [odd]}]}).encode()
    store_status_webhook(database, WhatsAppProvider.CLOUD, body, at=now)
    report_status("read")

    assert process_reports() == ReceiptResult(applied=1, quarantined=1)


def test_an_invalid_receipt_is_left_to_staff(
    database: Database, process_reports: ProcessReports, now: datetime
) -> None:
    store_status_webhook(database, WhatsAppProvider.CLOUD, b"not JSON", at=now)

    assert process_reports() == ReceiptResult(quarantined=1)


def test_the_second_id_of_fonnte_is_stored_with_the_message(
    database: Database,
    message: SimulatedMessage,
    process_reports: ProcessReports,
    delivery_channels: DeliveryChannels,
    now: datetime,
) -> None:
    with_both = {"id": message.id, "stateid": "ABC", "status": "sent", "state": "sent"}
    for said in (with_both, {"stateid": "ABC", "state": "read"}):
        store_status_webhook(database, WhatsAppProvider.FONNTE, json.dumps(said).encode(), at=now)
        process_reports()

    assert delivery_channels() == [(WHATSAPP, DeliveryState.READ)]


def test_receipts_of_a_dead_process_are_processed_by_the_next(
    database: Database,
    report_status: ReportStatus,
    process_reports: ProcessReports,
    delivery_channels: DeliveryChannels,
    now: datetime,
) -> None:
    report_status("delivered")
    with database.transaction() as connection:
        connection.execute(
            inbound_webhooks.update().values(
                claimed_until=now + timedelta(minutes=5), attempt_count=1
            )
        )

    rounds = [process_reports(minutes) for minutes in (4, 5)]

    assert rounds == [ReceiptResult(), ReceiptResult(applied=1)]
    assert delivery_channels() == [(WHATSAPP, DeliveryState.DELIVERED)]


@pytest.fixture
def build_bounce(
    mails: MailSimulator,
    send_both: Send,
    sell: Callable[..., int],
    sari: Buyer,
    place: Callable[..., PlacedOrder],
    enqueue: Callable[..., None],
) -> Callable[..., bytes]:
    """Return a function that builds the bounce of a mail to Sari."""
    code = place((sell("Reguler"), 1), buyer=sari).order.code
    enqueue("order.reversed", code, SARI, order=code)
    send_both()
    (mail,) = mails.mails(SARI)

    def written(action: str = "failed", status: str = "5.1.1", recipient: str = SARI) -> bytes:
        return BOUNCE.format(
            named=mail.message["Message-ID"], action=action, status=status, recipient=recipient
        ).encode()

    return written


@pytest.fixture
def process_mails(database: Database, now: datetime) -> Callable[..., BounceResult]:
    def run(*mails: bytes) -> BounceResult:
        return process_bounces(database, mails, CHANNELS, at=now, jitter=lambda: 0.5)

    return run


def test_a_bounced_mail_fails_once_and_is_sent_by_whatsapp(
    build_bounce: Callable[..., bytes], process_mails: Callable[..., BounceResult], send_both: Send,
    delivery_channels: DeliveryChannels,
    whatsapp_simulator: WhatsAppSimulator,
) -> None:  # fmt: skip
    first, again = process_mails(build_bounce()), process_mails(build_bounce())

    send_both(1)

    assert (first.applied, again.unchanged) == (1, 1)
    assert delivery_channels() == [(MAIL, FAILED), (WHATSAPP, SENT)]
    assert len(whatsapp_simulator.messages("628111111111")) == 1


@pytest.mark.parametrize(
    ("more", "end"),
    [
        ({"recipient": "tono@example.org"}, BounceResult(1, 0, 0, 1, 0)),
        ({"action": "delayed", "status": "4.4.1"}, BounceResult(1, 0, 0, 0, 1)),
    ],
)
def test_a_bounce_of_another_recipient_or_of_a_delay_changes_nothing(
    build_bounce: Callable[..., bytes], process_mails: Callable[..., BounceResult],
    delivery_channels: DeliveryChannels,
    more: dict[str, str], end: BounceResult,
) -> None:  # fmt: skip
    assert process_mails(build_bounce(**more)) == end
    assert delivery_channels() == [(MAIL, SENT)]


def test_mails_for_a_person_are_listed_and_absence_notes_are_counted(
    process_mails: Callable[..., BounceResult],
) -> None:
    absence = b"Auto-Submitted: auto-replied\r\nSubject: Cuti\r\n\r\nSaya cuti."

    done = process_mails(b"Subject: Hi\r\n\r\nThank you!", absence, b"")

    assert done == BounceResult(3, 0, 0, 0, 0, absences=1, not_understood=("Hi", ""))
