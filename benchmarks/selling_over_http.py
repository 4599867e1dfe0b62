"""Measure orders per second for one contested ticket type, and response times to notifications.

    python -m benchmarks.selling_over_http [--buyers 200] [--orders 6000] [--notices 200]

Runs `ticketing serve` on a new embedded PostgreSQL with default settings (fsync on). Each buyer
orders on one connection without a pause, in total more than the capacity; they come from 250
addresses, which a proxy on this machine would send along. Notifications are sent at
a constant rate and timed from when they were due. Load and server share the machine; the CPU time
of each is printed.
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha512
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, func, insert, select

from ticketing.app.container import midtrans_account
from ticketing.catalogue import stock_queries
from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.migrate import upgrade
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.orders import order_lines
from ticketing.platform.settings import Settings

TICKS = os.sysconf("SC_CLK_TCK")
HOST = "127.0.0.1"
ADDRESSES = 250
KEPT_ALIVE_SECONDS = 4  # uvicorn closes after five


@dataclass
class KeepAliveConnection:
    """Keep-alive connection that sends prepared requests."""

    port: int
    last_used: float = field(default_factory=time.perf_counter)
    reader: asyncio.StreamReader = field(init=False, repr=False)
    writer: asyncio.StreamWriter = field(init=False, repr=False)

    async def open(self) -> Self:
        """Open the connection."""
        self.reader, self.writer = await asyncio.open_connection(HOST, self.port)
        return self

    async def ask(self, request: bytes) -> int:
        """Send a request and return the response status; the body is discarded."""
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        begins = lower.index(b"content-length:") + 15
        await self.reader.readexactly(int(lower[begins : lower.index(b"\r", begins)]))
        self.last_used = time.perf_counter()
        return int(head[9:12])


def post(path: str, body: object, address: str = HOST) -> bytes:
    """Create a request as bytes."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
    head += f"X-Forwarded-For: {address}\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def cpu_seconds(process: int) -> float:
    """Return the CPU seconds of a process and its children, running and ended."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    living = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    return sum(map(int, fields[11:15])) / TICKS + sum(cpu_seconds(int(child)) for child in living)


def busy_seconds() -> float:
    """Return the CPU seconds of all processes on the machine."""
    user, nice, system, *_ = Path("/proc/stat").read_text(encoding="ascii").split()[1:]
    return (int(user) + int(nice) + int(system)) / TICKS


@contextmanager
def shares(processes: dict[str, list[int]], requests: int) -> Iterator[None]:
    """Print the cores used per process and the CPU time per request.

    Other programs on the machine distort the figures, the CPU time per request least.
    """

    def now() -> dict[str, float]:
        load = sum(os.times()[:2])
        ours = {name: sum(map(cpu_seconds, each)) for name, each in processes.items()}
        return {"load": load, **ours, "else": busy_seconds() - load - sum(ours.values())}

    before, began = now(), time.perf_counter()
    yield
    seconds = time.perf_counter() - began
    took = {name: after - before[name] for name, after in now().items()}
    cores = (f"{name} {taken / seconds:.2f}" for name, taken in took.items())
    each = (f"{name} {took[name] / requests * 1000:.2f} ms" for name in processes)
    print(f"   cores used: {', '.join(cores)}; per request: {', '.join(each)}")


def create_event(connection: Connection, capacity: int) -> tuple[int, int]:
    """Create an event with one ticket type; return both ids."""
    at = datetime.now(UTC) + timedelta(days=22)
    event = {"slug": "wisuda", "name": "Wisuda", "starts_at": at, "ends_at": at}
    place = {"time_zone": "Asia/Jakarta", "locale": "id", "venue": "", "region": "ID"}
    event_id = connection.execute(
        insert(events).values(event | place).returning(events.c.id)
    ).scalar_one()
    kind = {"event_id": event_id, "name": "Reguler", "on_sale": True, "price": 50_000}
    limits = {"capacity": capacity, "max_per_order": 4, "max_per_buyer": 4}
    kind_id = connection.execute(
        insert(ticket_types).values(kind | limits).returning(ticket_types.c.id)
    ).scalar_one()
    return event_id, kind_id


def order(event_id: int, kind_id: int, number: int) -> bytes:
    """Create an order request for one place."""
    buyer = {"name": "Sari Wulandari", "email": f"buyer{number}@example.org"}
    wanted = [{"ticketTypeId": kind_id, "quantity": 1}]
    body = {"eventId": event_id, "ticketSelections": wanted, "buyer": buyer}
    address = number % ADDRESSES
    return post("/api/orders", body, f"10.0.{address // 256}.{address % 256}")


async def buy_all(ports: list[int], requests: list[bytes], buyers: int) -> list[tuple[int, float]]:
    """Send all orders and return the status and time of each response."""
    left, answers = iter(requests), list[tuple[int, float]]()

    async def buy(line: KeepAliveConnection) -> None:
        for request in left:
            status = await line.ask(request)
            answers.append((status, time.perf_counter()))

    lines = [
        await KeepAliveConnection(ports[number % len(ports)]).open() for number in range(buyers)
    ]
    await asyncio.gather(*(buy(line) for line in lines))
    return answers


def create_notification(number: int, server_key: str) -> bytes:
    """Create a signed notification for a payment with a unique id."""
    order_id, amount = f"ORD-BENCH{number:07}-01", "50000.00"
    signed = sha512(f"{order_id}200{amount}{server_key}".encode()).hexdigest()
    body = {
        "transaction_time": "2026-11-20 19:05:10", "transaction_status": "settlement",
        "transaction_id": f"tx-{number}", "status_message": "midtrans payment notification",
        "status_code": "200", "signature_key": signed, "settlement_time": "2026-11-20 19:06:44",
        "payment_type": "bank_transfer", "order_id": order_id, "merchant_id": "G000000001",
        "gross_amount": amount, "fraud_status": "accept", "currency": "IDR",
        "va_numbers": [{"va_number": "12345678901", "bank": "bca"}], "payment_amounts": [],
    }  # fmt: skip
    return post("/api/payment/notification", body)


async def send_at_rate(
    ports: list[int], requests: list[bytes], rate: int
) -> tuple[list[float], Counter[int]]:
    """Send at a constant rate; return milliseconds from due time to response, and statuses."""
    idle, milliseconds, answers = list[KeepAliveConnection](), list[float](), Counter[int]()

    async def tell(number: int, due: float) -> None:
        line = idle.pop() if idle else None
        if line is None or time.perf_counter() - line.last_used > KEPT_ALIVE_SECONDS:
            line = await KeepAliveConnection(ports[number % len(ports)]).open()
        answers[await line.ask(requests[number])] += 1
        milliseconds.append((time.perf_counter() - due) * 1000)
        idle.append(line)

    began = time.perf_counter() + 0.1
    async with asyncio.TaskGroup() as group:
        for number in range(len(requests)):
            due = began + number / rate
            await asyncio.sleep(max(0, due - time.perf_counter()))
            group.create_task(tell(number, due))
    return milliseconds, answers


@contextmanager
def serving(folder: Path, processes: int) -> Iterator[tuple[list[int], list[int]]]:
    """Run the web service in `processes` processes; yield ports and process ids."""
    with ExitStack() as stack:
        ports, pids = [], []
        for _ in range(processes):
            with socket.socket() as probe:
                probe.bind((HOST, 0))
                port = probe.getsockname()[1]
            command = [sys.executable, "-m", "ticketing", "serve", "--quiet", "--port", str(port)]
            given = {"TICKETING_DATA": str(folder), "WEB_REQUESTS_A_MINUTE": "100000000"}
            process = subprocess.Popen(command, env=os.environ | given)  # noqa: S603 - our own
            stack.callback(process.wait, 30)
            stack.callback(process.send_signal, signal.SIGTERM)
            ports.append(port)
            pids.append(process.pid)
        for port in ports:
            _wait_for(port)
        yield ports, pids


def _wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nobody answers on port {port}")


def measure_orders(arguments: argparse.Namespace, database: Database, ports: list[int]) -> None:
    """Order more places than exist concurrently and count the results."""
    capacity = arguments.orders * 3 // 4
    with database.transaction() as connection:
        event_id, kind_id = create_event(connection, capacity)
    asyncio.run(buy_all(ports, [post("/api/orders", {})] * 200, 20))  # warm
    requests = [order(event_id, kind_id, number) for number in range(arguments.orders)]
    began = time.perf_counter()
    answers = asyncio.run(buy_all(ports, requests, arguments.buyers))
    last = max(at for status, at in answers if status == 201)  # noqa: PLR2004 - created
    statuses = Counter(status for status, _ in answers)
    with database.transaction() as connection:
        drifted = stock_queries.list_drifted(connection, event_id)
        held = stock_queries.get_stock(connection, kind_id)
        lines = connection.execute(select(func.count(order_lines.c.id))).scalar_one()
    assert (drifted, held.pending, lines) == ([], capacity, capacity), (drifted, held, lines)
    assert statuses == {201: capacity, 409: arguments.orders - capacity}, statuses
    print(
        f"{arguments.buyers} buyers, one ticket type: {capacity / (last - began):.0f} orders/s;"
        f" {capacity} places sold once each, {statuses[409]} refused, counts agree"
    )


def measure_notifications(
    arguments: argparse.Namespace, database: Database, ports: list[int]
) -> None:
    """Send notifications at a constant rate."""
    server_key = midtrans_account(Settings()).server_key
    number = arguments.notices * arguments.seconds
    requests = [create_notification(each, server_key) for each in range(number)]
    milliseconds, answers = asyncio.run(send_at_rate(ports, requests, arguments.notices))
    with database.transaction() as connection:
        kept = connection.execute(select(func.count(inbound_webhooks.c.id))).scalar_one()
    assert answers == {200: number}, answers
    assert kept == number
    cuts = statistics.quantiles(milliseconds, n=100)
    print(
        f"{arguments.notices} notices/s for {arguments.seconds} s, all kept: answered in"
        f" {cuts[49]:.1f} ms (p50), {cuts[98]:.1f} ms (p99), {max(milliseconds):.1f} ms at most"
    )


def main() -> None:
    """Measure orders and notifications on one server."""
    parser = argparse.ArgumentParser(description="orders and notices over HTTP")
    parser.add_argument("--buyers", type=int, default=200)
    parser.add_argument("--orders", type=int, default=6000)
    parser.add_argument("--notices", type=int, default=200, help="per second")
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--processes", type=int, default=1, help="number of web services")
    arguments = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)
        server = stack.enter_context(EmbeddedServer(folder))
        database = Database.from_url(server.url())
        stack.callback(database.dispose)
        upgrade(database)
        ports, webs = stack.enter_context(serving(folder, arguments.processes))
        postmaster = int((server.cluster / "postmaster.pid").read_text(encoding="ascii").split()[0])
        processes = {"web": webs, "PostgreSQL": [postmaster]}
        with shares(processes, arguments.orders):
            measure_orders(arguments, database, ports)
        with shares(processes, arguments.notices * arguments.seconds):
            measure_notifications(arguments, database, ports)


if __name__ == "__main__":
    main()
