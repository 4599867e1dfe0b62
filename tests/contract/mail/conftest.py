"""Fixtures: a mail server and its certificate."""

import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulators.mail.server import MailSimulator
from ticketing.notifications.mail.client import SmtpTransport
from ticketing.notifications.mail.mime import MailSender
from ticketing.notifications.mail.smtp_server import MailServer, SmtpSecurity
from ticketing.notifications.messages.message import Attachment, Mail


@dataclass(frozen=True, slots=True)
class Certificate:
    """Self-signed certificate for 127.0.0.1."""

    path: Path

    def shown(self) -> ssl.SSLContext:
        """Return the server's TLS context."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path)
        return context

    def trusted(self) -> ssl.SSLContext:
        """Return the context of a client that trusts the certificate."""
        return ssl.create_default_context(cafile=str(self.path))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(path.with_suffix(".key")), "-out", str(path)],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    path.write_text(path.read_text() + path.with_suffix(".key").read_text())
    return Certificate(path)


@pytest.fixture
def mails() -> Iterator[MailSimulator]:
    with MailSimulator() as simulator:
        yield simulator


@pytest.fixture
def sender() -> MailSender:
    return MailSender(
        "tiket@example.org", "Panitia Wisuda", "panitia@example.org", "bounces@example.org"
    )


@pytest.fixture
def server(mails: MailSimulator) -> MailServer:
    return MailServer(mails.host, mails.port, SmtpSecurity.NONE)


@pytest.fixture
def mailer(server: MailServer, sender: MailSender) -> Iterator[SmtpTransport]:
    with SmtpTransport(server, sender) as ours:
        yield ours


@pytest.fixture
def mail() -> Mail:
    return Mail(
        "Tiket Wisuda Periode II sudah siap",
        "Halo Sari,\n\ntiket Anda sudah siap.\n",
        "<p>Halo Sari,</p><p>tiket Anda sudah siap.</p>",
        (Attachment("Tiket TC-2026-7Q4M9ZKD.pdf", b"%PDF-1.7\n" + bytes(range(256)) * 40),),
    )
