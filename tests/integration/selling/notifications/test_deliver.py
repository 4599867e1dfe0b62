"""Tests of sending the outbox by mail: each message once, under every behaviour of the server."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

from simulators.mail.faults import MailFault
from simulators.mail.server import MailSimulator
from ticketing.events.model import Event
from ticketing.notifications import claim_queries
from ticketing.notifications.claim_queries import AttemptResult
from ticketing.notifications.deliver import DeliveryRunResult, NotificationSender
from ticketing.notifications.delivery import DeliveryState
from ticketing.notifications.mail.file_transport import FileMailTransport
from ticketing.notifications.mail.mime import MailSender
from ticketing.notifications.messages.context import MessageContext
from ticketing.notifications.messages.message import Accepted
from ticketing.orders.order import Buyer
from ticketing.orders.place_guest import Place, PlaceGuest
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.roster import guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.http.services import now
from ticketing.roster.guests.duplicates import GuestConflict
from ticketing.roster.guests.edit_guest import edit_guest
from ticketing.roster.model import RosterField
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.checkout.set_guests import GuestChange, set_order_guests
from ticketing.selling.payments.complete_order import enqueue_message
from ticketing.tickets.generate import GenerationContext

SARI = "sari@example.org"
ORGANISER = "panitia@example.org"
Send = Callable[..., DeliveryRunResult]
States = Callable[[], list[tuple[str, DeliveryState]]]
Attempts = Callable[[], list[tuple[str, str]]]


def test_a_buyer_who_paid_gets_the_tickets_and_the_organiser_is_notified(
    mails: MailSimulator, send: Send, sold: PlacedOrder, states: States
) -> None:
    done = send()

    assert (done.taken, done.sent, done.attempts) == (2, 2, 2)
    assert states() == [(ORGANISER, DeliveryState.SENT), (SARI, DeliveryState.SENT)]
    (mail,) = mails.mails(SARI)
    assert mail.message["Subject"] == "Tiket Anda untuk TEST · Wisuda Periode II 2026"
    assert len(mail.files) == 2
    assert all(content.startswith(b"%PDF-") for content in mail.files.values())
    assert mail.text.count("https://tickets.example.org/t/") == 3  # each ticket's, and the button's
    (told,) = mails.mails(ORGANISER)
    assert sold.order.code in told.message["Subject"]


def test_a_guest_with_an_own_address_gets_the_ticket_unless_it_was_transferred(
    mails: MailSimulator,
    send: Send,
    buy: Callable[..., PlacedOrder],
    print_all: Callable[[], None],
    database: Database,
    event: Event,
    message_context: MessageContext,
) -> None:
    placed = buy(guests={1: ("Ayu", "ayu@example.org"), 2: ("Budi", "budi@example.org")})
    second = Place(placed.lines[0].ticket_type_id, 2)
    given_away = PlaceGuest(second, "Citra", "citra@example.org")
    change = GuestChange("web", now())
    set_order_guests(database, message_context.keys, placed.order.id, [given_away], change)
    with database.transaction() as connection:
        ayu = connection.execute(
            select(guests.c.id).where(guests.c.full_name == "Ayu")
        ).scalar_one()
    edit_guest(database, event, ayu, {RosterField.LOCALE: "en"}, by="siti", at=now())
    with pytest.raises(GuestConflict, match="place of an order"):
        edit_guest(database, event, ayu, {RosterField.FULL_NAME: "Dewi"}, by="siti", at=now())

    print_all()
    send()

    [to_ayu], [to_citra] = mails.mails("ayu@example.org"), mails.mails("citra@example.org")
    assert ("Hello Ayu" in to_ayu.text, len(to_ayu.files)) == (True, 1)
    assert ("Halo Citra" in to_citra.text, len(to_citra.files)) == (True, 1)
    assert mails.mails("budi@example.org") == []
    assert len(mails.mails(SARI)[0].files) == 2


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


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"generated_at": None}, ["ayu@example.org"]),
        ({"state": "revoked", "revoked_at": now()}, ["ayu@example.org", SARI]),
    ],
    ids=["not printed", "revoked"],
)
def test_the_ticket_of_another_place_delays_no_guest_and_a_revoked_one_nobody(
    *,
    mails: MailSimulator,
    send: Send,
    buy: Callable[..., PlacedOrder],
    print_all: Callable[[], None],
    database: Database,
    change: dict[str, object],
    told: list[str],
) -> None:
    buy(guests={1: ("Ayu", "ayu@example.org")})
    print_all()
    last = select(func.max(generated_tickets.c.id)).scalar_subquery()
    with database.transaction() as connection:
        changing = update(generated_tickets).where(generated_tickets.c.id == last)
        connection.execute(changing.values(change))

    send()

    assert [to for to in ("ayu@example.org", SARI) if mails.mails(to)] == told


@pytest.mark.usefixtures("sold")
def test_a_sent_message_is_never_sent_again(mails: MailSimulator, send: Send) -> None:
    send()

    again = [send(minutes) for minutes in (1, 60, 24 * 60)]

    assert again == [DeliveryRunResult()] * 3
    assert len(mails.mails()) == 2


def test_concurrent_senders_send_each_message_once(
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
def test_a_message_a_busy_server_deferred_is_sent_later(
    mails: MailSimulator, send: Send, attempts: Attempts
) -> None:
    mails.faults.meets.append(MailFault("rcpt", "451 4.3.0 come back later", to="sari"))

    first, too_soon, then = send(), send(0.4), send(0.5)

    assert (first.error, too_soon, then.sent) == (1, DeliveryRunResult(), 1)
    assert [state for state, _ in attempts()] == ["error", "sent"]
    assert len(mails.mails(SARI)) == 1


@pytest.mark.usefixtures("sold")
def test_an_unknown_recipient_fails_without_a_retry(
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
def test_after_all_retries_a_message_has_failed(
    mails: MailSimulator, send: Send, attempts: Attempts
) -> None:
    mails.faults.meets.append(MailFault("rcpt", "451 4.3.0 later", times=99, to="sari"))

    for hours in range(7):
        send(hours * 24 * 60)

    assert [state for state, _ in attempts()] == ["error"] * 5 + ["failed"]


@pytest.mark.parametrize("stage", ["accepted", "end"])
@pytest.mark.usefixtures("sold")
def test_a_lost_response_is_unknown_and_the_message_is_sent_again_with_the_same_id(
    mails: MailSimulator, send: Send, attempts: Attempts, stage: str
) -> None:
    mails.faults.meets.append(MailFault(stage, to="sari"))  # type: ignore[arg-type]  # one of them

    first, too_soon, then = send(), send(9), send(10)

    assert (first.unknown, too_soon, then.sent) == (1, DeliveryRunResult(), 1)
    assert [state for state, _ in attempts()] == ["unknown", "sent"]
    assert len({mail.message["Message-ID"] for mail in mails.mails(SARI)}) == 1


@pytest.mark.usefixtures("sold")
def test_a_message_that_stays_unknown_is_left_to_staff(
    mails: MailSimulator, send: Send, attempts: Attempts, states: States
) -> None:
    mails.faults.meets.append(MailFault("end", times=99, to="sari"))

    for day in range(6):
        send(day * 24 * 60)

    assert len(attempts()) == 4  # once, and three times again
    assert (SARI, DeliveryState.UNKNOWN) in states()


@pytest.mark.usefixtures("sold")
def test_a_server_that_refuses_all_mails_uses_up_no_retries(
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
def test_a_damaged_pdf_is_rendered_again_before_it_is_sent(
    mails: MailSimulator, send: Send, generation_context: GenerationContext, attempts: Attempts
) -> None:
    files = sorted(generation_context.folder.root.rglob("*.pdf"))
    contents = {file.name: file.read_bytes() for file in files}
    files[0].unlink()
    files[1].write_bytes(contents[files[1].name][:-1] + b"!")

    send()

    assert [state for state, _ in attempts()] == ["sent"]
    assert mails.mails(SARI)[0].files == contents


@pytest.mark.usefixtures("sold")
def test_a_pdf_that_cannot_be_rendered_delays_the_whole_order(
    mails: MailSimulator, send: Send, generation_context: GenerationContext, attempts: Attempts
) -> None:
    next(generation_context.folder.root.rglob("*.pdf")).unlink()
    rename = "UPDATE guests SET full_name = %s"
    with generation_context.database.transaction() as connection:
        connection.exec_driver_sql(rename, ("Sari \ue000",))
    send()
    with generation_context.database.transaction() as connection:
        connection.exec_driver_sql(rename, ("Sari",))
    send(1)

    assert [state for state, _ in attempts()] == ["error", "sent"]
    assert len(mails.mails(SARI)[0].files) == 2


@pytest.mark.usefixtures("sold")
def test_a_mail_too_large_has_links_instead_of_attachments(
    mails: MailSimulator, send: Send, sender: NotificationSender
) -> None:
    send(
        through=replace(
            sender, message_context=replace(sender.message_context, max_attachment_bytes=1000)
        )
    )

    (mail,) = mails.mails(SARI)
    assert mail.files == {}
    assert mail.text.count("https://tickets.example.org/t/") == 3


@pytest.mark.usefixtures("sold")
def test_a_mail_too_large_without_a_public_address_names_the_missing_setting(
    send: Send, sender: NotificationSender, attempts: Attempts
) -> None:
    send(
        through=replace(
            sender,
            message_context=replace(
                sender.message_context, max_attachment_bytes=1000, public_url=""
            ),
        )
    )

    assert attempts() == [("failed", "2 PDFs are too large for a mail; set WEB_PUBLIC_URL")]


def test_a_buyer_with_only_a_phone_number_is_left_to_staff(
    send: Send, buy: Callable[..., PlacedOrder], print_all: Callable[[], None], states: States
) -> None:
    buy(Buyer("tel:+628111111111", "Tono", "", "+628111111111"))
    print_all()

    send()

    assert states() == [("+628111111111", DeliveryState.FAILED), (ORGANISER, DeliveryState.SENT)]


@pytest.mark.usefixtures("sold")
def test_without_an_organisers_address_only_messages_to_the_organiser_wait(
    mails: MailSimulator, send: Send, sender: NotificationSender
) -> None:
    send(through=replace(sender, organiser_email=""))
    before = len(mails.mails())

    send(1)

    assert before == 1
    assert len(mails.mails(ORGANISER)) == 1


@pytest.mark.usefixtures("sold")
def test_without_a_mail_server_all_wait(send: Send, sender: NotificationSender) -> None:
    done = send(through=replace(sender, mail=None))

    assert done == DeliveryRunResult()
    assert send(1).sent == 2


@pytest.mark.parametrize("purpose", ["order.reversed", "event.cancelled"])
def test_every_other_message_has_a_template(
    database: Database, mails: MailSimulator, send: Send, sold: PlacedOrder, purpose: str
) -> None:
    with database.transaction() as connection:
        enqueue_message(connection, sold.order, purpose, "tono@example.org")

    send()

    (mail,) = mails.mails("tono@example.org")
    assert sold.order.code in mail.text


def test_a_purpose_without_a_template_fails_and_stops_no_other_message(
    database: Database, send: Send, sold: PlacedOrder
) -> None:
    with database.transaction() as connection:
        enqueue_message(connection, sold.order, "order.something", "tono@example.org")

    done = send()

    assert (done.sent, done.failed) == (2, 1)


@pytest.mark.usefixtures("sold")
def test_with_the_simulator_mails_are_files(
    send: Send, sender: NotificationSender, tmp_path: Path
) -> None:
    folder = FileMailTransport(tmp_path / "mail", MailSender("simulation@example.org"))

    send(through=replace(sender, mail=folder))
    send(1, through=replace(sender, mail=folder))

    written = [path.read_bytes() for path in (tmp_path / "mail").glob("*.eml")]
    assert len(written) == 2
    assert sum(b"To: sari@example.org" in content for content in written) == 1


@pytest.mark.usefixtures("sold")
def test_a_claim_of_a_dead_process_is_unknown_then_sent_with_the_same_id(
    send: Send, attempts: Attempts, sender: NotificationSender
) -> None:
    class Dies:
        def send(self, *_: object, **__: object) -> None:
            raise SystemExit

    with pytest.raises(SystemExit):
        send(through=replace(sender, mail=Dies()))

    rounds = [send(minutes) for minutes in (9, 10, 19, 20)]

    assert [each.sent for each in rounds] == [0, 0, 0, 2]
    assert [state for state, _ in attempts()] == ["unknown", "sent"]


@pytest.mark.usefixtures("sold")
def test_a_response_that_arrives_after_the_claim_was_given_up_still_counts(
    send: Send, sender: NotificationSender, states: States
) -> None:
    class Slow:
        def send(self, *_: object, **__: object) -> Accepted:
            send(11)  # somebody else calls the claim stuck meanwhile
            return Accepted("<late@example.org>")

    first = send(through=replace(sender, mail=Slow()))

    assert first.sent == 2
    assert states() == [(ORGANISER, DeliveryState.SENT), (SARI, DeliveryState.SENT)]
    assert send(24 * 60) == DeliveryRunResult()


@pytest.mark.usefixtures("sold")
def test_an_outcome_and_an_expired_claim_do_not_deadlock(
    send: Send, sender: NotificationSender, database: Database, states: States
) -> None:
    locked = threading.Event()
    expired = AttemptResult(DeliveryState.UNKNOWN, reason="the claim timed out while sending")

    def expire_claim() -> None:
        with database.transaction() as connection:
            delivery_id = connection.scalar(
                select(deliveries.c.id).where(deliveries.c.address == SARI).with_for_update()
            )
            locked.set()
            wait_for_a_blocked_session(database)
            claim_queries.record_attempt(connection, delivery_id, 1, expired, at=now())

    class SlowTransport:
        def send(self, to: str, *_: object, **__: object) -> Accepted:
            if to == SARI:
                expiring.append(executor.submit(expire_claim))
                assert locked.wait(60)
            return Accepted(f"<late-{to}>")

    expiring: list[Future[None]] = []
    with ThreadPoolExecutor(1) as executor:
        done = send(through=replace(sender, mail=SlowTransport()))
        expiring[0].result(60)

    assert done.sent == 2
    assert states() == [(ORGANISER, DeliveryState.SENT), (SARI, DeliveryState.SENT)]


def wait_for_a_blocked_session(database: Database) -> None:
    """Wait until a session of the database waits for a lock."""
    blocked = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with database.transaction() as connection:
            if connection.scalar(blocked):
                return
        time.sleep(0.02)
    raise AssertionError("no session waits for a lock")
