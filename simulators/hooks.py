"""HTTP server that receives webhooks, responds as configured and records every request."""

import ssl
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from simulators.http import WebhookListener


class WebhookReceiver(WebhookListener):
    """Webhook receiver; listens inside `with`. The response can be changed at any time."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b"thanks"
        self.repeats = 1  # of the body, to simulate an endless response
        self.pause_seconds = 0.0  # before the response
        self.body_pause_seconds = 0.0  # between status line and body
        self.received: list[tuple[dict[str, str], bytes]] = []
        super().__init__(
            ThreadingHTTPServer(("127.0.0.1", 0), _recording_handler(self)), "/hooks?for=shop"
        )

    def secure(self, certificate: Path) -> None:
        """Use TLS from now on, with this file of certificate and key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def ids(self) -> list[str]:
        """Return the webhook ids in order of arrival."""
        return [headers["webhook-id"] for headers, _ in self.received]


def _recording_handler(receiver: WebhookReceiver) -> type[BaseHTTPRequestHandler]:
    class RecordingHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append((headers, body))
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
                return  # the client closed the connection

        def log_message(self, *_: object) -> None:
            """Do not log requests."""

    return RecordingHandler
