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

from ticketing.notifications.mail.mime import Sender
from ticketing.notifications.mail.smtp_replies import Reply, at_the_door
from ticketing.notifications.messages.message import Later, Stops
from ticketing.platform.kernel.errors import Misconfigured

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_PASSING = (smtplib.SMTPServerDisconnected, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Security(StrEnum):
    """How a connection is encrypted: not at all, after a greeting (587), from the start (465)."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Whom we hand mails to. Certificates are checked against the system's authorities."""

    host: str
    port: int = 587
    security: Security = Security.STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)
    helo: str = "localhost"  # said at once: asking for our own name can take seconds
    timeout_seconds: float = 30
    acceptance_seconds: float = 120  # after the content: giving up early leaves us unsure
    authorities: ssl.SSLContext | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse to say a password where everybody can hear it."""
        if not self.host:
            raise Misconfigured("mail needs a server's name")
        open_wire = self.security is Security.NONE and self.host not in LOOPBACK
        if self.user and open_wire:
            raise Misconfigured(f"{self.host}: a password needs starttls or tls")


def greeted(server: MailServer) -> smtplib.SMTP | Later:
    """A connection that was greeted and logged in, or why there is none."""
    smtp: smtplib.SMTP | None = None
    try:
        smtp = _connected(server)
        if server.user:
            smtp.login(server.user, server.password)
    except OSError as error:
        if smtp is not None:
            smtp.close()
        return _unopened(error)
    return smtp


def _connected(server: MailServer) -> smtplib.SMTP:
    context = server.authorities or _authorities()
    seconds, helo = server.timeout_seconds, server.helo
    if server.security is Security.TLS:
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, helo, timeout=seconds, context=context
        )
    else:
        smtp = smtplib.SMTP(server.host, server.port, helo, timeout=seconds)
    try:
        if server.security is Security.STARTTLS:
            smtp.starttls(context=context)  # raises when it is not offered
        smtp.ehlo_or_helo_if_needed()
    except OSError:
        smtp.close()
        raise
    return smtp


@functools.cache
def _authorities() -> ssl.SSLContext:
    """The system's, read once."""
    return ssl.create_default_context()


def _unopened(error: OSError) -> Later:
    """Why nobody can be sent anything. No text of an exception: it can quote a password."""
    name = type(error).__name__
    if isinstance(error, smtplib.SMTPResponseException):
        return at_the_door(Reply.of(int(error.smtp_code), _bytes(error.smtp_error)))
    needs_a_person = isinstance(error, (ssl.SSLError, smtplib.SMTPException))
    if needs_a_person and not isinstance(error, _PASSING):
        what = f"mail server: no trusted, encrypted connection or login ({name})"
        return Later(what, name, stops=Stops.CHANNEL)
    return Later(f"mail server: not reached ({name})", name, stops=Stops.SENDER)


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


_WANTED = "MAIL_URL must be smtp://user:password@host:587 or smtps://user:password@host:465"


_PORTS = {"smtp": 587, "smtps": 465}


def mail_server(url: str) -> MailServer:
    """`smtps` is encrypted from the start, `smtp` after a greeting, or on this machine not at all.

    What a message says of a wrong one holds nothing of it: it has a password in it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Misconfigured(_WANTED) from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        raise Misconfigured(_WANTED)
    security = Security.TLS if parts.scheme == "smtps" else Security.STARTTLS
    if parts.scheme == "smtp" and parts.hostname in LOOPBACK:
        security = Security.NONE
    return MailServer(
        parts.hostname,
        port or _PORTS[parts.scheme],
        security,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def mail_sender(written: str, bounces: str = "") -> Sender:
    """`Panitia Wisuda <tiket@example.org>`, or the address alone."""
    name, address = parseaddr(written)
    if not address:
        raise Misconfigured("MAIL_FROM must be an address, as in Tickets <tickets@example.org>")
    return Sender(address, Address(name).display_name, bounces=bounces)
