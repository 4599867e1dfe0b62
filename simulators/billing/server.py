"""The billing simulator on a port: HTTP/1.1 with connections that stay open."""

import asyncio
import ssl
from http import HTTPStatus
from threading import Event, Thread
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from simulators.billing.api import BillingApi
from simulators.billing.faults import Answer
from simulators.billing.school import School
from simulators.http import HttpRequest

_STALL_SECONDS = 3600


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
        """Configure the simulator; equal seeds give equal students, bills and faults."""
        self.school = School(students, seed)
        self.api = BillingApi(self.school, seed, authentication)
        self._place, self._tls = (host, port), tls
        self._loop = asyncio.new_event_loop()
        self._ready, self._stopping = Event(), asyncio.Event()
        self._thread = Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if not self.url:
            raise OSError(f"cannot listen on {self._place}")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        try:
            server = await asyncio.start_server(self._connection, *self._place, ssl=self._tls)
        except OSError:
            self._ready.set()
            return
        port = server.sockets[0].getsockname()[1]
        self.url = f"http{'s' if self._tls else ''}://{self._place[0]}:{port}"
        self._ready.set()
        await self._stopping.wait()
        server.close()
        mine = asyncio.current_task()
        await asyncio.sleep(0)  # connections that are just being made become tasks
        while others := [task for task in asyncio.all_tasks() if task is not mine]:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await asyncio.sleep(0)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _read_request(reader):
                answer = self.api.respond(request)
                await asyncio.sleep(self.api.latency_seconds)
                if not await _write(writer, answer):
                    break
            writer.close()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            writer.transport.abort()  # the client has gone, or the simulator stops


async def _read_request(reader: asyncio.StreamReader) -> HttpRequest | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    fields = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in fields}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    url = urlsplit(target)
    return HttpRequest(method, url.path, headers, body, dict(parse_qsl(url.query)))


async def _write(writer: asyncio.StreamWriter, answer: Answer) -> bool:
    """Write a response and return whether the connection stays open."""
    if answer.stalls:
        await asyncio.sleep(_STALL_SECONDS)  # a timer of the loop keeps the task alive
    if not answer.status:
        return False
    headers = answer.headers | {"Content-Length": str(len(answer.body))}
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    body = answer.body[: len(answer.body) // 2] if answer.cut else answer.body
    if answer.drip_seconds:
        writer.write(head)
        for at in range(len(body)):
            writer.write(body[at : at + 1])
            await writer.drain()
            await asyncio.sleep(answer.drip_seconds)
    else:
        writer.write(head + body)
    await writer.drain()
    return not answer.cut
