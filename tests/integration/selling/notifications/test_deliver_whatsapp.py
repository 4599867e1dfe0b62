"""Tests of two channels: the preferred one first, the other after a permanent failure."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from simulators.mail.faults import MailFault
from simulators.mail.server import MailSimulator
from simulators.whatsapp.faults import WhatsAppResponseFault
from simulators.whatsapp.server import WhatsAppSimulator
from ticketing.notifications.deliver import DeliveryRunResult, NotificationSender
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.orders.order import Buyer
from ticketing.platform.db.database import Database
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.complete_order import enqueue_message

NUMBER = "+628111111111"
DIGITS = NUMBER.removeprefix("+")
MAIL, WHATSAPP = Channel.MAIL, Channel.WHATSAPP
SENT, FAILED = DeliveryState.SENT, DeliveryState.FAILED
NOT_ON_WHATSAPP = 131026
Send = Callable[..., DeliveryRunResult]
DeliveryChannels = Callable[[], list[tuple[Channel, DeliveryState]]]


@pytest.fixture
def send_both(send: Send, two_channel_sender: NotificationSender) -> Send:
    """Return a function that sends by both channels, without an organiser's address."""

    def run(minutes: float = 0, **more: object) -> DeliveryRunResult:
        return send(minutes, replace(two_channel_sender, organiser_email="", **more))

    return run


@pytest.fixture
def enqueue_after_tickets(
    database: Database, sold: PlacedOrder, send_both: Send
) -> Callable[[str], PlacedOrder]:
    """Return a function that sends an order's tickets and enqueues a message to a recipient."""

    def record(recipient: str) -> PlacedOrder:
        send_both()
        with database.transaction() as connection:
            enqueue_message(connection, sold.order, "order.reversed", recipient)
        return sold

    return record


def test_a_buyer_with_only_a_phone_number_gets_the_tickets_by_whatsapp(
    whatsapp_simulator: WhatsAppSimulator, send_both: Send, buy: Callable[..., PlacedOrder],
    print_all: Callable[[], None], delivery_channels: DeliveryChannels,
) -> None:  # fmt: skip
    placed = buy(Buyer(f"tel:{NUMBER}", "Tono", "", NUMBER))
    print_all()

    send_both()
    again = send_both(60)

    (message,) = whatsapp_simulator.messages(DIGITS)
    assert message.draft.template == "order_tickets/id"
    assert placed.order.code in message.draft.text
    assert message.draft.text.count("https://tickets.example.org/t/") == 2
    assert (delivery_channels(), again) == ([(WHATSAPP, SENT)], DeliveryRunResult())


@pytest.mark.usefixtures("sold")
def test_a_buyer_with_both_channels_gets_one_mail(
    whatsapp_simulator: WhatsAppSimulator, mails: MailSimulator, send_both: Send
) -> None:
    send_both()
    send_both(60)

    assert (len(mails.mails()), whatsapp_simulator.messages()) == (1, [])


@pytest.mark.usefixtures("sold")
def test_an_unknown_mailbox_is_followed_by_whatsapp(
    whatsapp_simulator: WhatsAppSimulator,
    mails: MailSimulator,
    send_both: Send,
    delivery_channels: DeliveryChannels,
) -> None:
    mails.faults.meets.append(MailFault("rcpt", "550 5.1.1 no such user", times=9))

    send_both()
    send_both(1)

    assert delivery_channels() == [(MAIL, FAILED), (WHATSAPP, SENT)]
    assert len(whatsapp_simulator.messages(DIGITS)) == 1


def test_a_number_that_is_not_on_whatsapp_is_followed_by_mail(
    whatsapp_simulator: WhatsAppSimulator, mails: MailSimulator,
    enqueue_after_tickets: Callable[[str], PlacedOrder],
    send_both: Send, delivery_channels: DeliveryChannels,
) -> None:  # fmt: skip
    whatsapp_simulator.faults.set(refused={DIGITS: NOT_ON_WHATSAPP})
    enqueue_after_tickets(NUMBER)

    send_both(1)
    send_both(2)

    assert delivery_channels() == [(MAIL, SENT), (WHATSAPP, FAILED), (MAIL, SENT)]
    assert len(mails.mails("sari@example.org")) == 2


def test_a_failed_mail_to_another_address_is_not_sent_to_the_buyers_number(
    whatsapp_simulator: WhatsAppSimulator, mails: MailSimulator,
    enqueue_after_tickets: Callable[[str], PlacedOrder],
    send_both: Send, delivery_channels: DeliveryChannels,
) -> None:  # fmt: skip
    enqueue_after_tickets("tono@example.org")
    mails.faults.meets.append(MailFault("rcpt", "550 5.1.1 no such user", times=9))

    send_both(1)
    send_both(2)

    assert delivery_channels() == [(MAIL, SENT), (MAIL, FAILED)]
    assert whatsapp_simulator.messages() == []


@pytest.mark.usefixtures("sold")
def test_when_every_channel_failed_the_last_delivery_is_left_to_staff(
    whatsapp_simulator: WhatsAppSimulator,
    mails: MailSimulator,
    send_both: Send,
    delivery_channels: DeliveryChannels,
) -> None:
    mails.faults.meets.append(MailFault("rcpt", "550 5.1.1 no such user", times=9))
    whatsapp_simulator.faults.set(refused={DIGITS: NOT_ON_WHATSAPP})

    rounds = [send_both(minutes) for minutes in (0, 1, 2)]

    assert delivery_channels() == [(MAIL, FAILED), (WHATSAPP, FAILED)]
    assert rounds[2] == DeliveryRunResult()


def test_a_time_out_after_the_message_was_taken_sends_no_second_one_within_half_an_hour(
    whatsapp_simulator: WhatsAppSimulator,
    enqueue_after_tickets: Callable[[str], PlacedOrder],
    send_both: Send,
    delivery_channels: DeliveryChannels,
) -> None:
    enqueue_after_tickets(NUMBER)
    whatsapp_simulator.faults.set(
        answers=[WhatsAppResponseFault("act-then-hang-up", path="/messages")]
    )

    send_both(1)
    before = len(whatsapp_simulator.messages(DIGITS))
    rounds = [send_both(1 + minutes) for minutes in (29, 30, 24 * 60)]

    assert before == 1
    assert [each.sent for each in rounds] == [0, 1, 0]
    assert delivery_channels()[1:] == [(WHATSAPP, SENT)]


@pytest.mark.usefixtures("sold")
def test_without_a_mail_server_mails_wait_and_whatsapp_messages_are_sent(
    mails: MailSimulator, two_channel_sender: NotificationSender, send: Send,
    delivery_channels: DeliveryChannels,
    enqueue: Callable[..., None], sold: PlacedOrder,
) -> None:  # fmt: skip
    enqueue("order.reversed", sold.order.code, "tono@example.org", order=sold.order.code)
    send(through=replace(two_channel_sender, mail=None, organiser_email="panitia@example.org"))
    before = (sorted(delivery_channels()), mails.mails())

    send(1, two_channel_sender)
    send(2, two_channel_sender)

    assert before == ([(MAIL, DeliveryState.QUEUED), (WHATSAPP, SENT)], [])
    assert len(mails.mails()) == 2
