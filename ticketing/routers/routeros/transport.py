"""The account of a router, TCP without delay, and TLS with verified certificates."""

import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from ticketing.platform.kernel.errors import Misconfigured, RouterUnavailable
from ticketing.routers.routeros.buffered_socket import BufferedSocket

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


class SocketFactory:
    """Prepares one connection of routeros-api, which asks an SSL context for its socket.

    So TCP options, TLS and the check of the certificate are decided here, before the first byte of
    the login is sent.
    """

    def __init__(self, account: RouterAccount, *, answer_seconds: float) -> None:
        self._account = account
        self._answer_seconds = answer_seconds
        self._socket: BufferedSocket | None = None

    @property
    def has_connected(self) -> bool:
        """Return whether the router has been reached, with TLS if the account has it."""
        return self._socket is not None

    def wrap_socket(self, plain: socket.socket, *, server_hostname: str) -> BufferedSocket:
        """Return the socket for routeros-api; the name and the arguments are an SSL context's."""
        try:
            _set_socket_options(plain)
            wrapped = _wrap_tls(plain, self._account, server_hostname)
            wrapped.settimeout(self._answer_seconds)
        except BaseException:
            plain.close()
            raise
        self._socket = BufferedSocket(wrapped)
        return self._socket

    def opened(self) -> BufferedSocket:
        """Return the socket that was prepared."""
        if self._socket is None:
            raise LookupError("no socket was prepared")
        return self._socket

    def close(self) -> None:
        """Close the socket, if there is one."""
        if self._socket:
            self._socket.close()


def _set_socket_options(connection: socket.socket) -> None:
    # without it, Nagle waits for the router's delayed acknowledgement: 40 ms per command
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)


def _wrap_tls(plain: socket.socket, account: RouterAccount, host: str) -> socket.socket:
    if not account.tls:
        return plain
    router = f"router {account.name}"
    try:
        trusted = ssl.create_default_context(cafile=account.authority)
    except OSError as error:
        raise Misconfigured(f"{router}: {account.authority} cannot be read: {error}") from error
    try:
        return trusted.wrap_socket(plain, server_hostname=host)
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
