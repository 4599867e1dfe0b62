"""HTTP request and response types, routing, and the threaded server of the simulators."""

import json
import re
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Literal, Self
from urllib.parse import parse_qsl, urlsplit

Json = dict[str, object]

_IDLE_SECONDS = 5
STOP_WITHIN_SECONDS = 0.005  # between two looks whether a server is to stop
_HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Received request; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    query: dict[str, str] = field(default_factory=dict)

    def json(self) -> Json:
        """Return the body as a JSON object.

        For an empty body the vendor's Python library sends `{}` and its Node library
        `null`. Raises ValueError for anything but an object.
        """
        value = json.loads(self.body.strip() or b"null")
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise ValueError("not an object")  # noqa: TRY004 - one error for every bad body
        return value

    def form(self) -> dict[str, str]:
        """Return the fields of an HTML form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace")))


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """Response; status 0 closes the connection without a response."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_success(self) -> bool:
        """Return whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own line

    @classmethod
    def json(cls, status: int, value: object) -> "HttpResponse":
        """Create a JSON response."""
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    @classmethod
    def html(cls, status: int, page: str) -> "HttpResponse":
        """Create an HTML response."""
        return cls(status, page.encode(), {"Content-Type": _HTML})

    @classmethod
    def redirect(cls, url: str) -> "HttpResponse":
        """Create a redirect that is fetched with GET."""
        return cls(303, headers={"Location": url})


CLOSE_CONNECTION = HttpResponse(0)
Handler = Callable[[HttpRequest, dict[str, str]], HttpResponse]
Route = tuple[str, re.Pattern[str], Handler]


def match_route(
    routes: Iterable[Route], request: HttpRequest
) -> tuple[Handler, dict[str, str]] | Literal[404, 405]:
    """Return the handler and the path parameters, or 404 or 405 if no route matches."""
    matches = [
        (method, handler, found.groupdict())
        for method, pattern, handler in routes
        if (found := pattern.fullmatch(request.path))
    ]
    for method, handler, names in matches:
        if method == request.method:
            return handler, names
    return 405 if matches else 404


class HttpServer(ThreadingHTTPServer):
    """Server with one thread per connection and one request per connection."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(
        self, host: str, port: int, respond: Callable[[HttpRequest], HttpResponse]
    ) -> None:
        """Bind the socket; port 0 selects a free port."""
        self.respond = respond
        super().__init__((host, port), _Handler)

    def handle_error(self, *_: object) -> None:
        """Ignore clients that close the connection."""


class WebhookListener:
    """HTTP server at `url` that receives webhooks; listens inside `with`."""

    def __init__(self, server: ThreadingHTTPServer, path: str) -> None:
        """Store the server; `path` begins with a slash."""
        self._server = server
        self._thread = Thread(target=server.serve_forever, args=(STOP_WITHIN_SECONDS,))
        self.url = f"http://127.0.0.1:{server.server_port}{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class HttpSimulator:
    """Simulator that responds over HTTP, running inside `with`; `url` is its base URL."""

    def __init__(
        self,
        host: str,
        port: int,
        respond: Callable[[HttpRequest], HttpResponse],
        *closers: Callable[[], object],
    ) -> None:
        """Bind the socket; the first closer is called before the server stops, the others after."""
        self._server = HttpServer(host, port, respond)
        self.url = f"http://{host}:{self._server.server_port}"
        self._closers = closers
        self._thread = Thread(target=self._server.serve_forever, args=(STOP_WITHIN_SECONDS,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        first, *others = self._closers
        with ExitStack() as closing:
            for close in (
                *reversed(others),
                self._server.server_close,
                self._thread.join,
                self._server.shutdown,
                first,
            ):
                closing.callback(close)


class _Handler(BaseHTTPRequestHandler):
    server: HttpServer
    timeout = _IDLE_SECONDS

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        url = urlsplit(self.path)
        body, query = self.rfile.read(length), dict(parse_qsl(url.query))
        request = HttpRequest(self.command, url.path, headers, body, query)
        answer = self.server.respond(request)
        if answer.status:
            self._send(answer)

    def _send(self, answer: HttpResponse) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - the names http.server looks for

    def log_message(self, *_: object) -> None:
        """Do not log requests: /_simulator shows them."""
