"""Measure the time from the response to a payment notification to the WhatsApp message.

    python -m benchmarks.purchase_to_voucher [--orders 60] [--a-second 3] [--command-ms 5]

Runs the processes of `ticketing up`: an embedded PostgreSQL with default settings (fsync on), the
web service and the worker. Midtrans, router and WhatsApp are simulated; the router is a separate
process with a given processing time per command. Orders of one voucher are paid beforehand; then
notifications are posted at a constant rate. The time ends when the simulated WhatsApp accepts the
message. The last line compares the users on the router with the sold vouchers.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from benchmarks.issue import machine
from benchmarks.notification_to_pdf import (
    PATIENCE_SECONDS,
    is_up,
    is_worker_running,
    running_process,
    wait_until,
)
from simulators.midtrans.server import MidtransSimulator
from simulators.whatsapp.server import WhatsAppSimulator
from ticketing.app.container import ensure_schema, open_application
from ticketing.app.dagster_home import prepare_dagster_home
from ticketing.crypto.keyring import KeyRing
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, Selection
from ticketing.platform.application import Application
from ticketing.platform.kernel import json_logging
from ticketing.platform.kernel.process_supervisor import FreePorts
from ticketing.platform.paths import PROJECT_ROOT
from ticketing.platform.settings import Settings
from ticketing.routers import queries as router_queries
from ticketing.selling.checkout.place_order import place_order
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.midtrans.snap_request import CheckoutItem, CheckoutRequest
from ticketing.vouchers import package_queries
from ticketing.vouchers.demo_data import (
    DEMO_ACCOUNT,
    DEMO_PROFILES,
    seed_demo_hotspot,
    seed_demo_router,
)
from ticketing.vouchers.provisioning.router_clients import RouterConnector


@dataclass(frozen=True)
class Parameters:
    """Parameters of a measurement: number of orders, rate."""

    orders: int
    a_second: float


@contextmanager
def router(command_ms: float) -> Iterator[int]:
    """Run a simulated router and yield its port."""
    user, password = DEMO_ACCOUNT
    command = [sys.executable, "-m", "simulators.routeros", "--port=0", f"--user={user}"]
    command += [f"--password={password}", f"--command-ms={command_ms}"]
    command += [f"--profile={each}" for each in DEMO_PROFILES]
    with subprocess.Popen(  # noqa: S603 - our own
        command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            yield int(process.stdout.readline().rpartition(":")[2])
        finally:
            process.terminate()


def create_orders(application: Application, count: int) -> list[tuple[str, str]]:
    """Create orders with payment pages; return each buyer's number and the payment's key."""
    at = datetime.now(UTC)
    event = seed_demo_hotspot(application.database, at=at, by="bench")
    with application.database.transaction() as connection:
        package = package_queries.get_by_code(connection, "5k")
    found = []
    for number in range(count):
        phone = f"+628120{number:07}"
        buyer = Buyer(f"tel:{phone}", f"Buyer {number}", "", phone)
        selections = [Selection(package.ticket_type_id, 1)]
        placed = place_order(
            application.database, event, requested=selections, buyer=buyer, at=at, by="bench"
        )
        with application.database.transaction() as connection:
            attempt = attempt_queries.get_or_insert_open(
                connection, order_queries.lock(connection, placed.order.id), at=at
            )
        items = (CheckoutItem("5K", "Paket", placed.lines[0].price, 1),)
        application.get(Midtrans).create_checkout_session(
            CheckoutRequest(attempt.key, items, at, 60)
        )
        found.append((phone, attempt.key))
    return found


def measure(
    application: Application,
    midtrans: MidtransSimulator,
    whatsapp: WhatsAppSimulator,
    environment: dict[str, str],
    parameters: Parameters,
) -> list[float]:
    """Return the seconds from response to accepted message of each order."""
    bodies = [
        (phone, midtrans.push(key, "pay", "bca_va"))
        for phone, key in create_orders(application, parameters.orders)
    ]
    port = FreePorts().take(8000)
    web = [sys.executable, "-m", "ticketing", "serve", "--quiet", "--port", str(port)]
    work = [sys.executable, "-m", "ticketing", "worker"]
    url = f"http://127.0.0.1:{port}"
    answered = {}
    with (
        running_process(web, environment),
        running_process(work, environment),
        httpx.Client(timeout=60) as post,
    ):
        wait_until(lambda: is_up(url) and is_worker_running(application))
        for phone, body in bodies:
            post.post(f"{url}/api/payment/notification", json=body).raise_for_status()
            answered[phone.lstrip("+")] = datetime.now(UTC)
            time.sleep(1 / parameters.a_second)
        messages = accepted_times(whatsapp, len(bodies))
    return [(messages[phone] - answered[phone]).total_seconds() for phone in messages]


def accepted_times(whatsapp: WhatsAppSimulator, count: int) -> dict[str, datetime]:
    """Return the time at which each buyer's message was accepted, or stop at the deadline."""
    deadline = time.perf_counter() + PATIENCE_SECONDS
    while len(whatsapp.messages()) < count and time.perf_counter() < deadline:
        time.sleep(0.1)
    return {each.draft.to: each.at for each in whatsapp.messages()}


def count_users(application: Application) -> int:
    """Return the number of our users on the router."""
    with application.database.transaction() as connection:
        (stored,) = router_queries.list_all(connection)
    with application.get(RouterConnector).connect() as doors:
        return len(doors.client_for(stored).own_users(doors.installation_id))


def main() -> None:
    """Print the machine and the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=60)
    parser.add_argument("--a-second", type=float, default=3)
    parser.add_argument("--command-ms", type=float, default=5)
    given = parser.parse_args()
    print(machine(), flush=True)
    parameters = Parameters(given.orders, given.a_second)
    with (
        tempfile.TemporaryDirectory() as name,
        MidtransSimulator() as midtrans,
        WhatsAppSimulator() as whatsapp,
        router(given.command_ms) as port,
    ):
        Path(name).chmod(0o711)  # the embedded server may run as another user
        settings = Settings(
            _env_file=None, data_path=Path(name), midtrans_simulator_url=midtrans.url,
            whatsapp_simulator_url=whatsapp.url, min_free_disk=0,
        )  # fmt: skip
        with open_application(settings) as application:
            ensure_schema(application)
            json_logging.configure(settings.log_level, settings.log_file)
            seed_demo_router(application.database, application.get(KeyRing), port=port, by="bench")
            environment = prepare_dagster_home(application) | {
                "MIDTRANS_SIMULATOR_URL": midtrans.url,
                "WHATSAPP_SIMULATOR_URL": whatsapp.url,
                "MIN_FREE_DISK": "0",
            }
            seconds = sorted(measure(application, midtrans, whatsapp, environment, parameters))
            rows = count_users(application)
    p95 = seconds[int(len(seconds) * 0.95)]
    print(
        f"{len(seconds)} of {parameters.orders} buyers notified, {parameters.a_second:g} a second,"
        " a router"
        f" of {given.command_ms:g} ms a command: p50 {statistics.median(seconds):.2f} s, p95"
        f" {p95:.2f} s, longest {seconds[-1]:.2f} s\n{rows} vouchers on the router",
        flush=True,
    )


if __name__ == "__main__":
    main()
