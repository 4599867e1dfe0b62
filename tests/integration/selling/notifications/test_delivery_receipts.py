"""What vendors and mail servers tell afterwards, in any order, twice, or of nobody we know."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from simulators.mail.server import MailSimulator
from simulators.whatsapp.message import SimulatedMessage
from simulators.whatsapp.server import WhatsAppSimulator
from ticketing.notifications.campaigns import queries as campaign_queries
from ticketing.notifications.deliver import DeliveryRunResult, NotificationSender
from ticketing.notifications.delivery import Channel, DeliveryReceipt, DeliveryState
from ticketing.notifications.delivery_receipts import (
    BounceResult,
    ReceiptResult,
    apply_receipt,
    process_bounces,
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
DOORS = (WHATSAPP, MAIL)
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
Ways = Callable[[], list[tuple[Channel, DeliveryState]]]
Say = Callable[..., None]
Hear = Callable[..., ReceiptResult]


@pytest.fixture
def send_both(send: Send, both: NotificationSender) -> Send:
    def run(minutes: float = 0) -> DeliveryRunResult:
        return send(minutes, replace(both, organiser_email=""))

    return run


@pytest.fixture
def message(
    chats: WhatsAppSimulator, send_both: Send, sell: Callable[..., int], sari: Buyer,
    place: Callable[..., PlacedOrder], leave: Callable[..., None],
) -> SimulatedMessage:  # fmt: skip
    """A message about an order of Sari's that WhatsApp has taken; she has an address too."""
    code = place((sell("Reguler"), 1), buyer=sari).order.code
    leave("order.reversed", code, NUMBER, order=code)
    send_both()
    (taken,) = chats.messages()
    return taken


@pytest.fixture
def say(database: Database, now: datetime, message: SimulatedMessage) -> Say:
    """Meta tells something of the message."""

    def told(status: str, code: int | None = None, **more: str) -> None:
        said = {
            "id": message.id, "status": status, "timestamp": "1769860000",
            "recipient_id": "628111111111", "biz_opaque_callback_data": message.draft.reference,
        } | more  # fmt: skip
        errors = {"errors": [{"code": code, "title": "..."}]} if code else {}
        value = {"messaging_product": "whatsapp", "statuses": [said | errors]}
        change = {"field": "messages", "value": value}
        body = json.dumps({"entry": [{"id": "1", "changes": [change]}]}).encode()
        store_status_webhook(database, WhatsAppProvider.CLOUD, body, at=now)

    return told


@pytest.fixture
def listen(database: Database, now: datetime) -> Hear:
    def run(minutes: float = 0) -> ReceiptResult:
        at = now + timedelta(minutes=minutes)
        return process_status_webhooks(database, DOORS, at=at, jitter=lambda: 0.5)

    return run


@pytest.mark.parametrize(
    "order",
    [["sent", "delivered", "read"], ["read", "delivered", "sent"], ["read", "failed", "read"]],
)
def test_a_message_only_climbs_however_its_reports_come(
    say: Say, listen: Hear, ways: Ways, order: list[str]
) -> None:
    for status in order:
        say(status)

    heard = listen()

    assert ways() == [(WHATSAPP, DeliveryState.READ)]
    assert heard.handled == len(set(order))
    assert listen() == ReceiptResult()


def test_a_report_that_comes_twice_is_kept_once(say: Say, listen: Hear) -> None:
    say("delivered")
    say("delivered")

    assert listen() == ReceiptResult(applied=1)


def test_one_that_is_said_to_have_failed_afterwards_goes_by_mail(
    say: Say, listen: Hear, send_both: Send, mails: MailSimulator, ways: Ways
) -> None:
    say("failed", WINDOW_CLOSED)
    listen()

    send_both(1)
    say("failed", WINDOW_CLOSED, timestamp="1769860001")
    listen(2)
    send_both(3)

    assert ways() == [(WHATSAPP, FAILED), (MAIL, SENT)]
    assert len(mails.mails(SARI)) == 1


def test_what_only_came_too_soon_is_tried_again_no_sooner_than_told(
    say: Say, listen: Hear, send_both: Send, chats: WhatsAppSimulator, ways: Ways
) -> None:
    say("failed", TOO_MANY_OF_THEM)
    listen()

    rounds = [send_both(minutes).sent for minutes in (60, 24 * 60 - 1, 24 * 60)]

    assert rounds == [0, 0, 1]
    assert ways() == [(WHATSAPP, SENT)]
    assert len(chats.messages()) == 2


def test_a_report_settles_what_was_unknown(
    database: Database, say: Say, listen: Hear, send_both: Send, chats: WhatsAppSimulator
) -> None:
    lost = {"state": "unknown", "provider_id": ""}
    with database.transaction() as connection:
        connection.execute(delivery_attempts.update().values(lost))
        connection.execute(deliveries.update().values(lost | {"next_attempt_at": select(
            deliveries.c.queued_at).scalar_subquery() + timedelta(minutes=30)}))  # fmt: skip

    say("sent")
    listen()

    assert send_both(60) == DeliveryRunResult()
    assert len(chats.messages()) == 1


def test_a_report_of_a_message_nobody_knows_waits_for_it_and_is_then_let_go(
    say: Say, listen: Hear, ways: Ways
) -> None:
    say("read", id="wamid.OTHER", biz_opaque_callback_data="")

    rounds = [listen(minutes) for minutes in (0, 1, 2, 6)]

    assert rounds == [
        ReceiptResult(postponed=1),
        ReceiptResult(),
        ReceiptResult(postponed=1),
        ReceiptResult(unchanged=1),
    ]
    assert ways() == [(WHATSAPP, SENT)]


def test_a_report_that_overtakes_our_own_note_is_not_taken_back(
    database: Database, both: NotificationSender, whatsapp: CloudClient, send: Send,
    sell: Callable[..., int], sari: Buyer, place: Callable[..., PlacedOrder],
    leave: Callable[..., None], now: datetime, ways: Ways,
) -> None:  # fmt: skip
    code = place((sell("Reguler"), 1), buyer=sari).order.code
    leave("order.reversed", code, NUMBER, order=code)

    class Slow:
        def send(self, to: str, message: ChatMessage, *, reference: str) -> SendOutcome:
            taken = whatsapp.send(to, message, reference=reference)
            report = DeliveryReceipt(DeliveryState.DELIVERED, "wamid.X", reference=reference)
            with database.transaction() as connection:
                assert apply_receipt(connection, report, DOORS, at=now, jitter=0.5)
            return taken

    send(through=replace(both, whatsapp=Slow(), mail=None))

    with database.transaction() as connection:
        logged = connection.execute(select(delivery_attempts.c.state)).scalar_one()
    assert (ways(), logged) == ([(WHATSAPP, DeliveryState.DELIVERED)], DeliveryState.DELIVERED)


def test_one_that_nobody_can_read_stops_no_other(
    database: Database, say: Say, listen: Hear, now: datetime
) -> None:
    odd = {"field": "messages", "value": {"statuses": [{"status": ["read"]}]}}
    body = json.dumps({"entry": [{"changes": [odd]}]}).encode()
    store_status_webhook(database, WhatsAppProvider.CLOUD, body, at=now)
    say("read")

    rounds = [listen(minutes) for minutes in (0, 2, 6)]

    assert rounds == [
        ReceiptResult(applied=1, postponed=1),
        ReceiptResult(postponed=1),
        ReceiptResult(quarantined=1),
    ]


def test_what_makes_no_sense_is_left_for_a_person(
    database: Database, listen: Hear, now: datetime
) -> None:
    store_status_webhook(database, WhatsAppProvider.CLOUD, b"not JSON", at=now)

    assert listen() == ReceiptResult(quarantined=1)


def test_whoever_writes_stop_gets_nothing_more_that_was_not_ordered(
    database: Database, listen: Hear, now: datetime
) -> None:
    wrote = {"from": "628111111111", "timestamp": "1769860000", "text": {"body": "Berhenti."}}
    change = {"field": "messages", "value": {"messages": [wrote]}}
    body = json.dumps({"entry": [{"changes": [change]}]}).encode()
    store_status_webhook(database, WhatsAppProvider.CLOUD, body, at=now)

    listen()

    with database.transaction() as connection:
        assert campaign_queries.has_opted_out(connection, NUMBER)


def test_fonntes_second_name_of_a_message_is_learnt(
    database: Database, message: SimulatedMessage, listen: Hear, ways: Ways, now: datetime
) -> None:
    with_both = {"id": message.id, "stateid": "ABC", "status": "sent", "state": "sent"}
    for said in (with_both, {"stateid": "ABC", "state": "read"}):
        store_status_webhook(database, WhatsAppProvider.FONNTE, json.dumps(said).encode(), at=now)
        listen()

    assert ways() == [(WHATSAPP, DeliveryState.READ)]


def test_a_reader_that_died_leaves_its_reports_to_the_next(
    database: Database, say: Say, listen: Hear, ways: Ways, now: datetime
) -> None:
    say("delivered")
    with database.transaction() as connection:
        connection.execute(
            inbound_webhooks.update().values(
                claimed_until=now + timedelta(minutes=5), attempt_count=1
            )
        )

    rounds = [listen(minutes) for minutes in (4, 5)]

    assert rounds == [ReceiptResult(), ReceiptResult(applied=1)]
    assert ways() == [(WHATSAPP, DeliveryState.DELIVERED)]


@pytest.fixture
def bounced(
    mails: MailSimulator,
    send_both: Send,
    sell: Callable[..., int],
    sari: Buyer,
    place: Callable[..., PlacedOrder],
    leave: Callable[..., None],
) -> Callable[..., bytes]:
    """What a server sends back of a mail to Sari."""
    code = place((sell("Reguler"), 1), buyer=sari).order.code
    leave("order.reversed", code, SARI, order=code)
    send_both()
    (mail,) = mails.mails(SARI)

    def written(action: str = "failed", status: str = "5.1.1", recipient: str = SARI) -> bytes:
        return BOUNCE.format(
            named=mail.message["Message-ID"], action=action, status=status, recipient=recipient
        ).encode()

    return written


@pytest.fixture
def read(database: Database, now: datetime) -> Callable[..., BounceResult]:
    def run(*mails: bytes) -> BounceResult:
        return process_bounces(database, mails, DOORS, at=now, jitter=lambda: 0.5)

    return run


def test_a_mail_that_came_back_has_failed_once_and_goes_by_whatsapp(
    bounced: Callable[..., bytes], read: Callable[..., BounceResult], send_both: Send, ways: Ways,
    chats: WhatsAppSimulator,
) -> None:  # fmt: skip
    first, again = read(bounced()), read(bounced())

    send_both(1)

    assert (first.applied, again.unchanged) == (1, 1)
    assert ways() == [(MAIL, FAILED), (WHATSAPP, SENT)]
    assert len(chats.messages("628111111111")) == 1


@pytest.mark.parametrize(
    ("more", "end"),
    [
        ({"recipient": "tono@example.org"}, BounceResult(1, 0, 0, 1, 0)),
        ({"action": "delayed", "status": "4.4.1"}, BounceResult(1, 0, 0, 0, 1)),
    ],
)
def test_what_is_not_of_that_recipient_or_not_decided_changes_nothing(
    bounced: Callable[..., bytes], read: Callable[..., BounceResult], ways: Ways,
    more: dict[str, str], end: BounceResult,
) -> None:  # fmt: skip
    assert read(bounced(**more)) == end
    assert ways() == [(MAIL, SENT)]


def test_any_other_mail_says_nothing(read: Callable[..., BounceResult]) -> None:
    assert read(b"Subject: Hi\r\n\r\nThank you!", b"") == BounceResult(2, 0, 0, 0, 0)
