"""One HTTP/1.1 connection that stays open: an asyncio protocol, because it costs least."""

import asyncio
from collections.abc import Callable
from typing import cast
from urllib.parse import parse_qsl, unquote

from simulators.billing.answer import Answer
from simulators.http import HttpRequest

_END = b"\r\n\r\n"
_MAX_REQUEST = 1 << 20


class Connection(asyncio.Protocol):
    """Answers the requests of a connection in order, one at a time."""

    def __init__(
        self,
        respond: Callable[[HttpRequest], Answer],
        ended: Callable[[], object],
        connections: set["Connection"],
    ) -> None:
        """Store the callbacks: `ended` is called for every answer of `respond`."""
        self._respond, self._ended, self._connections = respond, ended, connections
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._is_busy = self._drops_next = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        """End the request in progress; the client may have given up."""
        self._connections.discard(self)
        if self._is_busy:
            self._end()

    def data_received(self, data: bytes) -> None:
        """Answer the next request when it is complete."""
        self._received += data
        if not self._is_busy:
            self._answer_next()

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def _answer_next(self) -> None:
        if self._drops_next and self._received:
            self.abort()
            return
        try:
            request = self._take_request()
        except (ValueError, UnicodeDecodeError):
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            self._transport.close()
            return
        if request is None:
            return
        self._is_busy = True
        answer = self._respond(request)
        if answer.is_silent:
            return
        if answer.delay_seconds:
            self._loop.call_later(answer.delay_seconds, self._send, answer)
        else:
            self._send(answer)

    def _take_request(self) -> HttpRequest | None:
        """Return the first complete request; ValueError for what is no HTTP/1.1."""
        head_end = self._received.find(_END)
        if head_end < 0:
            if len(self._received) > _MAX_REQUEST:
                raise ValueError("the head is too long")
            return None
        first, *lines = self._received[:head_end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body_start = head_end + len(_END)
        body_end = body_start + int(headers.get("content-length", 0))
        if len(self._received) < body_end:
            return None
        method, target, _ = first.split(" ", 2)
        body, self._received = self._received[body_start:body_end], self._received[body_end:]
        path, _, query = target.partition("?")
        path = unquote(path) if "%" in path else path
        return HttpRequest(method, path, headers, body, dict(parse_qsl(query)) if query else {})

    def _send(self, answer: Answer) -> None:
        if self._transport.is_closing():
            return
        if not answer.status:
            self.abort()
            return
        head, body = answer.encode()
        if answer.drip_seconds:
            self._transport.write(head)
            self._drip(answer, body, 0)
            return
        self._transport.write(head + body)
        self._finish(answer)

    def _drip(self, answer: Answer, body: bytes, at: int) -> None:
        if self._transport.is_closing():
            return
        if at == len(body):
            self._finish(answer)
            return
        self._transport.write(body[at : at + 1])
        self._loop.call_later(answer.drip_seconds, self._drip, answer, body, at + 1)

    def _finish(self, answer: Answer) -> None:
        self._end()
        self._drops_next = answer.drops_next
        if answer.closes:
            self._transport.close()
        elif self._received:
            self._loop.call_soon(self.data_received, b"")

    def _end(self) -> None:
        self._is_busy = False
        self._ended()
