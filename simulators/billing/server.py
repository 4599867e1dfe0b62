"""The billing simulator on a port."""

import asyncio
import ssl
from threading import Event, Thread
from typing import Self

from simulators.billing.answer import Answer
from simulators.billing.api import BillingApi
from simulators.billing.connection import Connection
from simulators.billing.console import BillingConsole
from simulators.billing.school import School
from simulators.http import HttpRequest

_BACKLOG = 512


class BillingSimulator:
    """Simulated billing API, running inside `with`; `url` is its base URL."""

    def __init__(
        self,
        students: int = 10_000,
        *,
        seed: int = 1,
        authentication: str = "none",
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Configure the simulator; equal seeds give equal students, bills and faults.

        `authentication` is one of `credentials.WAYS`; port 0 selects a free port.
        """
        self.school = School(students, seed)
        self.api = BillingApi(self.school, seed, authentication)
        self._console = BillingConsole(self.api)
        self._address, self._tls = (host, port), tls
        self._loop = asyncio.new_event_loop()
        self._ready, self._stopping = Event(), asyncio.Event()
        self._connections: set[Connection] = set()
        self._problem: OSError | None = None
        self._thread = Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._problem:
            self._thread.join()
            self._loop.close()
            raise self._problem
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        host, port = self._address
        try:
            server = await self._loop.create_server(
                self._connect, host, port, ssl=self._tls, backlog=_BACKLOG
            )
        except OSError as error:
            self._problem = error
            self._ready.set()
            return
        port = server.sockets[0].getsockname()[1]
        self.url = f"http{'s' if self._tls else ''}://{host}:{port}"
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for connection in list(self._connections):
            connection.abort()
        await asyncio.sleep(0)  # connection_lost is called

    def _connect(self) -> Connection:
        return Connection(self._respond, self._end, self._connections)

    def _respond(self, request: HttpRequest) -> Answer:
        if request.path.startswith("/_"):
            self.api.counters.in_progress += 1  # until _end, but not one of the API
            return self._console.respond(request)
        return self.api.respond(request)

    def _end(self) -> None:
        self.api.counters.count_end()
