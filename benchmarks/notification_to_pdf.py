"""Measure the time from the response to a payment notification to the PDF, with and without worker.

    python -m benchmarks.notification_to_pdf [--orders 60] [--a-second 3] [--way worker dagster]

Runs the processes of `ticketing up`: an embedded PostgreSQL with default settings (fsync on), the
web service, the simulated Midtrans; then the worker, or Dagster alone. Orders of one place are paid
beforehand; then notifications are posted at a constant rate. The time ends when the ticket's row
names its PDF; the row is polled every 5 ms.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import insert, select

from benchmarks.issue import machine
from simulators.midtrans.server import MidtransSimulator
from ticketing.app.container import ensure_schema, open_application
from ticketing.app.dagster_home import prepare_dagster_home
from ticketing.events import queries as event_queries
from ticketing.events.model import Event, NewEvent
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, Selection
from ticketing.platform.application import Application
from ticketing.platform.db import notify
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.orders import order_lines, order_positions
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel import json_logging
from ticketing.platform.kernel.process_supervisor import FreePorts
from ticketing.platform.paths import PROJECT_ROOT
from ticketing.platform.settings import Settings
from ticketing.selling.checkout.place_order import place_order
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.midtrans.snap_request import CheckoutItem, CheckoutRequest

LOOK_SECONDS = 0.005
PATIENCE_SECONDS = 180
WAYS = ("worker", "dagster")


def create_event(application: Application) -> tuple[Event, int]:
    """Create an event next month with one ticket type."""
    starts_at = datetime.now(UTC) + timedelta(days=30)
    with application.database.transaction() as connection:
        event = event_queries.insert_event(
            connection,
            NewEvent(
                slug="bench", name="Bench", starts_at=starts_at, ends_at=starts_at,
                time_zone="Asia/Jakarta", locale="id", venue="Aula", region="ID",
                template_id="classic",
            ),
        )  # fmt: skip
        kind = connection.execute(
            insert(ticket_types)
            .values(event_id=event.id, name="Reguler", on_sale=True, price=50_000)
            .returning(ticket_types.c.id)
        ).scalar_one()
    return event, kind


def create_order(application: Application, event: Event, kind: int, number: int) -> tuple[int, str]:
    """Create an order with a payment page; return its id and the payment's key."""
    buyer = Buyer(f"email:b{number}@example.org", f"Buyer {number}", f"b{number}@example.org", "")
    at = datetime.now(UTC)
    placed = place_order(
        application.database, event, requested=[Selection(kind, 1)], buyer=buyer, at=at, by="bench"
    )
    with application.database.transaction() as connection:
        attempt = attempt_queries.get_or_insert_open(
            connection, order_queries.lock(connection, placed.order.id), at=at
        )
    items = (CheckoutItem("REG", "Reguler", placed.lines[0].price, 1),)
    application.get(Midtrans).create_checkout_session(CheckoutRequest(attempt.key, items, at, 60))
    return placed.order.id, attempt.key


@dataclass(frozen=True)
class Parameters:
    """Parameters of a measurement: process, number of orders, rate."""

    way: str
    orders: int
    a_second: float


class PdfObserver:
    """Observer of the time at which each order's PDF first appears."""

    def __init__(self, application: Application) -> None:
        self.seen: dict[int, float] = {}
        self._application = application
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def wait_for(self, count: int) -> None:
        """Wait until `count` orders have their PDF."""
        deadline = time.perf_counter() + PATIENCE_SECONDS
        while len(self.seen) < count and time.perf_counter() < deadline:
            time.sleep(0.1)
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        printed = (
            select(order_lines.c.order_id)
            .join(order_positions, order_positions.c.order_line_id == order_lines.c.id)
            .join(
                generated_tickets,
                generated_tickets.c.entitlement_id == order_positions.c.entitlement_id,
            )
            .where(generated_tickets.c.generated_at.is_not(None))
        )
        while not self._ended.wait(LOOK_SECONDS):
            with self._application.database.transaction() as connection:
                found = connection.execute(printed).scalars().all()
            now = time.perf_counter()
            for order_id in found:
                self.seen.setdefault(order_id, now)


@contextmanager
def running_process(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    """Run a process inside `with`."""
    with subprocess.Popen(  # noqa: S603 - our own
        command,
        env=environment,
        cwd=PROJECT_ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


def wait_until(true: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    deadline = time.perf_counter() + PATIENCE_SECONDS
    while not true():
        if time.perf_counter() > deadline:
            raise TimeoutError("not ready")
        time.sleep(0.1)


def is_up(url: str) -> bool:
    """Return whether the web service responds."""
    try:
        return httpx.get(f"{url}/health").is_success
    except httpx.TransportError:
        return False


def is_worker_running(application: Application) -> bool:
    """Return whether the worker runs."""
    with application.database.transaction() as connection:
        return notify.is_worker_running(connection)


def are_sensors_running(environment: dict[str, str]) -> bool:
    """Return whether Dagster's sensors run: one of them adds the event's partition."""
    from dagster import DagsterInstance  # noqa: PLC0415 - only one of the ways needs it

    os.environ.update(environment)
    with DagsterInstance.get() as instance:
        return bool(instance.get_dynamic_partitions("event"))


@contextmanager
def running_issuer(
    way: str, application: Application, environment: dict[str, str]
) -> Iterator[None]:
    """Run the process that issues the tickets, ready inside `with`."""
    dagster = [sys.executable, "-W", "ignore", "-m", "dagster", "dev"]
    dagster += ["-w", str(PROJECT_ROOT / "workspace.yaml"), "-p", str(FreePorts().take(3000))]
    worker = [sys.executable, "-m", "ticketing", "worker"]
    with running_process(worker if way == "worker" else dagster, environment):
        if way == "worker":
            wait_until(lambda: is_worker_running(application))
        else:
            wait_until(lambda: are_sensors_running(environment))
        yield


def measure(
    application: Application,
    midtrans: MidtransSimulator,
    environment: dict[str, str],
    parameters: Parameters,
) -> list[float]:
    """Return the seconds from response to PDF of each order."""
    event, kind = create_event(application)
    orders = [create_order(application, event, kind, number) for number in range(parameters.orders)]
    bodies = [(order_id, midtrans.push(key, "pay", "bca_va")) for order_id, key in orders]
    port = FreePorts().take(8000)
    web = [sys.executable, "-m", "ticketing", "serve", "--quiet", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    answered = {}
    with (
        running_process(web, environment),
        running_issuer(parameters.way, application, environment),
        httpx.Client() as post,
    ):
        wait_until(lambda: is_up(url))
        watch = PdfObserver(application)
        for order_id, body in bodies:
            post.post(f"{url}/api/payment/notification", json=body).raise_for_status()
            answered[order_id] = time.perf_counter()
            time.sleep(1 / parameters.a_second)
        watch.wait_for(len(bodies))
    lost = answered.keys() - watch.seen.keys()
    if lost:
        print(f"{len(lost)} orders without a PDF after {PATIENCE_SECONDS} s", flush=True)
    return [watch.seen[order_id] - answered[order_id] for order_id in answered.keys() - lost]


def main() -> None:
    """Print the machine, then one line per process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=60)
    parser.add_argument("--a-second", type=float, default=3)
    parser.add_argument("--way", nargs="+", choices=WAYS, default=WAYS)
    given = parser.parse_args()
    print(machine(), flush=True)
    for way in given.way:
        parameters = Parameters(way, given.orders, given.a_second)
        with tempfile.TemporaryDirectory() as name, MidtransSimulator() as midtrans:
            Path(name).chmod(0o711)  # the embedded server may run as another user
            seconds = sorted(measure_in_new_application(Path(name), midtrans, parameters))
        p95 = seconds[int(len(seconds) * 0.95)]
        print(
            f"{way:>8}: {len(seconds)} orders, {parameters.a_second:g} a second: p50"
            f" {statistics.median(seconds):.2f} s, p95 {p95:.2f} s, longest {seconds[-1]:.2f} s",
            flush=True,
        )


def measure_in_new_application(
    folder: Path, midtrans: MidtransSimulator, parameters: Parameters
) -> list[float]:
    """Measure in a new application."""
    settings = Settings(
        _env_file=None, data_path=folder, midtrans_simulator_url=midtrans.url, min_free_disk=0
    )
    with open_application(settings) as application:
        ensure_schema(application)
        json_logging.configure(settings.log_level, settings.log_file)
        surroundings = {"MIDTRANS_SIMULATOR_URL": midtrans.url, "MIN_FREE_DISK": "0"}
        environment = prepare_dagster_home(application) | surroundings
        return measure(application, midtrans, environment, parameters)


if __name__ == "__main__":
    main()
