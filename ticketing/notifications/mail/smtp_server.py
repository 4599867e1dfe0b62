"""The mail server we hand mails to: where it is, how it is greeted, and why it cannot be.

A mail server and a sender as an operator writes them down, each in one line.
"""

import functools
import smtplib
import ssl
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.utils import parseaddr
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from ticketing.notifications.mail.mime import MailSender
from ticketing.notifications.mail.smtp_replies import SmtpReply, classify_connect_reply
from ticketing.notifications.messages.message import Deferred, PauseScope
from ticketing.platform.kernel.errors import Misconfigured

LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}
_TRANSIENT_ERRORS = (smtplib.SMTPServerDisconnected, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class SmtpSecurity(StrEnum):
    """How a connection is encrypted: not at all, after a greeting (587), from the start (465)."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Whom we hand mails to. Certificates are checked against the system's authorities."""

    host: str
    port: int = 587
    security: SmtpSecurity = SmtpSecurity.STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)
    helo: str = "localhost"  # said at once: asking for our own name can take seconds
    timeout_seconds: float = 30
    data_timeout_seconds: float = 120  # after the content: giving up early leaves us unsure
    tls_context: ssl.SSLContext | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse to say a password where everybody can hear it."""
        if not self.host:
            raise Misconfigured("mail needs a server's name")
        open_wire = self.security is SmtpSecurity.NONE and self.host not in LOOPBACK_HOSTS
        if self.user and open_wire:
            raise Misconfigured(f"{self.host}: a password needs starttls or tls")


def connect_smtp(server: MailServer) -> smtplib.SMTP | Deferred:
    """A connection that was greeted and logged in, or why there is none."""
    smtp: smtplib.SMTP | None = None
    try:
        smtp = _open_smtp(server)
        if server.user:
            smtp.login(server.user, server.password)
    except OSError as error:
        if smtp is not None:
            smtp.close()
        return _classify_connect_error(error)
    return smtp


def _open_smtp(server: MailServer) -> smtplib.SMTP:
    context = server.tls_context or _default_tls_context()
    seconds, helo = server.timeout_seconds, server.helo
    if server.security is SmtpSecurity.TLS:
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, helo, timeout=seconds, context=context
        )
    else:
        smtp = smtplib.SMTP(server.host, server.port, helo, timeout=seconds)
    try:
        if server.security is SmtpSecurity.STARTTLS:
            smtp.starttls(context=context)  # raises when it is not offered
        smtp.ehlo_or_helo_if_needed()
    except OSError:
        smtp.close()
        raise
    return smtp


@functools.cache
def _default_tls_context() -> ssl.SSLContext:
    """The system's, read once."""
    return ssl.create_default_context()


def _classify_connect_error(error: OSError) -> Deferred:
    """Why nobody can be sent anything. No text of an exception: it can quote a password."""
    name = type(error).__name__
    if isinstance(error, smtplib.SMTPResponseException):
        return classify_connect_reply(
            SmtpReply.from_smtplib(int(error.smtp_code), _to_bytes(error.smtp_error))
        )
    needs_a_person = isinstance(error, (ssl.SSLError, smtplib.SMTPException))
    if needs_a_person and not isinstance(error, _TRANSIENT_ERRORS):
        what = f"mail server: no trusted, encrypted connection or login ({name})"
        return Deferred(what, name, pause_scope=PauseScope.CHANNEL)
    return Deferred(f"mail server: not reached ({name})", name, pause_scope=PauseScope.SENDER)


def _to_bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


_MAIL_URL_FORMAT = (
    "MAIL_URL must be smtp://user:password@host:587 or smtps://user:password@host:465"
)


_PORTS = {"smtp": 587, "smtps": 465}


def parse_mail_url(url: str) -> MailServer:
    """`smtps` is encrypted from the start, `smtp` after a greeting, or on this machine not at all.

    What a message says of a wrong one holds nothing of it: it has a password in it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Misconfigured(_MAIL_URL_FORMAT) from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        raise Misconfigured(_MAIL_URL_FORMAT)
    security = SmtpSecurity.TLS if parts.scheme == "smtps" else SmtpSecurity.STARTTLS
    if parts.scheme == "smtp" and parts.hostname in LOOPBACK_HOSTS:
        security = SmtpSecurity.NONE
    return MailServer(
        parts.hostname,
        port or _PORTS[parts.scheme],
        security,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def parse_mail_sender(text: str, bounce_address: str = "") -> MailSender:
    """`Panitia Wisuda <tiket@example.org>`, or the address alone."""
    name, address = parseaddr(text)
    if not address:
        raise Misconfigured("MAIL_FROM must be an address, as in Tickets <tickets@example.org>")
    return MailSender(address, Address(name).display_name, bounce_address=bounce_address)
