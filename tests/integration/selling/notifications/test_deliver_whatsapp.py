"""Two channels behind one table: the one that is named first, the other when it fails for good."""

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
Ways = Callable[[], list[tuple[Channel, DeliveryState]]]


@pytest.fixture
def send_both(send: Send, both: NotificationSender) -> Send:
    """A round with both doors open and no organiser to tell."""

    def run(minutes: float = 0, **more: object) -> DeliveryRunResult:
        return send(minutes, replace(both, organiser_email="", **more))

    return run


@pytest.fixture
def wired(database: Database, sold: PlacedOrder, send_both: Send) -> Callable[[str], PlacedOrder]:
    """A sold order, its tickets sent by mail; then a message about it to an address."""

    def told(recipient: str) -> PlacedOrder:
        send_both()
        with database.transaction() as connection:
            enqueue_message(connection, sold.order, "order.reversed", recipient)
        return sold

    return told


def test_who_has_only_a_number_gets_the_tickets_by_whatsapp(
    chats: WhatsAppSimulator, send_both: Send, buy: Callable[..., PlacedOrder],
    print_all: Callable[[], None], ways: Ways,
) -> None:  # fmt: skip
    placed = buy(Buyer(f"tel:{NUMBER}", "Tono", "", NUMBER))
    print_all()

    send_both()
    again = send_both(60)

    (message,) = chats.messages(DIGITS)
    assert message.draft.template == "order_tickets/id"
    assert placed.order.code in message.draft.text
    assert message.draft.text.count("https://tickets.example.org/t/") == 2
    assert (ways(), again) == ([(WHATSAPP, SENT)], DeliveryRunResult())


@pytest.mark.usefixtures("sold")
def test_who_has_both_is_written_to_by_mail_and_not_twice(
    chats: WhatsAppSimulator, mails: MailSimulator, send_both: Send
) -> None:
    send_both()
    send_both(60)

    assert (len(mails.mails()), chats.messages()) == (1, [])


@pytest.mark.usefixtures("sold")
def test_a_mailbox_that_is_not_there_is_followed_by_whatsapp(
    chats: WhatsAppSimulator, mails: MailSimulator, send_both: Send, ways: Ways
) -> None:
    mails.faults.meets.append(MailFault("rcpt", "550 5.1.1 no such user", times=9))

    send_both()
    send_both(1)

    assert ways() == [(MAIL, FAILED), (WHATSAPP, SENT)]
    assert len(chats.messages(DIGITS)) == 1


def test_a_number_that_is_not_on_whatsapp_is_followed_by_mail(
    chats: WhatsAppSimulator, mails: MailSimulator, wired: Callable[[str], PlacedOrder],
    send_both: Send, ways: Ways,
) -> None:  # fmt: skip
    chats.faults.set(refused={DIGITS: NOT_ON_WHATSAPP})
    wired(NUMBER)

    send_both(1)
    send_both(2)

    assert ways() == [(MAIL, SENT), (WHATSAPP, FAILED), (MAIL, SENT)]
    assert len(mails.mails("sari@example.org")) == 2


def test_an_address_that_is_not_the_buyers_is_never_led_to_the_buyers_number(
    chats: WhatsAppSimulator, mails: MailSimulator, wired: Callable[[str], PlacedOrder],
    send_both: Send, ways: Ways,
) -> None:  # fmt: skip
    wired("tono@example.org")
    mails.faults.meets.append(MailFault("rcpt", "550 5.1.1 no such user", times=9))

    send_both(1)
    send_both(2)

    assert ways() == [(MAIL, SENT), (MAIL, FAILED)]
    assert chats.messages() == []


@pytest.mark.usefixtures("sold")
def test_when_every_channel_has_failed_a_person_is_left_with_the_last(
    chats: WhatsAppSimulator, mails: MailSimulator, send_both: Send, ways: Ways
) -> None:
    mails.faults.meets.append(MailFault("rcpt", "550 5.1.1 no such user", times=9))
    chats.faults.set(refused={DIGITS: NOT_ON_WHATSAPP})

    rounds = [send_both(minutes) for minutes in (0, 1, 2)]

    assert ways() == [(MAIL, FAILED), (WHATSAPP, FAILED)]
    assert rounds[2] == DeliveryRunResult()


def test_a_time_out_after_the_message_was_taken_sends_no_second_one_within_half_an_hour(
    chats: WhatsAppSimulator, wired: Callable[[str], PlacedOrder], send_both: Send, ways: Ways
) -> None:
    wired(NUMBER)
    chats.faults.set(answers=[WhatsAppResponseFault("act-then-hang-up", path="/messages")])

    send_both(1)
    before = len(chats.messages(DIGITS))
    rounds = [send_both(1 + minutes) for minutes in (29, 30, 24 * 60)]

    assert before == 1
    assert [each.sent for each in rounds] == [0, 1, 0]
    assert ways()[1:] == [(WHATSAPP, SENT)]


@pytest.mark.usefixtures("sold")
def test_without_a_mail_server_mails_wait_while_numbers_are_written_to(
    mails: MailSimulator, both: NotificationSender, send: Send, ways: Ways,
    leave: Callable[..., None], sold: PlacedOrder,
) -> None:  # fmt: skip
    leave("order.reversed", sold.order.code, "tono@example.org", order=sold.order.code)
    send(through=replace(both, mail=None, organiser_email="panitia@example.org"))
    before = (sorted(ways()), mails.mails())

    send(1, both)
    send(2, both)

    assert before == ([(MAIL, DeliveryState.QUEUED), (WHATSAPP, SENT)], [])
    assert len(mails.mails()) == 2
