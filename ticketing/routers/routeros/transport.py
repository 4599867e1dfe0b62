"""The socket that routeros-api uses: TCP without delay, with TLS or without."""

import socket

from ticketing.routers.routeros.account import RouterAccount
from ticketing.routers.routeros.buffered_socket import BufferedSocket
from ticketing.routers.routeros.certificates import wrap_tls

_IDLE_SECONDS, _PROBE_SECONDS, _PROBES = 30, 10, 3


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
            is_tls = self._account.tls
            wrapped = wrap_tls(plain, self._account, server_hostname) if is_tls else plain
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
