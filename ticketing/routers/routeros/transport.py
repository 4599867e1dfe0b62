"""TCP without delay, and TLS with verified certificates, to a router."""

import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from ticketing.platform.kernel.errors import Misconfigured, RouterUnavailable

_RECEIVE_BYTES = 1 << 16
_IDLE_SECONDS, _PROBE_SECONDS, _PROBES = 30, 10, 3


@dataclass(frozen=True, slots=True)
class RouterAccount:
    """Address and login of a router; `name` is ours, for messages.

    With TLS its certificate must be signed by the given CA, or by one this machine trusts. Without
    TLS the password crosses the network in plain text: only inside a VPN.
    """

    name: str
    host: str
    user: str
    password: str = field(repr=False)
    port: int = 8729
    tls: bool = True
    authority: Path | None = None  # PEM


def connect(account: RouterAccount, seconds: float) -> socket.socket:
    """Return an open connection on which nothing was sent yet."""
    try:
        plain = socket.create_connection((account.host, account.port), timeout=seconds)
    except OSError as error:
        raise RouterUnavailable(f"router {account.name}: connection failed ({error})") from error
    try:
        _set_socket_options(plain)
        return _wrap_tls(plain, account) if account.tls else plain
    except BaseException:
        plain.close()
        raise


def is_idle(connection: socket.socket) -> bool:
    """Return whether a connection without pending replies is still open.

    Received bytes or an end of file mean that it is not: the router sent `!fatal` or restarted.
    """
    timeout = connection.gettimeout()
    connection.setblocking(False)
    try:
        connection.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    finally:
        connection.settimeout(timeout)
    return False


def receive(connection: socket.socket) -> bytes:
    """Return the next piece; raise ConnectionResetError at the end."""
    piece = connection.recv(_RECEIVE_BYTES)
    if not piece:
        raise ConnectionResetError("the router closed the connection")
    return piece


def _set_socket_options(connection: socket.socket) -> None:
    # without it, Nagle waits for the router's delayed acknowledgement: 40 ms per command
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)


def _wrap_tls(plain: socket.socket, account: RouterAccount) -> socket.socket:
    router = f"router {account.name}"
    try:
        trusted = ssl.create_default_context(cafile=account.authority)
    except OSError as error:
        raise Misconfigured(f"{router}: {account.authority} cannot be read: {error}") from error
    try:
        return trusted.wrap_socket(plain, server_hostname=account.host)
    except ssl.SSLCertVerificationError as error:
        raise Misconfigured(
            f"{router}: its certificate is not trusted: {error.verify_message}; "
            "give its CA certificate, or install a certificate for this address on the router"
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
