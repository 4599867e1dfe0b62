"""The mail simulator on two ports: SMTP and the HTML overview."""

import asyncio
import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from threading import Thread
from typing import Self

from simulators.http import STOP_WITHIN_SECONDS, HttpRequest, HttpResponse, HttpServer
from simulators.mail import pages
from simulators.mail.box import Mailbox, ReceivedMail
from simulators.mail.faults import MailFaults
from simulators.mail.smtp import FaultySmtpServer, SmtpHooks, SmtpLogin

_MAX_MAIL_BYTES = 10_240_000  # Postfix's default


def _now() -> datetime:
    return datetime.now(UTC)


class MailSimulator:
    """SMTP server at `host` and `port`, running inside `with`; `url` is the overview page."""

    def __init__(
        self,
        *,
        login: SmtpLogin | None = None,
        starttls: ssl.SSLContext | None = None,
        tls: ssl.SSLContext | None = None,
        largest: int = _MAX_MAIL_BYTES,
        host: str = "127.0.0.1",
        port: int = 0,
        page_port: int = 0,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Configure the server; `starttls` is offered after the greeting, `tls` starts with TLS."""
        self.faults = MailFaults()
        self.box = Mailbox(clock)
        self.host = host
        self._loop = asyncio.new_event_loop()
        self._connections: list[FaultySmtpServer] = []
        self._speaks = partial(
            FaultySmtpServer, login=login, starttls=starttls, largest=largest, loop=self._loop
        )
        self._listening = self._loop.run_until_complete(
            self._loop.create_server(self._connected, host, port, ssl=tls)
        )
        self.port: int = self._listening.sockets[0].getsockname()[1]
        self._pages = HttpServer(host, page_port, self._respond)
        self.url = f"http://{host}:{self._pages.server_port}/_simulator"
        self._threads = [
            Thread(target=self._loop.run_forever, name="smtp"),
            Thread(
                target=self._pages.serve_forever, args=(STOP_WITHIN_SECONDS,), name="mail pages"
            ),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._pages.shutdown()
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        for thread in self._threads:
            thread.join()
        self._pages.server_close()
        self._loop.close()

    def mails(self, to: str = "", *, at_least: int = 0) -> list[ReceivedMail]:
        """Return accepted mails, waiting for `at_least` of them; TimeoutError if fewer arrive."""
        return self.box.mails(to, at_least=at_least)

    def _connected(self) -> FaultySmtpServer:
        hooks = SmtpHooks(self.faults, self.box, len(self._connections) + 1)
        self._connections.append(self._speaks(hooks))
        return self._connections[-1]

    async def _close(self) -> None:
        self._listening.close()
        for connection in self._connections:
            connection.drop_connection()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _respond(self, request: HttpRequest) -> HttpResponse:
        match request.method, request.path:
            case "GET", "/_simulator":
                return HttpResponse.html(200, pages.render_overview(self.mails(), self.faults))
            case "GET", "/_simulator/faults":
                return HttpResponse.json(200, self.faults.to_dict())
            case "POST", "/_simulator/faults":
                return self._set(request.body)
            case "DELETE", "/_simulator/faults":
                return self._set(b"{}")
        return HttpResponse.json(404, {"error": "not found; use /_simulator or /_simulator/faults"})

    def _set(self, body: bytes) -> HttpResponse:
        try:
            self.faults.set(**json.loads(body))
        except (ValueError, TypeError) as error:
            return HttpResponse.json(400, {"error": str(error)})
        return HttpResponse.json(200, self.faults.to_dict())
