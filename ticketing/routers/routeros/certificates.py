"""TLS to routers, whose certificates are often self-signed and have no host name."""

import re
import socket
import ssl
from hashlib import sha256

from ticketing.platform.kernel.errors import Misconfigured, RouterUnavailable, UnusableRouter
from ticketing.routers.routeros.account import RouterAccount

_SEPARATORS = re.compile(r"[\s:]")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def wrap_tls(plain: socket.socket, account: RouterAccount, host: str) -> ssl.SSLSocket:
    """Return the socket with TLS; nothing was sent yet but the handshake.

    Raises Misconfigured for a certificate that is not trusted, RouterUnavailable without an answer.
    """
    router = f"router {account.name}"
    try:
        wrapped = _create_context(account).wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise Misconfigured(
            f"{router}: its certificate is not trusted: {error.verify_message}; give its CA"
            f" certificate, or pin the certificate: `ticketing routers update {account.name} --pin`"
        ) from error
    except ssl.SSLEOFError as error:
        raise RouterUnavailable(f"{router}: TLS connection failed ({error.reason})") from error
    except ssl.SSLError as error:
        raise Misconfigured(
            f"{router}: TLS failed on port {account.port} ({error.reason}); "
            "does its api-ssl service have a certificate?"
        ) from error
    except OSError as error:
        raise RouterUnavailable(f"{router}: TLS connection failed ({error})") from error
    if account.fingerprint and _read_fingerprint(wrapped) != account.fingerprint:
        seen = format_fingerprint(_read_fingerprint(wrapped))
        wrapped.close()
        raise Misconfigured(
            f"{router}: its certificate is not the pinned one, its SHA-256 is {seen}; if the"
            f" certificate was replaced: `ticketing routers update {account.name} --pin`"
        )
    return wrapped


def fetch_fingerprint(host: str, port: int, *, seconds: float = 5) -> str:
    """Return the SHA-256 of the certificate that a router shows, in hex; nothing is verified.

    Raises RouterUnavailable if there is none.
    """
    try:
        with (
            socket.create_connection((host, port), timeout=seconds) as plain,
            _trust_any().wrap_socket(plain, server_hostname=host) as wrapped,
        ):
            return _read_fingerprint(wrapped)
    except OSError as error:
        raise RouterUnavailable(
            f"{host}:{port} shows no certificate ({error}); does the router's api-ssl service have"
            " one?"
        ) from error


def parse_fingerprint(text: str) -> str:
    """Return a SHA-256 fingerprint as 64 hexadecimal digits; colons and spaces are ignored."""
    found = _SEPARATORS.sub("", text).lower()
    if not _FINGERPRINT.fullmatch(found):
        raise UnusableRouter(
            f"fingerprint {text!r} is no SHA-256 in hexadecimal digits, as in the router's"
            " `/certificate print detail`",
            field="fingerprint",
        )
    return found


def format_fingerprint(fingerprint: str) -> str:
    """Return a fingerprint in capitals with colons."""
    pairs = (fingerprint[begin : begin + 2] for begin in range(0, len(fingerprint), 2))
    return ":".join(pairs).upper()


def check_ca_certificate(pem: str) -> None:
    """Raise UnusableRouter unless the text has a certificate in PEM."""
    try:
        ssl.create_default_context(cadata=pem)
    except (OSError, ValueError) as error:
        raise UnusableRouter(
            f"authority has no certificate in PEM: {error}", field="authority"
        ) from error


def _create_context(account: RouterAccount) -> ssl.SSLContext:
    if account.fingerprint:
        return _trust_any()
    return ssl.create_default_context(cadata=account.ca_certificate or None)


def _trust_any() -> ssl.SSLContext:
    """Return a context that verifies nothing: the fingerprint decides."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _read_fingerprint(wrapped: ssl.SSLSocket) -> str:
    certificate = wrapped.getpeercert(binary_form=True)
    return sha256(certificate or b"").hexdigest()
