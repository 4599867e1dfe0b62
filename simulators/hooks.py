"""Somebody who is told by webhooks: answers on a port as it is told to, and remembers."""

import ssl
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from simulators.http import WebhookListener


class WebhookReceiver(WebhookListener):
    """Listens from `with` on. How it answers can be changed at any time."""

    def __init__(self) -> None:
        """Friendly, and nothing heard yet."""
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b"thanks"
        self.repeats = 1  # of the body: an answer without end
        self.pause_seconds = 0.0  # before it answers
        self.body_pause_seconds = 0.0  # after it has answered, before the body
        self.received: list[tuple[dict[str, str], bytes]] = []
        super().__init__(
            ThreadingHTTPServer(("127.0.0.1", 0), _recording_handler(self)), "/hooks?for=shop"
        )

    def secure(self, certificate: Path) -> None:
        """Speak TLS from now on, with this certificate and its key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def ids(self) -> list[str]:
        """The names of the messages, as they came."""
        return [headers["webhook-id"] for headers, _ in self.received]


def _recording_handler(receiver: WebhookReceiver) -> type[BaseHTTPRequestHandler]:
    class Ears(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append((heard, body))
            time.sleep(receiver.pause_seconds)
            self.send_response(receiver.status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()
            time.sleep(receiver.body_pause_seconds)
            try:
                for _ in range(receiver.repeats):
                    self.wfile.write(receiver.body)
            except OSError:
                return  # who asked has heard enough

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Ears
