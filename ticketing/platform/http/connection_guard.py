"""Uvicorn's HTTP protocol with time limits, which uvicorn itself has for idle connections only.

A client that sends a header or a body slowly, reads its response slowly or opens very many
connections holds a socket and memory for as long as it likes. `docs/decisions/0064-connections.md`
has what was measured.
"""

import asyncio
import resource
import socket
import struct
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ticketing.platform.http.client_network import network_of

HEADER_SECONDS = 10.0  # from the connection, or the first byte of a further request
BODY_SECONDS, BODY_BYTES_PER_SECOND = 20.0, 4096  # an upload by EDGE is faster
WRITE_SECONDS = 60.0  # without a byte read, while the send buffer is full
MAX_CONNECTIONS_PER_NETWORK = 400
_REQUEST_TIMEOUT = STATUS_LINE[408] + b"content-length: 0\r\nconnection: close\r\n\r\n"


class GuardedProtocol(HttpToolsProtocol):
    """Ends connections that make no progress, and surplus ones of a network.

    Connections of trusted proxies are not counted: they carry the requests of everybody.
    """

    network = ""
    _receiving: asyncio.TimerHandle | None = None
    _sending: asyncio.TimerHandle | None = None
    _is_begun = False  # a request; browsers also open connections that they do not use
    _started_at = 0.0
    _body_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Begin to wait for a header, or close a surplus connection."""
        super().connection_made(transport)
        host = self.client[0] if self.client else ""
        self.network = "" if self._is_trusted(host) else network_of(host)
        if self.network and self._count_of_network() > MAX_CONNECTIONS_PER_NETWORK:
            transport.abort()
            return
        self._await_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel all timers."""
        self._stop_receiving()
        self._stop_sending()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data; a byte behind a complete request begins the next one."""
        if self._receiving is None:
            self._await_header()
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin to wait for the header of a request that arrived together with the one before."""
        super().on_message_begin()
        self._is_begun = True
        if self._receiving is None:
            self._await_header()

    def on_headers_complete(self) -> None:
        """Begin to wait for the body."""
        self._stop_receiving()
        self._body_bytes = 0
        self._started_at = self.loop.time()
        self._receiving = self.loop.call_later(BODY_SECONDS, self._check_body)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count the body, which may take longer the longer it is."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait for nothing: the request is complete."""
        self._stop_receiving()
        self._is_begun = False
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the websocket's protocol, which sends pings of its own."""
        self._stop_receiving()
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        """Begin to wait until the client reads its response."""
        super().pause_writing()
        if self._sending is None:
            self._sending = self.loop.call_later(WRITE_SECONDS, self._reset)

    def resume_writing(self) -> None:
        """Wait for nothing: the client has read."""
        self._stop_sending()
        super().resume_writing()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _await_header(self) -> None:
        self._receiving = self.loop.call_later(HEADER_SECONDS, self._check_header)

    def _check_header(self) -> None:
        if self._is_answering:
            self._await_header()  # of the next request: the response before it may take its time
        else:
            self._end()

    def _check_body(self) -> None:
        allowed = BODY_SECONDS + self._body_bytes / BODY_BYTES_PER_SECOND
        remaining = self._started_at + allowed - self.loop.time()
        if self.flow.read_paused:
            remaining = BODY_SECONDS  # it is we who do not read
        if remaining > 0:
            self._receiving = self.loop.call_later(remaining, self._check_body)
        else:
            self._end()

    def _end(self) -> None:
        self._receiving = None
        has_answered = self._is_answering and self.cycle.response_started
        if self._is_begun and not has_answered:
            self.transport.write(_REQUEST_TIMEOUT)
        self.transport.close()

    def _reset(self) -> None:
        # without it the system would go on to offer the client what it does not read
        connection: socket.socket = self.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _stop_receiving(self) -> None:
        if self._receiving is not None:
            self._receiving.cancel()
            self._receiving = None

    def _stop_sending(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None

    def _is_trusted(self, host: str) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return True  # a Unix socket
        proxies = self.config.forwarded_allow_ips
        texts = proxies.split(",") if isinstance(proxies, str) else proxies
        return any(address in network for network in _parse_networks(tuple(texts)))

    def _count_of_network(self) -> int:
        return sum(
            isinstance(one, GuardedProtocol) and one.network == self.network
            for one in self.connections
        )


@lru_cache
def _parse_networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text.strip()) for text in texts if text.strip())


def raise_open_files_limit() -> None:
    """Allow as many open files, and so connections, as the system allows; often only 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
