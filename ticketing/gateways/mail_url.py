"""A mail server and a sender as an operator writes them down, each in one line."""

from email.headerregistry import Address
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from ticketing.domain.errors import Misconfigured
from ticketing.gateways.mail_message import Sender
from ticketing.gateways.mail_server import LOOPBACK, MailServer, Security

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
