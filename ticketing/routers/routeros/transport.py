"""The way to a router: TCP without delay, TLS that trusts nobody unasked."""

import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from ticketing.platform.kernel.errors import Misconfigured, RouterUnavailable

_RECEIVE_BYTES = 1 << 16
_IDLE_SECONDS, _PROBE_SECONDS, _PROBES = 30, 10, 3


@dataclass(frozen=True, slots=True)
class RouterAccount:
    """Which router, and who we are to it; `name` is ours, for messages.

    With TLS its certificate must be signed by `authority`, or by one that this machine trusts.
    Without, the password crosses the network as it is: only inside a VPN.
    """

    name: str
    host: str
    user: str
    password: str = field(repr=False)
    port: int = 8729
    tls: bool = True
    authority: Path | None = None  # PEM


def connect(account: RouterAccount, seconds: float) -> socket.socket:
    """An open connection, on which nothing was said yet."""
    try:
        plain = socket.create_connection((account.host, account.port), timeout=seconds)
    except OSError as error:
        raise RouterUnavailable(f"router {account.name}: no connection ({error})") from error
    try:
        _set_socket_options(plain)
        return _wrap_tls(plain, account) if account.tls else plain
    except BaseException:
        plain.close()
        raise


def is_idle(connection: socket.socket) -> bool:
    """Whether a connection on which no answer is due is still there.

    Bytes or the end where silence belongs: a router says `!fatal`, or was restarted.
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
    """The next piece; ConnectionError when there will be none."""
    piece = connection.recv(_RECEIVE_BYTES)
    if not piece:
        raise ConnectionResetError("the router closed the connection")
    return piece


def _set_socket_options(connection: socket.socket) -> None:
    # else Nagle waits for the router's delayed acknowledgement: 40 ms a command
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
            "give its authority's certificate, or put one on the router for this address"
        ) from error
    except ssl.SSLEOFError as error:
        raise RouterUnavailable(f"{router}: no TLS connection ({error.reason})") from error
    except ssl.SSLError as error:
        raise Misconfigured(
            f"{router}: no TLS on port {account.port} ({error.reason}); "
            "does its api-ssl service have a certificate?"
        ) from error
    except OSError as error:
        raise RouterUnavailable(f"{router}: no TLS connection ({error})") from error
