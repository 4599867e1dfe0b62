"""The mail server: settings, connecting, and classification of connection errors."""

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
    """Encryption of a connection: none, after a greeting (587), from the start (465)."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Address and login of a mail server. Certificates are verified with the system's CAs."""

    host: str
    port: int = 587
    security: SmtpSecurity = SmtpSecurity.STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)
    helo: str = "localhost"  # explicit, because resolving the own name can take seconds
    timeout_seconds: float = 30
    data_timeout_seconds: float = (
        120  # after the content; an early timeout leaves the result unknown
    )
    tls_context: ssl.SSLContext | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raise Misconfigured for a password on an unencrypted connection."""
        if not self.host:
            raise Misconfigured("the mail server's host name is empty")
        open_wire = self.security is SmtpSecurity.NONE and self.host not in LOOPBACK_HOSTS
        if self.user and open_wire:
            raise Misconfigured(f"{self.host}: a password requires starttls or tls")


def connect_smtp(server: MailServer) -> smtplib.SMTP | Deferred:
    """Return a connection after greeting and login, or the reason why there is none."""
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
    """Return the system's TLS context, read once."""
    return ssl.create_default_context()


def _classify_connect_error(error: OSError) -> Deferred:
    """Return why nothing can be sent, without the exception's text, which may hold a password."""
    name = type(error).__name__
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        text = text if isinstance(text, bytes) else text.encode()
        return classify_connect_reply(SmtpReply.from_smtplib(int(error.smtp_code), text))
    needs_a_person = isinstance(error, (ssl.SSLError, smtplib.SMTPException))
    if needs_a_person and not isinstance(error, _TRANSIENT_ERRORS):
        what = f"mail server: TLS verification or login failed ({name})"
        return Deferred(what, name, pause_scope=PauseScope.CHANNEL)
    return Deferred(f"mail server: connection failed ({name})", name, pause_scope=PauseScope.SENDER)


_MAIL_URL_FORMAT = (
    "MAIL_URL must be smtp://user:password@host:587 or smtps://user:password@host:465"
)


_PORTS = {"smtp": 587, "smtps": 465}


def parse_mail_url(url: str) -> MailServer:
    """Parse MAIL_URL: `smtps` uses TLS from the start, `smtp` STARTTLS, or nothing on localhost.

    Error messages do not quote the value, because it contains a password.
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
    """Parse `Panitia Wisuda <tiket@example.org>` or a plain address."""
    name, address = parseaddr(text)
    if not address:
        raise Misconfigured("MAIL_FROM must be an address, as in Tickets <tickets@example.org>")
    return MailSender(address, Address(name).display_name, bounce_address=bounce_address)
