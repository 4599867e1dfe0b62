"""Tests of the commands that provision vouchers, list them and show their history."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from simulators.routeros.server import RouterOsSimulator
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, Order, Selection
from ticketing.platform.db.database import Database
from ticketing.selling.checkout.place_order import place_order
from ticketing.selling.payments.complete_order import complete_order
from ticketing.vouchers import package_queries
from ticketing.vouchers import queries as voucher_queries
from ticketing.vouchers.demo_data import DEMO_PROFILES, seed_demo_hotspot, seed_demo_router
from ticketing.vouchers.queries import Voucher

Ticketing = Callable[..., CompletedProcess[str]]

SECRET = bytes(range(32))


@pytest.fixture
def ticketing(run_ticketing: Ticketing, database_url: str, tmp_path: Path) -> Ticketing:
    """Return a function that runs `ticketing …` with the test's database."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "TICKETING_DATA": str(tmp_path / "data"),
        "TICKETING_MASTER_SECRET": SECRET.hex(),
        "COLUMNS": "200",
    }

    return partial(run_ticketing, environment=environment)


@pytest.fixture
def router() -> Iterator[RouterOsSimulator]:
    """Start a router with the profiles of the packages."""
    with RouterOsSimulator() as device:
        for profile in DEMO_PROFILES:
            device.add_profile(profile, shared_users="1")
        yield device


@pytest.fixture
def outlet(database: Database, router: RouterOsSimulator) -> Event:
    """Create the outlet that sells vouchers of the router."""
    seed_demo_router(database, KeyRing(SECRET), port=router.port, by="test")
    return seed_demo_hotspot(database, at=datetime.now(UTC), by="test")


@pytest.fixture
def order(database: Database, outlet: Event) -> Order:
    """Create a paid order of two vouchers."""
    at = datetime.now(UTC)
    with database.transaction() as connection:
        package = package_queries.get_by_code(connection, "5k")
    buyer = Buyer("tel:+6281200000001", "Sari", "", "+6281200000001")
    asked = [Selection(package.ticket_type_id, 2)]
    placed = place_order(database, outlet, requested=asked, buyer=buyer, at=at, by="web")
    with database.transaction() as connection:
        complete_order(
            connection,
            order_queries.lock(connection, placed.order.id),
            attempt_id=None,
            at=at,
            by="test",
        )
    return placed.order


@pytest.fixture
def sold_vouchers(database: Database, order: Order) -> list[Voucher]:
    """Return the vouchers of the order."""
    with database.transaction() as connection:
        return voucher_queries.list_of_order(connection, order.id)


def test_pending_vouchers_are_provisioned_and_their_history_is_shown(
    ticketing: Ticketing, router: RouterOsSimulator, order: Order, sold_vouchers: list[Voucher]
) -> None:
    done = ticketing("vouchers", "provision", "--json")
    history = ticketing("vouchers", "show", order.code.lower(), "--json")
    listed = ticketing("vouchers", "list", "--event", "demo-hotspot")

    assert (done.returncode, [each["placed"] for each in json.loads(done.stdout)]) == (0, [2])
    told = json.loads(history.stdout)
    assert [one["key"] for one in told] == [one.key for one in sold_vouchers]
    assert [step["state"] for step in told[0]["steps"]] == ["pending", "provisioning", "active"]
    assert listed.stdout.count("active") == len(router.users()) == 2
    assert sold_vouchers[0].credentials.name not in done.stdout + history.stdout + listed.stdout


def test_an_unreachable_router_is_named_and_is_exit_code_1(
    ticketing: Ticketing, router: RouterOsSimulator, sold_vouchers: list[Voucher]
) -> None:
    router.power_off()

    done = ticketing("vouchers", "provision")
    shown = ticketing("vouchers", "show", sold_vouchers[0].credentials.name, "--reveal")

    assert (done.returncode, "connection failed" in done.stdout) == (1, True)
    assert shown.stdout.startswith(f"{sold_vouchers[0].key} is pending")
    assert sold_vouchers[0].credentials.password in shown.stdout
