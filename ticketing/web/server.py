"""The application on a socket, until it is told to stop."""

import signal
import socket
from contextlib import suppress
from types import FrameType

import uvicorn
from fastapi import FastAPI

from ticketing.application import Application
from ticketing.domain.errors import Misconfigured
from ticketing.web.app import create_app
from ticketing.web.live_board import LiveBoard

GRACE_SECONDS = 20


class Server(uvicorn.Server):
    """Lets go of who listens for ever, before it waits for what is being answered."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        """A server of our application."""
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, in good order."""
        self._app.state.service.get(LiveBoard).end()
        await super().shutdown(sockets)


def serve(application: Application, *, host: str, port: int) -> None:
    """Answer requests until SIGINT or SIGTERM; what is being answered is answered first."""
    app = create_app(application)
    config = uvicorn.Config(
        app,
        log_config=None,  # the threshold writes our own lines; uvicorn's would show paths
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    # uvicorn sends itself the signal again when it is done: that must end us, not kill us
    signal.signal(signal.SIGTERM, _end)
    with _listening(host, port) as listening, suppress(KeyboardInterrupt):
        Server(app, config).run([listening])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        raise Misconfigured(
            f"cannot listen on {host}, port {port} ({error.strerror}); --port or WEB_PORT names"
            " another"
        ) from error
    # asyncio sees no TCP in such a socket and leaves it off: answers then wait 40 ms for an ACK
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _end(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
