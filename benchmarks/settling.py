"""Measure how long the worker takes until orders are paid whose notifications have arrived.

    python -m benchmarks.settling [--orders 300] [--milliseconds 0 300 500] [--runs 3]

Each order has two signed notifications, pending and settlement. They are stored before `ticketing
worker` starts, and the time begins when it listens. The simulated Midtrans answers about a status
after the given time, and every 20th answer hangs for 20 s. Printed is the median of the runs:
until all orders are paid, and until all are paid except as many as had a hanging answer.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.issue import machine
from benchmarks.notification_to_pdf import (
    create_event,
    create_order,
    is_worker_running,
    running_process,
    wait_until,
)
from simulators.midtrans.server import MidtransSimulator
from ticketing.app.container import ensure_schema, open_application
from ticketing.app.dagster_home import prepare_dagster_home
from ticketing.orders.order import OrderState
from ticketing.platform.application import Application
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.kernel import json_logging
from ticketing.platform.settings import Settings
from ticketing.selling.payments.settle import store_notification

LOOK_SECONDS = 0.02
PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Times:
    """Seconds until all orders were paid, and until all but those with a hanging answer were."""

    all_paid: float
    all_but_hanging: float


def store_notifications(application: Application, midtrans: MidtransSimulator, count: int) -> None:
    """Create orders that are paid at the gateway, and store both notifications of each."""
    event, kind = create_event(application)
    for number in range(count):
        _, key = create_order(application, event, kind, number)
        for move, method in (("choose", "bca_va"), ("pay", "")):
            body = json.dumps(midtrans.push(key, move, method)).encode()
            store_notification(
                application.database, body, server_key=midtrans.server_key, at=datetime.now(UTC)
            )


def paid_count(application: Application) -> int:
    """Return the number of paid orders."""
    query = select(func.count()).where(orders.c.state == OrderState.PAID)
    with application.database.transaction() as connection:
        return connection.execute(query).scalar_one()


def measure(
    application: Application, environment: dict[str, str], count: int, hanging: int
) -> Times:
    """Return the times from the start of the worker's listening."""
    with running_process([sys.executable, "-m", "ticketing", "worker"], environment):
        wait_until(lambda: is_worker_running(application))
        began, nearly = time.perf_counter(), 0.0
        while (paid := paid_count(application)) < count:
            passed = time.perf_counter() - began
            if passed > PATIENCE_SECONDS:
                raise TimeoutError(f"{paid} of {count} orders paid after {PATIENCE_SECONDS} s")
            if paid < count - hanging:
                nearly = passed
            time.sleep(LOOK_SECONDS)
        return Times(time.perf_counter() - began, nearly)


def measure_in_new_application(count: int, milliseconds: float, hanging_every: int) -> Times:
    """Measure in a new application."""
    with tempfile.TemporaryDirectory() as name, MidtransSimulator() as midtrans:
        folder = Path(name)
        folder.chmod(0o711)  # the embedded server may run as another user
        settings = Settings(
            _env_file=None, data_path=folder, midtrans_simulator_url=midtrans.url, min_free_disk=0
        )
        with open_application(settings) as application:
            ensure_schema(application)
            json_logging.configure(settings.log_level, settings.log_file)
            store_notifications(application, midtrans, count)
            midtrans.faults.set(answer_seconds=milliseconds / 1000, hanging_every=hanging_every)
            environment = prepare_dagster_home(application) | {
                "MIDTRANS_SIMULATOR_URL": midtrans.url,
                "MIN_FREE_DISK": "0",
            }
            hanging = count // hanging_every if hanging_every else 0
            times = measure(application, os.environ | environment, count, hanging)
            midtrans.hurry()
            return times


def main() -> None:
    """Print the machine, then a line per distance of the gateway."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--milliseconds", type=float, nargs="+", default=[0, 300, 500])
    parser.add_argument("--hanging-every", type=int, default=20, help="0: no answer hangs")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    print(machine(), flush=True)
    for milliseconds in given.milliseconds:
        runs = [
            measure_in_new_application(given.orders, milliseconds, given.hanging_every)
            for _ in range(given.runs)
        ]
        all_paid = statistics.median(run.all_paid for run in runs)
        all_but_hanging = statistics.median(run.all_but_hanging for run in runs)
        hanging = (
            f"every {given.hanging_every}th hanging" if given.hanging_every else "none hanging"
        )
        print(
            f"{given.orders} orders, answers after {milliseconds:g} ms, {hanging}: all paid in"
            f" {all_paid:.1f} s, all but the hanging ones in {all_but_hanging:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
