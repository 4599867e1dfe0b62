"""Measure paid vouchers per second onto a router: claim, call, store, enqueue messages.

    python -m benchmarks.voucher_provisioning [--vouchers 1200] [--command-ms 5] [--runs 3]

Uses an embedded PostgreSQL with default settings (fsync on) and the simulated router in a separate
process with a given processing time per command. Orders of ten are paid beforehand.
"""

import argparse
import os
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.issue import machine
from benchmarks.purchase_to_voucher import count_users, router
from ticketing.app.container import ensure_schema, open_application
from ticketing.crypto.keyring import KeyRing
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, Selection
from ticketing.platform.application import Application
from ticketing.platform.settings import Settings
from ticketing.selling.checkout.place_order import place_order
from ticketing.selling.payments.complete_order import complete_order
from ticketing.vouchers import package_queries
from ticketing.vouchers.demo_data import seed_demo_hotspot, seed_demo_router
from ticketing.vouchers.provisioning.context import ProvisioningContext
from ticketing.vouchers.provisioning.provision import provision_all
from ticketing.vouchers.provisioning.router_clients import RouterConnector

AN_ORDER = 10


def now() -> datetime:
    """Return the current time."""
    return datetime.now(UTC)


def create_paid_orders(application: Application, vouchers: int) -> None:
    """Create paid orders of ten vouchers each."""
    event = seed_demo_hotspot(application.database, at=now(), by="bench")
    with application.database.transaction() as connection:
        package = package_queries.get_by_code(connection, "5k")
    asked = [Selection(package.ticket_type_id, AN_ORDER)]
    nobody = Buyer("", "Buyer", "", "")
    for _ in range(vouchers // AN_ORDER):
        phone = f"+62812{int.from_bytes(os.urandom(4)):010}"
        buyer = replace(nobody, key=f"tel:{phone}", phone=phone)
        placed = place_order(
            application.database, event, requested=asked, buyer=buyer, at=now(), by="bench"
        )
        with application.database.transaction() as connection:
            order = order_queries.lock(connection, placed.order.id)
            complete_order(connection, order, attempt_id=None, at=now(), by="bench")


def measure(application: Application, vouchers: int) -> float:
    """Return the seconds until all vouchers are on the router and their messages enqueued."""
    create_paid_orders(application, vouchers)
    with application.get(RouterConnector).connect() as doors:
        began = time.perf_counter()
        rounds = provision_all(ProvisioningContext(application.database, doors, now, "bench"))
        seconds = time.perf_counter() - began
    if sum(each.placed for each in rounds) != vouchers:
        raise SystemExit(f"not all were placed: {rounds}")
    return seconds


def main() -> None:
    """Print the machine and the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vouchers", type=int, default=1200)
    parser.add_argument("--command-ms", type=float, default=5)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as name, router(given.command_ms) as port:
        Path(name).chmod(0o711)  # the embedded server may run as another user
        with open_application(Settings(_env_file=None, data_path=Path(name))) as application:
            ensure_schema(application)
            seed_demo_router(application.database, application.get(KeyRing), port=port, by="bench")
            for _ in range(given.runs):
                seconds = measure(application, given.vouchers)
                a_second = given.vouchers / seconds
                busy = a_second * given.command_ms / 1000
                print(
                    f"{given.vouchers:,} vouchers in {seconds:.2f} s: {a_second:,.0f} a second;"
                    f" the router's own work is {busy:.1%} of that",
                    flush=True,
                )
            print(f"{count_users(application):,} rows on the router", flush=True)


if __name__ == "__main__":
    main()
