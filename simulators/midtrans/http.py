"""A request and its answer, and the server that turns one into the other on a socket."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from simulators.midtrans.snap import Json

_IDLE_SECONDS = 5
_HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Json:
        """The body as a JSON object; ValueError when it is anything else.

        For nothing at all, the vendor's Python library sends `{}`, the one for Node `null`.
        """
        value = json.loads(self.body.strip() or b"null")
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise ValueError("not an object")  # noqa: TRY004 - one error for every bad body
        return value

    def form(self) -> dict[str, str]:
        """The fields of a page's form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace")))


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; a status of 0 closes the connection without a word."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, status: int, value: object) -> "Answer":
        """A JSON document."""
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    @classmethod
    def html(cls, status: int, page: str) -> "Answer":
        """A page."""
        return cls(status, page.encode(), {"Content-Type": _HTML})

    @classmethod
    def see(cls, url: str) -> "Answer":
        """Another page, to be fetched."""
        return cls(303, headers={"Location": url})


NO_ANSWER = Answer(0)


class Server(ThreadingHTTPServer):
    """A thread a connection, a connection a request: nothing lingers when it is closed."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, respond: Callable[[Request], Answer]) -> None:
        """Listen; port 0 is any free one."""
        self.respond = respond
        super().__init__((host, port), _Handler)

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up; that is their affair."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = _IDLE_SECONDS

    def _exchange(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        path = urlsplit(self.path).path
        request = Request(self.command, path, headers, self.rfile.read(length))
        answer = self.server.respond(request)
        if answer.status:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_DELETE = _exchange  # noqa: N815 - the names http.server looks for

    def log_message(self, *_: object) -> None:
        """Keep the console for people: /_simulator shows what happened."""
