"""Run the web application with uvicorn until SIGINT or SIGTERM."""

import signal
import socket
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

from ticketing.app.web.app import create_app
from ticketing.billing.pages.stream import SyncStreams
from ticketing.platform.application import Application
from ticketing.platform.http.connection_guard import GuardedProtocol, raise_open_files_limit
from ticketing.platform.http.sse import EventStream
from ticketing.platform.kernel.errors import Misconfigured

if TYPE_CHECKING:
    from ticketing.platform.http.services import Services

GRACEFUL_SHUTDOWN_SECONDS = 20


class WebServer(uvicorn.Server):
    """Ends event streams before it waits for running requests."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, then shut down gracefully."""
        services: Services = self._app.state.service
        services.get(EventStream).close()
        services.get(SyncStreams).close()
        await super().shutdown(sockets)


def build_server(application: Application) -> WebServer:
    """Return the server of the web application, configured but not started."""
    app = create_app(application)
    config = uvicorn.Config(
        app,
        http=GuardedProtocol,
        log_config=None,  # our middleware writes the access log; uvicorn's would contain paths
        access_log=False,
        server_header=False,
        forwarded_allow_ips=application.settings.proxies,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
    )
    return WebServer(app, config)


def serve(application: Application, *, host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; running requests are completed."""
    raise_open_files_limit()
    server = build_server(application)
    # uvicorn sends the signal again after its shutdown: exit with code 0 then
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _exit_on_signal)
    with _open_socket(host, port) as listening:
        server.run([listening])


def _open_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise Misconfigured(
            f"cannot listen on {host}, port {port} ({error.strerror}); use another --port or"
            " WEB_PORT"
        ) from error
    # asyncio does not set it for such a socket, and responses would wait 40 ms for an ACK
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _exit_on_signal(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
