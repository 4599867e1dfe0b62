"""The whole simulator on two ports: one for mail, one to watch it."""

import asyncio
import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from threading import Thread
from typing import Self

from simulators.http import STOP_WITHIN_SECONDS, Answer, Request, Server
from simulators.mail import pages
from simulators.mail.box import Box, Received
from simulators.mail.faults import Faults
from simulators.mail.smtp import FaultyServer, Hooks, Login

_LARGEST = 10_240_000  # Postfix's default


def _now() -> datetime:
    return datetime.now(UTC)


class MailSimulator:
    """A mail server from `with` on, at `host` and `port`; `url` is the page to watch."""

    def __init__(
        self,
        *,
        login: Login | None = None,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
        largest: int = _LARGEST,
        host: str = "127.0.0.1",
        port: int = 0,
        page_port: int = 0,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """`starttls` is offered after the greeting, `tls` speaks from the first byte."""
        self.faults = Faults()
        self.box = Box(clock)
        self.host = host
        self._loop = asyncio.new_event_loop()
        self._connections: list[FaultyServer] = []
        self._speaks = partial(
            FaultyServer, login=login, starttls=starttls, largest=largest, loop=self._loop
        )
        self._listening = self._loop.run_until_complete(
            self._loop.create_server(self._connected, host, port, ssl=tls)
        )
        self.port: int = self._listening.sockets[0].getsockname()[1]
        self._pages = Server(host, page_port, self._respond)
        self.url = f"http://{host}:{self._pages.server_port}/_simulator"
        self._threads = [
            Thread(target=self._loop.run_forever, name="smtp"),
            Thread(
                target=self._pages.serve_forever, args=(STOP_WITHIN_SECONDS,), name="mail pages"
            ),
        ]

    def __enter__(self) -> Self:
        """Answer from here on."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop answering and cut what is connected."""
        self._pages.shutdown()
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        for thread in self._threads:
            thread.join()
        self._pages.server_close()
        self._loop.close()

    def mails(self, to: str = "", *, at_least: int = 0) -> list[Received]:
        """What was accepted, once there is so much of it; TimeoutError if there is not."""
        return self.box.mails(to, at_least=at_least)

    def _connected(self) -> FaultyServer:
        hooks = Hooks(self.faults, self.box, len(self._connections) + 1)
        self._connections.append(self._speaks(hooks))
        return self._connections[-1]

    async def _close(self) -> None:
        self._listening.close()
        for connection in self._connections:
            connection.cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _respond(self, request: Request) -> Answer:
        match request.method, request.path:
            case "GET", "/_simulator":
                return Answer.html(200, pages.overview(self.mails(), self.faults))
            case "GET", "/_simulator/faults":
                return Answer.json(200, self.faults.shown())
            case "POST", "/_simulator/faults":
                return self._set(request.body)
            case "DELETE", "/_simulator/faults":
                return self._set(b"{}")
        return Answer.json(404, {"error": "there are /_simulator and /_simulator/faults"})

    def _set(self, body: bytes) -> Answer:
        try:
            self.faults.set(**json.loads(body))
        except (ValueError, TypeError) as error:
            return Answer.json(400, {"error": str(error)})
        return Answer.json(200, self.faults.shown())
