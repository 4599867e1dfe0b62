"""Tests of reading bounces of Postfix, Exim, Exchange and Gmail, and mails that are no bounces."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.mail.server import MailSimulator
from ticketing.notifications.delivery import DeliveryState
from ticketing.notifications.mail.bounces import Bounce, MailKind, parse_mail
from ticketing.notifications.mail.client import SmtpTransport
from ticketing.notifications.messages.message import FailureScope, Mail

POSTFIX = b"""\
Return-Path: <>
From: MAILER-DAEMON@mail.example.org (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: bounces+delivery-7@example.org
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="B4.1/mail.example.org"

This is a MIME-encapsulated message.

--B4.1/mail.example.org
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

<nobody@campus.example>: host mx.campus.example[192.0.2.1] said: 550 5.1.1
    <nobody@campus.example>: Recipient address rejected (in reply to RCPT TO)

--B4.1/mail.example.org
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org
X-Postfix-Queue-ID: B41F2A
Arrival-Date: Fri, 20 Nov 2026 08:00:00 +0000 (UTC)

Final-Recipient: rfc822; nobody@campus.example
Original-Recipient: rfc822;nobody@campus.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.campus.example
Diagnostic-Code: smtp; 550 5.1.1 <nobody@campus.example>: Recipient address
    rejected: User unknown

--B4.1/mail.example.org
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

From: Panitia <tiket@example.org>
To: nobody@campus.example
Message-ID: <delivery-7@example.org>

--B4.1/mail.example.org--
"""

EXIM = b"""\
From: Mail Delivery System <Mailer-Daemon@relay.example>
To: bounces+delivery-8@example.org
Content-Type: multipart/report; report-type=delivery-status; boundary=17320-eximdsn
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender

--17320-eximdsn
Content-type: text/plain; charset=us-ascii

A message that you sent could not be delivered.

--17320-eximdsn
Content-type: message/delivery-status

Reporting-MTA: dns; relay.example

Action: failed
Final-Recipient: rfc822;full@campus.example
Status: 5.0.0
Remote-MTA: dns; mx.campus.example
Diagnostic-Code: smtp; 552 5.2.2 mailbox full

--17320-eximdsn
Content-type: message/rfc822

Return-path: <bounces+delivery-8@example.org>
Subject: Tiket
Message-ID: <delivery-8@example.org>
To: full@campus.example

Halo
--17320-eximdsn--
"""

EXCHANGE = b"""\
From: <postmaster@campus.example>
To: <bounces+delivery-9@example.org>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary="_000_a"
Subject: Undeliverable: Tiket

--_000_a
Content-Type: multipart/alternative; differences=Content-Type; boundary="_000_b"

--_000_b
Content-Type: text/plain; charset="utf-8"

Your message wasn't delivered.

--_000_b--

--_000_a
Content-Type: message/delivery-status

Reporting-MTA: dns;EX01.campus.example
Received-From-MTA: dns;mail.example.org
Arrival-Date: Fri, 20 Nov 2026 08:00:00 +0000

Original-Recipient: rfc822;alias@campus.example
Final-Recipient: rfc822;real@campus.example
Action: Failed
Status: 5.7.1
Diagnostic-Code: smtp;550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized

--_000_a--
"""

GMAIL_DELAY = b"""\
From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
To: bounces+delivery-10@example.org
Subject: Delivery Status Notification (Delay)
Content-Type: multipart/report; boundary="000000000000"; report-type=delivery-status

--000000000000
Content-Type: text/plain

There was a temporary problem.

--000000000000
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.com

Final-Recipient: rfc822; slow@campus.example
Action: delayed
Status: 4.4.1
Will-Retry-Until: Sat, 21 Nov 2026 08:00:00 -0800 (PST)

--000000000000
Content-Type: message/rfc822

Message-ID: <delivery-10@example.org>

--000000000000--
"""

DELIVERED = GMAIL_DELAY.replace(b"Action: delayed", b"Action: delivered").replace(
    b"4.4.1", b"2.0.0"
)

OUT_OF_OFFICE = b"""\
From: sari@campus.example
To: bounces+delivery-7@example.org
Subject: Saya sedang cuti
Auto-Submitted: auto-replied
Content-Type: text/plain

Sampai Senin.
"""


@pytest.mark.parametrize(
    ("mail", "reference", "recipient", "action", "status"),
    [
        (POSTFIX, "delivery-7", "nobody@campus.example", "failed", "5.1.1"),
        (EXIM, "delivery-8", "full@campus.example", "failed", "5.0.0"),
        (EXCHANGE, "delivery-9", "alias@campus.example", "failed", "5.7.1"),
        (GMAIL_DELAY, "delivery-10", "slow@campus.example", "delayed", "4.4.1"),
        (DELIVERED, "delivery-10", "slow@campus.example", "delivered", "2.0.0"),
    ],
    ids=["postfix", "exim", "exchange", "gmail", "delivered"],
)
def test_a_bounce_names_message_recipient_and_reason(
    mail: bytes, reference: str, recipient: str, action: str, status: str
) -> None:
    (bounce,) = parse_mail(mail).bounces

    told = (bounce.reference, bounce.recipient, bounce.action, bounce.status)
    assert told == (reference, recipient, action, status)


def test_a_recorded_postfix_bounce_of_our_mail_is_read() -> None:
    recorded = Path(__file__).parent / "bounces" / "postfix-3.7.11.eml"

    (bounce,) = parse_mail(recorded.read_bytes()).bounces

    assert bounce == Bounce(
        "ticket-77",
        "nobody@campus.example.org",
        "failed",
        "5.1.1",
        "550 5.1.1 <address>: User unknown",
    )


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_bounces_of_every_mail_server_are_read(ending: bytes) -> None:
    (bounce,) = parse_mail(POSTFIX.replace(b"\n", ending)).bounces

    assert bounce.status == "5.1.1"


def test_a_failure_bounce_becomes_a_failed_delivery_receipt() -> None:
    (bounce,) = parse_mail(POSTFIX).bounces

    report = bounce.receipt

    assert report is not None
    assert (report.state, report.reference) == (DeliveryState.FAILED, "delivery-7")
    assert report.failure is not None
    assert (report.failure.code, report.failure.scope) == ("5.1.1", FailureScope.RECIPIENT)
    assert report.recipient == "nobody@campus.example"


def test_a_delivery_report_is_read_and_a_delay_report_is_ignored() -> None:
    (arrived,), (delayed,) = parse_mail(DELIVERED).bounces, parse_mail(GMAIL_DELAY).bounces

    assert arrived.receipt is not None
    assert arrived.receipt.state is DeliveryState.DELIVERED
    assert delayed.receipt is None


def test_the_reason_names_no_address() -> None:
    (bounce,) = parse_mail(POSTFIX).bounces

    assert "User unknown" in bounce.reason
    assert "nobody" not in bounce.reason
    assert "nobody" not in repr(bounce)


def test_the_return_address_alone_identifies_the_message() -> None:
    without_message = POSTFIX.replace(b"Message-ID: <delivery-7@example.org>\n", b"")

    (bounce,) = parse_mail(without_message).bounces

    assert bounce.reference == "delivery-7"


def test_a_bounce_without_both_references_has_no_reference() -> None:
    lost = POSTFIX.replace(b"delivery-7@", b"").replace(b"bounces+", b"bounces")

    (bounce,) = parse_mail(lost).bounces

    assert bounce.reference == ""


def test_several_recipients_are_several_bounces() -> None:
    another = b"\nFinal-Recipient: rfc822; b@campus.example\nAction: failed\nStatus: 5.2.1\n"
    next_part = b"\n--B4.1/mail.example.org\nContent-Description: Undelivered"
    two = POSTFIX.replace(next_part, another + next_part)

    assert [bounce.recipient for bounce in parse_mail(two).bounces] == [
        "nobody@campus.example", "b@campus.example"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "mail",
    [
        OUT_OF_OFFICE,
        b"",
        b"\xff\xfe",
        b"Content-Type: multipart/report; boundary=x\n\n--x\n--x--",
        b"Content-Type: message/delivery-status\n\nnonsense",
        POSTFIX.replace(b"Action: failed\n", b""),
        POSTFIX.replace(b"Status: 5.1.1\n", b"Status: bad\n"),
    ],
    ids=["out of office", "nothing", "bytes", "empty report", "nonsense", "no action", "no status"],
)
def test_a_mail_that_is_no_bounce_is_ignored(mail: bytes) -> None:
    assert parse_mail(mail).bounces == ()


def test_the_reference_of_a_sent_mail_is_read_from_its_bounce(
    mails: MailSimulator, mailer: SmtpTransport, mail: Mail
) -> None:
    mailer.send("nobody@campus.example", mail, reference="order.paid-ORD-7Q4M9ZKDX2TA")
    (sent,) = mails.mails()
    returned = POSTFIX.replace(b"delivery-7@example.org>\n", b"x@x>\n").replace(
        b"text/rfc822-headers\n\n",
        b"message/rfc822\n\n" + sent.content.split(b"\r\n\r\n")[0] + b"\n",
    )

    (bounce,) = parse_mail(returned).bounces

    assert bounce.reference == "order.paid-ORD-7Q4M9ZKDX2TA"


@given(st.binary(max_size=300), st.integers(0, len(POSTFIX)))
def test_no_mail_breaks_the_reader(noise: bytes, place: int) -> None:
    broken = POSTFIX[:place] + noise + POSTFIX[place:]

    assert all(isinstance(bounce, Bounce) for bounce in parse_mail(broken).bounces)


@given(st.lists(st.sampled_from([POSTFIX, EXIM, EXCHANGE, GMAIL_DELAY]), max_size=3), st.randoms())
def test_no_mixture_of_mails_breaks_the_reader(whole: list[bytes], chance: object) -> None:
    lines = b"".join(whole).splitlines(keepends=True)
    chance.shuffle(lines)  # type: ignore[attr-defined]  # a random.Random

    assert all(isinstance(bounce, Bounce) for bounce in parse_mail(b"".join(lines)).bounces)


TAGGED = b"""\
Return-Path: <>
Delivered-To: bounces+delivery-9@example.org
Auto-Submitted: auto-replied
From: MAILER-DAEMON@relay.example.net
To: bounces+delivery-9@example.org
Subject: %s
"""
EXIM = (
    TAGGED % b"Mail delivery failed: returning message to sender"
    + b"""\
X-Failed-Recipients: budi@example.org

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  budi@example.org
    host mx.example.org [192.0.2.1]: 550 5.1.1 no such <budi@example.org>
"""
)
QMAIL = (
    TAGGED % b"failure notice"
    + b"""\

Hi. This is the qmail-send program at relay.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<budi@example.org>:
192.0.2.1 does not like recipient.
Remote host said: 550 5.1.1 User unknown
Giving up on 192.0.2.1.
"""
)
ABSENCE = b"""\
From: budi@example.org
To: bounces+delivery-9@example.org
Auto-Submitted: auto-replied
Subject: Out of office

Saya cuti sampai Senin.
"""
REPLY = b"From: budi@example.org\r\nSubject: Terima kasih\r\n\r\nTiketnya sudah sampai."


@pytest.mark.parametrize("mail", [EXIM, QMAIL], ids=["exim", "qmail"])
def test_a_bounce_in_words_is_a_permanent_failure_of_the_message_in_its_tag(mail: bytes) -> None:
    parsed = parse_mail(mail)

    (bounce,) = parsed.bounces
    assert parsed.kind is MailKind.BOUNCE
    assert (bounce.reference, bounce.recipient) == ("delivery-9", "budi@example.org")
    assert (bounce.action, bounce.status) == ("failed", "5.1.1")
    assert "budi@example.org" not in bounce.reason


@pytest.mark.parametrize(
    ("mail", "kind"), [(ABSENCE, MailKind.ABSENCE), (REPLY, MailKind.OTHER), (b"", MailKind.OTHER)],
    ids=["absence", "reply", "empty"],
)  # fmt: skip
def test_what_is_no_bounce_is_told_apart(mail: bytes, kind: MailKind) -> None:
    assert (parse_mail(mail).kind, parse_mail(mail).bounces) == (kind, ())
