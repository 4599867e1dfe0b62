"""Tests of the settings of mail server and sender, and of a folder that replaces the server."""

from email import message_from_bytes
from pathlib import Path

import pytest

from ticketing.notifications.mail.file_transport import FileMailTransport
from ticketing.notifications.mail.mime import MailSender
from ticketing.notifications.mail.smtp_server import SmtpSecurity, parse_mail_sender, parse_mail_url
from ticketing.notifications.messages.message import Accepted, Deferred, Mail, Rejected
from ticketing.platform.kernel.errors import Misconfigured

HUSHED = "hunter2"


@pytest.mark.parametrize(
    ("url", "port", "security"),
    [
        ("smtps://mail.example.org", 465, SmtpSecurity.TLS),
        ("smtp://mail.example.org", 587, SmtpSecurity.STARTTLS),
        ("smtp://mail.example.org:2525", 2525, SmtpSecurity.STARTTLS),
        ("smtp://localhost:1025", 1025, SmtpSecurity.NONE),
        ("smtp://127.0.0.1:1025", 1025, SmtpSecurity.NONE),
    ],
)
def test_a_url_gives_host_port_and_security(url: str, port: int, security: SmtpSecurity) -> None:
    server = parse_mail_url(url)

    assert (server.port, server.security) == (port, security)


def test_user_and_password_may_have_any_character() -> None:
    server = parse_mail_url("smtps://tiket%40example.org:p%2Fq%3A%25@mail.example.org")

    assert (server.user, server.password) == ("tiket@example.org", "p/q:%")


@pytest.mark.parametrize(
    "url",
    [
        f"https://me:{HUSHED}@mail.example.org",
        f"smtp://me:{HUSHED}@",
        f"smtp://me:{HUSHED}@mail.example.org:port",
        f"smtp://me:{HUSHED}@mail.example.org/folder",
        f"mail.example.org?password={HUSHED}",
    ],
)
def test_a_malformed_url_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(Misconfigured, match="MAIL_URL must be") as refusal:
        parse_mail_url(url)

    assert HUSHED not in str(refusal.value)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Panitia Wisuda <tiket@example.org>", "Panitia Wisuda"),
        ('"Panitia, Wisuda" <tiket@example.org>', "Panitia, Wisuda"),
        ("tiket@example.org", ""),
    ],
)
def test_a_sender_has_a_name_or_the_address_alone(written: str, name: str) -> None:
    assert parse_mail_sender(written) == MailSender("tiket@example.org", name)


def test_bounces_go_to_their_own_mailbox_with_the_reference_of_the_mail() -> None:
    sender = parse_mail_sender("tiket@example.org", "bounces@example.org")

    assert sender.envelope_sender("0af1-1") == "bounces+0af1-1@example.org"


@pytest.mark.parametrize("written", ["", "Panitia Wisuda", "Panitia <tiket>"])
def test_a_sender_without_an_address_is_refused(written: str) -> None:
    with pytest.raises(Misconfigured):
        parse_mail_sender(written)


def test_a_folder_stores_a_mail_once_under_its_reference(
    tmp_path: Path, sender: MailSender, mail: Mail
) -> None:
    folder = FileMailTransport(tmp_path / "mail", sender)

    outcomes = {folder.send("sari@example.org", mail, reference="abc") for _ in range(2)}

    (file,) = (tmp_path / "mail").iterdir()
    assert outcomes == {Accepted("<abc@example.org>")}
    assert message_from_bytes(file.read_bytes())["Message-ID"] == "<abc@example.org>"


def test_a_folder_rejects_an_invalid_address(
    tmp_path: Path, sender: MailSender, mail: Mail
) -> None:
    outcome = FileMailTransport(tmp_path, sender).send("sari", mail, reference="abc")

    assert isinstance(outcome, Rejected)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_retried_later(
    tmp_path: Path, sender: MailSender, mail: Mail
) -> None:
    (tmp_path / "mail").write_text("a file")

    outcome = FileMailTransport(tmp_path / "mail", sender).send(
        "a@example.org", mail, reference="abc"
    )

    assert isinstance(outcome, Deferred)
