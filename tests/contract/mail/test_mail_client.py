"""Tests of our mail client against a server on a socket: delivered mails and every fault."""

import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from threading import Thread
from typing import Protocol, Self

import pytest

from simulators.mail.faults import MailFault
from simulators.mail.server import MailSimulator
from simulators.mail.smtp import SmtpLogin
from ticketing.notifications.mail.client import SmtpTransport
from ticketing.notifications.mail.mime import MailSender
from ticketing.notifications.mail.smtp_server import MailServer, SmtpSecurity
from ticketing.notifications.messages.message import (
    Accepted,
    Attachment,
    Deferred,
    FailureScope,
    Mail,
    PauseScope,
    Rejected,
    SendOutcome,
    Unconfirmed,
)
from ticketing.platform.kernel.errors import Misconfigured

SARI = "sari@example.org"
WORD = "the-word-nobody-may-see"


class ScriptedServer:
    """Server that answers each command by a script; None closes the connection."""

    def __init__(self, script: dict[bytes, bytes | None]) -> None:
        self.heard: list[bytes] = []
        self._script = script
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listening.close()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 scripted\r\n")
            for line in lines:
                self.heard.append(line.strip())
                command = line[:4].strip().upper()
                answer = self._script.get(command, b"250 OK")
                if answer is None:
                    return
                connection.sendall(answer + b"\r\n")


class Certificate(Protocol):
    def shown(self) -> object: ...

    def trusted(self) -> object: ...


def test_a_mail_arrives_as_it_was_written(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail
) -> None:
    outcome = mailer.send(SARI, mail, reference="delivery-1", name="Sari Dewi")

    (received,) = mails.mails(SARI)
    message = received.message
    html = message.get_body(("html",))
    assert outcome == Accepted("<delivery-1@example.org>")
    assert message["From"] == "Panitia Wisuda <tiket@example.org>"
    assert message["To"] == "Sari Dewi <sari@example.org>"
    assert message["Reply-To"] == "panitia@example.org"
    assert message["Subject"] == mail.subject
    assert message["Message-ID"] == "<delivery-1@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime is not None
    assert message["List-Unsubscribe"] is None
    assert received.text == mail.text
    assert html is not None
    assert html.get_content().strip() == mail.html
    assert received.files == {"Tiket TC-2026-7Q4M9ZKD.pdf": mail.attachments[0].content}


def test_a_bounce_would_come_back_with_our_reference(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail
) -> None:
    mailer.send(SARI, mail, reference="delivery-1")

    (received,) = mails.mails(SARI)
    assert received.sender == "bounces+delivery-1@example.org"


def test_every_attempt_has_the_same_message_id(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail
) -> None:
    for reference in ("delivery-1", "delivery-1", "delivery-2", "two words, and Ünïcödé"):
        mailer.send(SARI, mail, reference=reference)

    first, second, third, odd = (each.message["Message-ID"] for each in mails.mails(SARI))
    assert first == second != third
    assert odd.isascii()
    assert " " not in odd


@pytest.mark.parametrize(
    "name", ["Sari Ünïcödé 佐藤", 'Sari "the, Great"', "Sari\r\nBcc: all@x.org"]
)
def test_names_of_every_kind_are_shown_and_forge_no_header(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail, name: str
) -> None:
    outcome = mailer.send(SARI, mail, reference="delivery-1", name=name)

    (received,) = mails.mails(SARI)
    assert isinstance(outcome, Accepted)
    assert received.message["To"].addresses[0].display_name == name.replace("\r\n", " ")
    assert received.message["Bcc"] is None
    assert received.content.isascii()


def test_a_subject_of_every_kind_arrives_on_one_line(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail
) -> None:
    subject = "Tiket 🎟 “Wisuda”\nBcc: all@x.org " + "sangat " * 30

    mailer.send(SARI, replace(mail, subject=subject), reference="delivery-1")

    (received,) = mails.mails(SARI)
    assert received.message["Subject"] == subject.replace("\n", " ").strip()
    assert received.message["Bcc"] is None


def test_texts_beyond_ascii_and_lines_of_dots_arrive_unchanged(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail
) -> None:
    text = "Halo Sørën 🎉\n.\n..\n.hidden\n" + "panjang " * 300 + "\n"

    mailer.send(SARI, replace(mail, text=text), reference="delivery-1")

    (received,) = mails.mails(SARI)
    assert received.text == text
    assert received.content.isascii()
    assert max(map(len, received.content.splitlines())) < 998


@pytest.mark.parametrize(
    ("name", "arrives_as"),
    [
        ("Tiket Sørën.pdf", "Tiket Sren.pdf"),
        ("Tiket Ayu Café.pdf", "Tiket Ayu Cafe.pdf"),
        ("../../etc/passwd.pdf", "etc_passwd.pdf"),
        ("佐藤.pdf", "file.pdf"),
        ('a"b\r\nX: y.pdf', "a_b_X_ y.pdf"),
        ("x" * 300 + ".pdf", "x" * 80 + ".pdf"),
        ("tiket", "tiket"),
    ],
)
def test_a_file_arrives_under_a_name_that_every_program_can_show(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail, name: str, arrives_as: str
) -> None:
    mailer.send(
        SARI, replace(mail, attachments=(Attachment(name, b"%PDF"),)), reference="delivery-1"
    )

    (received,) = mails.mails(SARI)
    assert received.files == {arrives_as: b"%PDF"}


def test_a_domain_beyond_ascii_is_written_as_name_servers_know_it(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail
) -> None:
    outcome = mailer.send("sari@bücher.example.org", mail, reference="delivery-1")

    (received,) = mails.mails("sari@xn--bcher-kva.example.org")
    assert isinstance(outcome, Accepted)
    assert received.message["To"].addresses[0].domain == "xn--bcher-kva.example.org"


@pytest.mark.parametrize(
    "to",
    ["", "sari", "sari@", "a b@example.org", "sari@example.org, all@example.org", "ñu@example.org",
     "sari@example.org\r\nRCPT TO:<all@example.org>", "-@-.org"],
)  # fmt: skip
def test_an_invalid_address_is_refused_without_asking_the_server(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail, to: str
) -> None:
    outcome = mailer.send(to, mail, reference="delivery-1")

    assert isinstance(outcome, Rejected)
    assert outcome.scope is FailureScope.RECIPIENT
    assert mails.mails() == []


def test_a_mail_with_an_unsubscribe_address_has_the_list_unsubscribe_headers(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail
) -> None:
    url = "https://tickets.example/unsubscribe/a1"

    mailer.send(SARI, replace(mail, unsubscribe_url=url), reference="delivery-1")

    (received,) = mails.mails(SARI)
    assert received.message["List-Unsubscribe"] == f"<{url}>"
    assert received.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_many_mails_share_a_connection(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail
) -> None:
    for number in range(5):
        mailer.send(SARI, mail, reference=f"delivery-{number}")

    assert {received.connection for received in mails.mails(SARI)} == {1}


def test_threads_have_a_connection_each_and_no_mail_is_lost(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail
) -> None:
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(
            threads.map(
                lambda number: mailer.send(SARI, mail, reference=f"delivery-{number}"), range(40)
            )
        )

    named = {received.message["Message-ID"] for received in mails.mails(SARI)}
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert len(named) == len(mails.mails(SARI)) == 40
    assert len({received.connection for received in mails.mails(SARI)}) <= 4


def test_a_server_that_closes_a_connection_gets_a_new_one(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail
) -> None:
    mails.faults.set(mails_a_connection=2)

    outcomes = [mailer.send(SARI, mail, reference=f"delivery-{n}") for n in range(5)]

    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert [received.connection for received in mails.mails(SARI)] == [1, 1, 2, 2, 3]


def test_a_connection_closed_while_idle_is_replaced(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail
) -> None:
    mailer.send(SARI, mail, reference="delivery-1")
    mails.faults.set(meets=[MailFault("mail")])

    outcome = mailer.send(SARI, mail, reference="delivery-2")

    assert isinstance(outcome, Accepted)
    assert [received.connection for received in mails.mails(SARI)] == [1, 2]


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
def test_a_connection_lost_before_the_content_means_not_sent(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail, stage: str, one_by_one: bool
) -> None:
    mails.faults.set(meets=[{"stage": stage, "times": 2}], one_by_one=one_by_one)

    outcome = mailer.send(SARI, mail, reference="delivery-1")

    assert isinstance(outcome, Deferred)
    assert mails.mails() == []
    assert isinstance(mailer.send(SARI, mail, reference="delivery-1"), Deferred | Accepted)


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize(("stage", "stored_count"), [("content", 0), ("end", 0), ("accepted", 1)])
def test_a_connection_lost_after_the_content_leaves_the_outcome_unknown(
    mails: MailSimulator,
    mailer: SmtpTransport,
    mail: Mail,
    stage: str,
    stored_count: int,
    one_by_one: bool,
) -> None:
    mails.faults.set(meets=[{"stage": stage}], one_by_one=one_by_one)

    outcome = mailer.send(SARI, mail, reference="delivery-1")
    next_one = mailer.send(SARI, mail, reference="delivery-2")

    assert isinstance(outcome, Unconfirmed)
    assert isinstance(next_one, Accepted)
    assert len(mails.mails()) == stored_count + 1


def test_a_server_that_times_out_after_the_content_leaves_the_outcome_unknown(
    mails: MailSimulator, server: MailServer, sender: MailSender, mail: Mail
) -> None:
    mails.faults.set(meets=[MailFault("accepted", "", seconds=60)])

    with SmtpTransport(replace(server, data_timeout_seconds=1), sender) as hasty:
        outcome = hasty.send(SARI, mail, reference="delivery-1")

    assert isinstance(outcome, Unconfirmed)
    assert len(mails.mails(SARI)) == 1


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize(
    ("stage", "reply", "expected"),
    [
        ("mail", "451 4.3.0 Try later", Deferred("", "4.3.0", pause_scope=PauseScope.SENDER)),
        ("mail", "552 5.3.4 Too big", Rejected("", "5.3.4", FailureScope.MESSAGE)),
        ("mail", "553 5.1.8 Sender unknown", Deferred("", "5.1.8", pause_scope=PauseScope.CHANNEL)),
        (
            "mail",
            "530 5.7.0 Must authenticate",
            Deferred("", "5.7.0", pause_scope=PauseScope.CHANNEL),
        ),
        ("rcpt", "451 4.7.1 Greylisted", Deferred("", "4.7.1")),
        ("rcpt", "452 Storage", Deferred("", "452")),
        ("rcpt", "550 5.1.1 No such user", Rejected("", "5.1.1", FailureScope.RECIPIENT)),
        ("rcpt", "550 No such user", Rejected("", "550", FailureScope.RECIPIENT)),
        ("rcpt", "552 5.2.2 Mailbox full", Deferred("", "5.2.2")),
        ("rcpt", "554 5.7.1 Relay denied", Rejected("", "5.7.1", FailureScope.MESSAGE)),
        ("rcpt", "421 4.3.2 Shutting down", Deferred("", "4.3.2", pause_scope=PauseScope.SENDER)),
        ("data", "451 4.3.0 Try later", Deferred("", "4.3.0")),
        ("data", "554 5.5.1 No valid recipients", Rejected("", "5.5.1", FailureScope.MESSAGE)),
        ("end", "452 4.3.1 Disk full", Deferred("", "4.3.1")),
        ("end", "554 5.7.1 Looks like spam", Rejected("", "5.7.1", FailureScope.MESSAGE)),
        ("end", "550 5.1.1 No such user", Rejected("", "5.1.1", FailureScope.RECIPIENT)),
        ("end", "421 4.3.2 Shutting down", Deferred("", "4.3.2", pause_scope=PauseScope.SENDER)),
    ],
)
def test_a_refusal_is_classified_by_its_stage_and_reply(
    mails: MailSimulator,
    mailer: SmtpTransport,
    mail: Mail,
    stage: str,
    reply: str,
    expected: SendOutcome,
    one_by_one: bool,
) -> None:
    mails.faults.set(meets=[{"stage": stage, "reply": reply}], one_by_one=one_by_one)

    outcome = mailer.send(SARI, mail, reference="delivery-1")
    next_one = mailer.send(SARI, mail, reference="delivery-2")

    assert isinstance(outcome, Deferred | Rejected)
    assert replace(outcome, reason="") == expected
    assert reply[4:20] in outcome.reason
    assert isinstance(next_one, Accepted)


@pytest.mark.parametrize("offer", [b"250-hi\r\n250 PIPELINING", b"250 hi"])
def test_a_server_that_wants_the_mail_though_it_refused_the_recipient_gets_none(
    sender: MailSender, mail: Mail, offer: bytes
) -> None:
    script: dict[bytes, bytes | None] = {
        b"EHLO": offer,
        b"RCPT": b"550 5.1.1 No such user",
        b"DATA": b"354 Go ahead",
    }
    with ScriptedServer(script) as scripted:
        server = MailServer("127.0.0.1", scripted.port, SmtpSecurity.NONE)
        with SmtpTransport(server, sender) as mailer:
            outcome = mailer.send(SARI, mail, reference="delivery-1")

    after_data = scripted.heard[scripted.heard.index(b"RCPT TO:<sari@example.org>") + 1 :]
    assert isinstance(outcome, Rejected)
    assert outcome.code == "5.1.1"
    assert after_data in ([b"DATA", b".", b"rset", b"quit"], [b"rset", b"quit"])


@pytest.mark.parametrize(
    ("offer", "hangs_up_at"), [(b"250-hi\r\n250 PIPELINING", b"DATA"), (b"250 hi", b"RSET")]
)
def test_a_refusal_counts_even_if_the_connection_closes_after_it(
    sender: MailSender, mail: Mail, offer: bytes, hangs_up_at: bytes
) -> None:
    script: dict[bytes, bytes | None] = {
        b"EHLO": offer,
        b"RCPT": b"550 5.1.1 No such user",
        hangs_up_at: None,
    }
    with ScriptedServer(script) as scripted:
        server = MailServer("127.0.0.1", scripted.port, SmtpSecurity.NONE)
        with SmtpTransport(server, sender) as mailer:
            outcome = mailer.send(SARI, mail, reference="delivery-1")

    assert isinstance(outcome, Rejected)
    assert outcome.code == "5.1.1"


def test_without_a_reply_address_bounces_and_replies_go_to_the_sender(
    mails: MailSimulator, server: MailServer, mail: Mail
) -> None:
    with SmtpTransport(server, MailSender("tiket@example.org")) as mailer:
        mailer.send(SARI, mail, reference="delivery-1")

    (received,) = mails.mails(SARI)
    assert received.sender == "tiket@example.org"
    assert received.message["Reply-To"] is None
    assert received.message["From"] == "tiket@example.org"


def test_a_greylisted_mail_is_accepted_at_the_second_attempt(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail
) -> None:
    mails.faults.set(meets=[MailFault("rcpt", "451 4.7.1 Greylisted", to="sari@")])

    first, second = (mailer.send(SARI, mail, reference="delivery-1") for _ in range(2))

    assert isinstance(first, Deferred)
    assert isinstance(second, Accepted)
    assert len(mails.mails(SARI)) == 1


def test_one_bad_address_does_not_affect_the_next(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail
) -> None:
    mails.faults.set(meets=[MailFault("rcpt", "550 5.1.1 No such user", to="nobody@", times=9)])

    outcomes = [
        mailer.send(to, mail, reference=to)
        for to in (SARI, "nobody@example.org", "budi@example.org")
    ]

    assert [type(outcome) for outcome in outcomes] == [Accepted, Rejected, Accepted]
    assert {received.connection for received in mails.mails()} == {1}


def test_an_address_in_a_server_reply_is_not_stored(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail
) -> None:
    mails.faults.set(meets=[MailFault("rcpt", f"550 5.1.1 <{SARI}>: No such user {SARI}")])

    outcome = mailer.send(SARI, mail, reference="delivery-1", name="Sari")

    assert "sari" not in repr(outcome).lower()
    assert "No such user" in repr(outcome)


@pytest.mark.parametrize("seed", range(3))
def test_under_any_fault_the_outcome_agrees_with_the_mails_on_the_server(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail, seed: int
) -> None:
    chance = Random(seed)  # noqa: S311 - a test that can be repeated
    stages = ["mail", "rcpt", "data", "content", "end", "accepted", "none"]
    replies = [None, "421 4.3.2 Closing", "451 4.3.0 Later", "550 5.1.1 Nobody"]

    for number in range(40):
        stage, reply = chance.choice(stages), chance.choice(replies)
        cut = stage in {"content", "accepted"}
        meets = [] if stage == "none" else [MailFault(stage, None if cut else reply)]  # type: ignore[arg-type]  # one of the stages
        mails.faults.set(meets=meets, one_by_one=chance.random() < 0.5)
        before = len(mails.mails())
        outcome = mailer.send(SARI, mail, reference=f"delivery-{number}")

        taken = len(mails.mails()) - before
        assert taken == 1 if isinstance(outcome, Accepted) else taken <= 1
        assert taken == 0 or isinstance(outcome, Accepted | Unconfirmed)


def test_nothing_of_a_recipient_or_a_mail_is_logged(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "ticketing")
    mails.faults.set(meets=[MailFault("rcpt", f"550 5.1.1 <{SARI}>: No such user")])

    for _ in range(2):
        mailer.send(SARI, mail, reference="delivery-1", name="Sari Dewi")

    ours = [record for record in caplog.records if not record.name.startswith("mail.")]
    assert [record for record in ours if "sari" in record.getMessage().lower()] == []


def test_a_mail_too_large_is_refused_before_anything_is_sent(
    mails: MailSimulator, server: MailServer, sender: MailSender, mail: Mail
) -> None:
    with (
        SmtpTransport(server, sender, max_message_bytes=10_000) as careful,
        SmtpTransport(server, sender) as careless,
    ):
        ours = careful.send(SARI, mail, reference="delivery-1")
        huge = replace(mail, attachments=(Attachment("a.pdf", bytes(7_400_000)),))
        theirs = careless.send(SARI, huge, reference="delivery-2")

    for outcome in (ours, theirs):
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.scope) == ("attachment", FailureScope.MESSAGE)
    assert mails.mails() == []


def test_a_smaller_size_limit_of_the_server_is_respected(sender: MailSender, mail: Mail) -> None:
    with MailSimulator(largest=5_000) as mails:
        server = MailServer(mails.host, mails.port, SmtpSecurity.NONE)
        with SmtpTransport(server, sender) as mailer:
            outcome = mailer.send(SARI, mail, reference="delivery-1")
            small = mailer.send(SARI, replace(mail, attachments=()), reference="delivery-2")

    assert isinstance(outcome, Rejected)
    assert outcome.code == "attachment"
    assert isinstance(small, Accepted)


@pytest.mark.parametrize("security", [SmtpSecurity.STARTTLS, SmtpSecurity.TLS])
def test_mails_travel_encrypted_and_after_a_login(
    certificate: Certificate, sender: MailSender, mail: Mail, security: SmtpSecurity
) -> None:
    context = {security.value: certificate.shown()}
    with MailSimulator(login=SmtpLogin("tiket", WORD), **context) as mails:
        server = MailServer(
            mails.host, mails.port, security, "tiket", WORD, tls_context=certificate.trusted()
        )
        with SmtpTransport(server, sender) as mailer:
            outcome = mailer.send(SARI, mail, reference="delivery-1")

        (received,) = mails.mails(SARI)

    assert isinstance(outcome, Accepted)
    assert received.over_tls


def test_a_wrong_password_stops_the_channel_and_is_not_shown(
    certificate: Certificate, sender: MailSender, mail: Mail
) -> None:
    with MailSimulator(login=SmtpLogin("tiket", "right"), starttls=certificate.shown()) as mails:
        server = MailServer(
            mails.host,
            mails.port,
            user="tiket",
            password=WORD,
            tls_context=certificate.trusted(),
        )
        with SmtpTransport(server, sender) as mailer:
            outcome = mailer.send(SARI, mail, reference="delivery-1")

    assert isinstance(outcome, Deferred)
    assert outcome.pause_scope is PauseScope.CHANNEL
    assert WORD not in repr((outcome, server, mailer))


@pytest.mark.parametrize("security", [SmtpSecurity.STARTTLS, SmtpSecurity.TLS])
def test_an_untrusted_certificate_stops_the_channel(
    certificate: Certificate, sender: MailSender, mail: Mail, security: SmtpSecurity
) -> None:
    with MailSimulator(**{security.value: certificate.shown()}) as mails:
        with SmtpTransport(MailServer(mails.host, mails.port, security), sender) as mailer:
            outcome = mailer.send(SARI, mail, reference="delivery-1")

        assert mails.mails() == []

    assert isinstance(outcome, Deferred)
    assert outcome.pause_scope is PauseScope.CHANNEL


def test_a_server_without_starttls_gets_no_mail_that_wants_it(
    mails: MailSimulator, sender: MailSender, mail: Mail
) -> None:
    with SmtpTransport(MailServer(mails.host, mails.port, SmtpSecurity.STARTTLS), sender) as mailer:
        outcome = mailer.send(SARI, mail, reference="delivery-1")

    assert isinstance(outcome, Deferred)
    assert outcome.pause_scope is PauseScope.CHANNEL
    assert mails.mails() == []


def test_an_unreachable_server_means_not_sent(sender: MailSender, mail: Mail) -> None:
    with SmtpTransport(MailServer("127.0.0.1", 9, SmtpSecurity.NONE), sender) as mailer:
        outcome = mailer.send(SARI, mail, reference="delivery-1")

    assert outcome == Deferred(
        "mail server: connection failed (ConnectionRefusedError)",
        "ConnectionRefusedError",
        pause_scope=PauseScope.SENDER,
    )


def test_a_password_is_never_sent_without_tls() -> None:
    with pytest.raises(Misconfigured, match="starttls"):
        MailServer("mail.example.org", security=SmtpSecurity.NONE, user="tiket", password=WORD)

    assert MailServer("127.0.0.1", security=SmtpSecurity.NONE, user="tiket", password=WORD).user


@pytest.mark.parametrize("address", ["", "tiket", "tiket@", "ñu@example.org"])
def test_a_sender_needs_valid_addresses(address: str) -> None:
    with pytest.raises(Misconfigured):
        MailSender("tiket@example.org", reply_to=address or "x")


def test_a_mail_server_needs_a_host_name() -> None:
    with pytest.raises(Misconfigured):
        MailServer("")
