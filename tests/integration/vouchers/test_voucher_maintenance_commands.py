"""Tests of the voucher maintenance commands: compare, repair, regenerate, clean up."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from sqlalchemy import update

from simulators.routeros.server import RouterOsSimulator
from ticketing.events.model import Event
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.vouchers.model import VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisionResult
from ticketing.vouchers.provisioning.router_clients import RouterClientPool
from ticketing.vouchers.queries import Voucher

Ticketing = Callable[..., CompletedProcess[str]]
Offer = Callable[..., StoredPackage]
Buy = Callable[..., Order]
Provision = Callable[[], ProvisionResult]
ListVouchers = Callable[[], list[Voucher]]


@pytest.fixture
def ticketing(run_ticketing: Ticketing, database_url: str, tmp_path: Path) -> Ticketing:
    """Return a function that runs `ticketing vouchers …` with the test's database and secret."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "TICKETING_DATA": str(tmp_path / "data"),
        "TICKETING_MASTER_SECRET": bytes(range(32)).hex(),
        "COLUMNS": "200",
    }

    return partial(run_ticketing, "vouchers", environment=environment)


@pytest.fixture
def run_json(ticketing: Ticketing) -> Callable[..., Any]:
    """Return a function that runs a command with `--json` and returns its output."""

    def run(*arguments: str) -> Any:  # noqa: ANN401 - JSON is anything
        done = ticketing(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_a_reset_router_is_compared_and_repaired_as_planned(
    device: RouterOsSimulator,
    router_pool: RouterClientPool,
    ticketing: Ticketing,
    run_json: Callable[..., Any],
    offer: Offer,
    buy: Buy,
    provision: Provision,
    list_vouchers: ListVouchers,
) -> None:
    buy(offer(), 2)
    provision()
    device.reset()
    device.add_user("gspcode", comment=f"tk:{router_pool.installation_id}:VNOBODYS:gspcode")

    seen = ticketing("compare", "--all")
    planned = run_json("repair", "plan", "lobby")
    done = run_json("repair", "apply", "lobby", "--plan", planned[0]["plan_hash"])

    keys = [one.key for one in list_vouchers()]
    assert seen.returncode == 1
    assert f"missing: 2: {' '.join(keys)}" in seen.stdout
    assert "gspcode" not in f"{seen.stdout}{planned}"  # a code opens the hotspot
    assert (planned[0]["missing"], planned[0]["orphans"]) == (keys, ["VNOBODYS"])
    assert done == {"requeued": 2, "removed": 1}
    assert [one.state for one in list_vouchers()] == [VoucherState.PENDING] * 2


def test_failed_vouchers_are_regenerated(
    database: Database, ticketing: Ticketing, offer: Offer, buy: Buy, list_vouchers: ListVouchers
) -> None:
    order = buy(offer(), 2)
    with database.transaction() as connection:
        connection.execute(
            update(vouchers).values(failed_at=list_vouchers()[0].allocated_at, attempt_count=4)
        )

    done = ticketing("regenerate", "--failed")

    assert done.stdout == f"{order.code}: 2 retried, 0 present\n"
    assert {(one.attempt_count, one.failed_at) for one in list_vouchers()} == {(0, None)}


def test_a_clean_up_is_planned_and_applied(
    database: Database, event: Event, ticketing: Ticketing, run_json: Callable[..., Any],
    offer: Offer, buy: Buy, provision: Provision, list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    package = offer()
    buy(package)
    left = buy(package, 2)
    provision()
    with database.transaction() as connection:
        connection.execute(update(orders).where(orders.c.id == left.id).values(state="cancelled"))

    planned = ticketing("cleanup", "plan", "--event", event.slug)
    plan_hash = planned.stdout.split()[-1]
    done = run_json("cleanup", "apply", "--event", event.slug, "--plan", plan_hash)

    assert "leftover: 2 vouchers of 1 orders, 0 of them used" in planned.stdout
    assert done == {"left_over": 2, "expired": 0}
    assert [one.state for one in list_vouchers()] == ["active", "revoking", "revoking"]


def test_the_maintenance_command_prints_its_results(
    ticketing: Ticketing, offer: Offer, buy: Buy, provision: Provision
) -> None:
    buy(offer())
    provision()

    seen = ticketing("maintain")

    assert "lobby: 1 vouchers present, 0 newly used, 0 used up" in seen.stdout
    assert seen.returncode == 0
