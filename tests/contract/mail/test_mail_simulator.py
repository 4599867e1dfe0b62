"""Tests of the mail simulator with Python's own client: stored mails, faults, the page."""

import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage

import httpx
import pytest

from simulators.mail.faults import MailFault
from simulators.mail.server import MailSimulator


@pytest.fixture
def message() -> EmailMessage:
    written = EmailMessage()
    written["From"], written["To"] = "tiket@example.org", "sari@example.org"
    written["Subject"] = "Tiket <b>Anda</b>"
    written.set_content("Halo Sari")
    written.add_alternative("<p>Halo <i>Sari</i></p>", subtype="html")
    written.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="tiket.pdf")
    return written


@pytest.fixture
def client(mails: MailSimulator) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP(mails.host, mails.port, "localhost", timeout=60) as somebody:
        yield somebody


def test_a_mail_is_stored_unchanged(
    mails: MailSimulator, client: smtplib.SMTP, message: EmailMessage
) -> None:
    client.send_message(message)

    (received,) = mails.mails("sari@example.org")
    assert received.sender == "tiket@example.org"
    assert received.text == "Halo Sari\n"
    assert received.files == {"tiket.pdf": b"%PDF"}
    assert not received.over_tls


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        ("mail", smtplib.SMTPSenderRefused),
        ("rcpt", smtplib.SMTPRecipientsRefused),
        ("data", smtplib.SMTPDataError),
        ("end", smtplib.SMTPDataError),
    ],
)
def test_each_step_can_be_refused(
    mails: MailSimulator,
    client: smtplib.SMTP,
    message: EmailMessage,
    stage: str,
    error: type[smtplib.SMTPException],
) -> None:
    mails.faults.set(meets=[{"stage": stage, "reply": "451 4.3.0 Try later"}])

    with pytest.raises(error):
        client.send_message(message)
    client.rset()
    client.send_message(message)

    assert len(mails.mails()) == 1


@pytest.mark.parametrize(
    ("stage", "stored_count"), [("mail", 0), ("rcpt", 0), ("data", 0), ("content", 0), ("end", 0),
                        ("accepted", 1)]
)  # fmt: skip
def test_the_connection_can_be_lost_at_each_step(
    mails: MailSimulator, client: smtplib.SMTP, message: EmailMessage, stage: str, stored_count: int
) -> None:
    mails.faults.set(meets=[{"stage": stage}])

    with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
        client.send_message(message)

    assert len(mails.mails()) == stored_count


def test_a_fault_applies_only_to_the_addresses_it_names(
    mails: MailSimulator, client: smtplib.SMTP, message: EmailMessage
) -> None:
    mails.faults.set(meets=[MailFault("rcpt", "550 5.1.1 No such user", to="nobody@")])

    refused = client.send_message(message, to_addrs=["sari@example.org", "nobody@example.org"])

    assert list(refused) == ["nobody@example.org"]
    assert mails.mails()[0].recipients == ("sari@example.org",)


def test_a_connection_carries_only_so_many_mails(
    mails: MailSimulator, client: smtplib.SMTP, message: EmailMessage
) -> None:
    mails.faults.set(mails_a_connection=1)
    client.send_message(message)

    with pytest.raises(smtplib.SMTPResponseException) as refusal:
        client.send_message(message)

    assert refusal.value.smtp_code == 421


def test_a_mail_larger_than_announced_is_refused(
    client: smtplib.SMTP, message: EmailMessage
) -> None:
    message.add_attachment(bytes(8_000_000), maintype="application", subtype="pdf")

    with pytest.raises(smtplib.SMTPResponseException) as refusal:
        client.send_message(message)

    assert refusal.value.smtp_code == 552


def test_the_page_shows_mails_without_letting_them_do_anything(
    mails: MailSimulator, client: smtplib.SMTP, message: EmailMessage
) -> None:
    client.send_message(message)

    page = httpx.get(mails.url, trust_env=False).text

    assert "Tiket &lt;b&gt;Anda&lt;/b&gt;" in page
    assert "Halo Sari" in page
    assert "tiket.pdf (4 bytes)" in page
    assert "<iframe sandbox srcdoc=" in page


def test_faults_are_set_and_cleared_over_http(mails: MailSimulator) -> None:
    faults = f"{mails.url}/faults"
    meets = [{"stage": "rcpt", "reply": "450 4.2.0 Busy"}]

    set_to = httpx.post(faults, json={"meets": meets}, trust_env=False).json()
    wrong = [
        httpx.post(faults, json=switches, trust_env=False).status_code
        for switches in (
            {"colour": 1}, {"meets": [{"stage": "x"}]}, {"meets": [1]}, {"mails_a_connection": -1}
        )
    ]  # fmt: skip
    shown = httpx.get(faults, trust_env=False).json()
    cleared = httpx.delete(faults, trust_env=False).json()

    assert set_to["meets"][0]["reply"] == "450 4.2.0 Busy"
    assert wrong == [400] * 4
    assert shown == set_to
    assert cleared == {"meets": [], "mails_a_connection": 0, "one_by_one": False}
    assert httpx.get(f"{mails.url}/nothing", trust_env=False).status_code == 404


def test_waiting_for_a_mail_times_out(mails: MailSimulator) -> None:
    with pytest.raises(TimeoutError, match="0 mails, not 1"):
        mails.box.mails(at_least=1, within_seconds=0.01)


@pytest.mark.process
def test_it_runs_as_a_command_until_a_signal(message: EmailMessage) -> None:
    command = [sys.executable, "-m", "simulators.mail", "--port", "0", "--page-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        host, _, port = said.split()[2].removeprefix("smtp://").rstrip(",").partition(":")
        with smtplib.SMTP(host, int(port), "localhost", timeout=60) as client:
            client.send_message(message)
        page = httpx.get(said.split()[-1], trust_env=False).text
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)

    assert "Halo Sari" in page
    assert process.returncode == 0
