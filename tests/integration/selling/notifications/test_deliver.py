"""The outbox goes out by mail, each message once, whatever the server on the other side does."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from simulators.mail.faults import MailFault
from simulators.mail.server import MailSimulator
from ticketing.notifications.deliver import DeliveryRunResult, NotificationSender
from ticketing.notifications.delivery import DeliveryState
from ticketing.notifications.mail.file_transport import FileMailTransport
from ticketing.notifications.mail.mime import MailSender
from ticketing.notifications.messages.context import MessageContext
from ticketing.notifications.messages.message import Accepted
from ticketing.orders.order import Buyer
from ticketing.platform.db.database import Database
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.complete_order import enqueue_message

SARI = "sari@example.org"
ORGANISER = "panitia@example.org"
Send = Callable[..., DeliveryRunResult]
States = Callable[[], list[tuple[str, DeliveryState]]]
Attempts = Callable[[], list[tuple[str, str]]]


def test_who_has_paid_gets_the_tickets_and_the_organiser_is_told(
    mails: MailSimulator, send: Send, sold: PlacedOrder, states: States
) -> None:
    done = send()

    assert (done.taken, done.sent, done.attempts) == (2, 2, 2)
    assert states() == [(ORGANISER, DeliveryState.SENT), (SARI, DeliveryState.SENT)]
    (mail,) = mails.mails(SARI)
    assert mail.message["Subject"] == "Tiket Anda untuk Wisuda Periode II 2026"
    assert len(mail.files) == 2
    assert all(content.startswith(b"%PDF-") for content in mail.files.values())
    assert mail.text.count("https://tickets.example.org/t/") == 3  # each ticket's, and the button's
    (told,) = mails.mails(ORGANISER)
    assert sold.order.code in told.message["Subject"]


def test_tickets_wait_until_every_one_of_the_order_is_printed(
    mails: MailSimulator, send: Send, buy: Callable[..., PlacedOrder], print_all: Callable[[], None]
) -> None:
    buy()
    send()
    before = mails.mails(SARI)

    print_all()
    send(1)

    assert before == []
    assert len(mails.mails(SARI)) == 1


@pytest.mark.usefixtures("sold")
def test_what_was_sent_is_never_sent_again(mails: MailSimulator, send: Send) -> None:
    send()

    again = [send(minutes) for minutes in (1, 60, 24 * 60)]

    assert again == [DeliveryRunResult()] * 3
    assert len(mails.mails()) == 2


def test_two_who_send_at_once_send_each_message_once(
    mails: MailSimulator, send: Send, buy: Callable[..., PlacedOrder], print_all: Callable[[], None]
) -> None:
    for name in "abcdef":
        buy(Buyer(f"email:{name}@example.org", name, f"{name}@example.org", ""))
    print_all()

    with ThreadPoolExecutor(3) as pool:
        rounds = list(pool.map(lambda _: send(), range(9)))

    assert sum(each.sent for each in rounds) == 12
    recipients = sorted(mail.recipients[0] for mail in mails.mails())
    assert recipients == sorted([f"{name}@example.org" for name in "abcdef"] + [ORGANISER] * 6)


@pytest.mark.usefixtures("sold")
def test_a_server_that_is_busy_gets_it_later_by_the_same_name(
    mails: MailSimulator, send: Send, attempts: Attempts
) -> None:
    mails.faults.meets.append(MailFault("rcpt", "451 4.3.0 come back later", to="sari"))

    first, too_soon, then = send(), send(0.4), send(0.5)

    assert (first.error, too_soon, then.sent) == (1, DeliveryRunResult(), 1)
    assert [state for state, _ in attempts()] == ["error", "sent"]
    assert len(mails.mails(SARI)) == 1


@pytest.mark.usefixtures("sold")
def test_nobody_there_has_failed_and_is_not_tried_again(
    mails: MailSimulator, send: Send, attempts: Attempts
) -> None:
    mails.faults.meets.append(
        MailFault("rcpt", "550 5.1.1 <sari@example.org> no such user", times=9, to="sari")
    )

    send()
    again = send(24 * 60)

    assert again == DeliveryRunResult()
    assert attempts() == [("failed", "mail server: 550 5.1.1 <address> no such user")]


@pytest.mark.usefixtures("sold")
def test_after_all_patience_it_has_failed(
    mails: MailSimulator, send: Send, attempts: Attempts
) -> None:
    mails.faults.meets.append(MailFault("rcpt", "451 4.3.0 later", times=99, to="sari"))

    for hours in range(7):
        send(hours * 24 * 60)

    assert [state for state, _ in attempts()] == ["error"] * 5 + ["failed"]


@pytest.mark.parametrize("stage", ["accepted", "end"])
@pytest.mark.usefixtures("sold")
def test_an_answer_that_was_lost_leaves_it_unknown_and_it_comes_again_by_the_same_name(
    mails: MailSimulator, send: Send, attempts: Attempts, stage: str
) -> None:
    mails.faults.meets.append(MailFault(stage, to="sari"))  # type: ignore[arg-type]  # one of them

    first, too_soon, then = send(), send(9), send(10)

    assert (first.unknown, too_soon, then.sent) == (1, DeliveryRunResult(), 1)
    assert [state for state, _ in attempts()] == ["unknown", "sent"]
    assert len({mail.message["Message-ID"] for mail in mails.mails(SARI)}) == 1


@pytest.mark.usefixtures("sold")
def test_what_stays_unknown_is_left_to_a_person(
    mails: MailSimulator, send: Send, attempts: Attempts, states: States
) -> None:
    mails.faults.meets.append(MailFault("end", times=99, to="sari"))

    for day in range(6):
        send(day * 24 * 60)

    assert len(attempts()) == 4  # once, and three times again
    assert (SARI, DeliveryState.UNKNOWN) in states()


@pytest.mark.usefixtures("sold")
def test_a_server_that_refuses_everybody_costs_no_message_its_patience(
    mails: MailSimulator, send: Send, states: States
) -> None:
    mails.faults.meets.append(MailFault("mail", "421 4.7.0 too many from you", times=100))
    for minutes in range(0, 200, 10):
        send(minutes)
    resting = send(190.5)

    mails.faults.meets.clear()
    send(200)

    assert resting == DeliveryRunResult()
    assert states() == [(ORGANISER, DeliveryState.SENT), (SARI, DeliveryState.SENT)]


@pytest.mark.usefixtures("sold")
def test_a_missing_pdf_holds_the_whole_order_back(
    mails: MailSimulator, send: Send, desk: MessageContext, attempts: Attempts
) -> None:
    files = sorted(Path(desk.document_folder.root).rglob("*.pdf"))
    content = files[0].read_bytes()
    files[0].unlink()
    send()

    files[0].write_bytes(content)
    send(1)

    assert [state for state, _ in attempts()] == ["error", "sent"]
    assert len(mails.mails(SARI)[0].files) == 2


@pytest.mark.usefixtures("sold")
def test_too_large_a_mail_has_the_links_alone(
    mails: MailSimulator, send: Send, mailroom: NotificationSender
) -> None:
    send(
        through=replace(
            mailroom, message_context=replace(mailroom.message_context, max_attachment_bytes=1000)
        )
    )

    (mail,) = mails.mails(SARI)
    assert mail.files == {}
    assert mail.text.count("https://tickets.example.org/t/") == 3


@pytest.mark.usefixtures("sold")
def test_too_large_a_mail_without_an_address_for_links_says_what_to_set(
    send: Send, mailroom: NotificationSender, attempts: Attempts
) -> None:
    send(
        through=replace(
            mailroom,
            message_context=replace(
                mailroom.message_context, max_attachment_bytes=1000, public_url=""
            ),
        )
    )

    assert attempts() == [("failed", "2 PDFs are too large for a mail; set WEB_PUBLIC_URL")]


def test_who_has_only_a_number_is_left_to_a_person(
    send: Send, buy: Callable[..., PlacedOrder], print_all: Callable[[], None], states: States
) -> None:
    buy(Buyer("tel:+628111111111", "Tono", "", "+628111111111"))
    print_all()

    send()

    assert states() == [("+628111111111", DeliveryState.FAILED), (ORGANISER, DeliveryState.SENT)]


@pytest.mark.usefixtures("sold")
def test_without_an_organisers_address_only_theirs_wait(
    mails: MailSimulator, send: Send, mailroom: NotificationSender
) -> None:
    send(through=replace(mailroom, organiser_email=""))
    before = len(mails.mails())

    send(1)

    assert before == 1
    assert len(mails.mails(ORGANISER)) == 1


@pytest.mark.usefixtures("sold")
def test_without_a_mail_server_all_wait(send: Send, mailroom: NotificationSender) -> None:
    done = send(through=replace(mailroom, mail=None))

    assert done == DeliveryRunResult()
    assert send(1).sent == 2


@pytest.mark.parametrize("purpose", ["order.reversed", "event.cancelled", "order.paid_twice"])
def test_every_other_message_has_its_text(
    database: Database, mails: MailSimulator, send: Send, sold: PlacedOrder, purpose: str
) -> None:
    with database.transaction() as connection:
        enqueue_message(connection, sold.order, purpose, "tono@example.org")

    send()

    (mail,) = mails.mails("tono@example.org")
    assert sold.order.code in mail.text


def test_a_purpose_nobody_wrote_a_text_for_fails_and_stops_no_other(
    database: Database, send: Send, sold: PlacedOrder
) -> None:
    with database.transaction() as connection:
        enqueue_message(connection, sold.order, "order.something", "tono@example.org")

    done = send()

    assert (done.sent, done.failed) == (2, 1)


@pytest.mark.usefixtures("sold")
def test_with_the_simulator_mails_are_files(
    send: Send, mailroom: NotificationSender, tmp_path: Path
) -> None:
    folder = FileMailTransport(tmp_path / "mail", MailSender("simulation@example.org"))

    send(through=replace(mailroom, mail=folder))
    send(1, through=replace(mailroom, mail=folder))

    written = [path.read_bytes() for path in (tmp_path / "mail").glob("*.eml")]
    assert len(written) == 2
    assert sum(b"To: sari@example.org" in content for content in written) == 1


@pytest.mark.usefixtures("sold")
def test_a_claim_whose_holder_died_is_unknown_then_sent_by_the_same_name(
    send: Send, attempts: Attempts, mailroom: NotificationSender
) -> None:
    class Dies:
        def send(self, *_: object, **__: object) -> None:
            raise SystemExit

    with pytest.raises(SystemExit):
        send(through=replace(mailroom, mail=Dies()))

    rounds = [send(minutes) for minutes in (9, 10, 19, 20)]

    assert [each.sent for each in rounds] == [0, 0, 0, 2]
    assert [state for state, _ in attempts()] == ["unknown", "sent"]


@pytest.mark.usefixtures("sold")
def test_an_answer_that_comes_after_everybody_gave_up_on_it_still_counts(
    send: Send, mailroom: NotificationSender, states: States
) -> None:
    class Slow:
        def send(self, *_: object, **__: object) -> Accepted:
            send(11)  # somebody else calls the claim stuck meanwhile
            return Accepted("<late@example.org>")

    first = send(through=replace(mailroom, mail=Slow()))

    assert first.sent == 2
    assert states() == [(ORGANISER, DeliveryState.SENT), (SARI, DeliveryState.SENT)]
    assert send(24 * 60) == DeliveryRunResult()
