"""The life of vouchers from the command line: compared, repaired, tried again, cleaned up."""

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
Made = Callable[[], list[Voucher]]


@pytest.fixture
def ticketing(run_ticketing: Ticketing, database_url: str, tmp_path: Path) -> Ticketing:
    """Runs `ticketing vouchers …` against the test's database, with the test's master secret."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "TICKETING_DATA": str(tmp_path / "data"),
        "TICKETING_MASTER_SECRET": bytes(range(32)).hex(),
        "COLUMNS": "200",
    }

    return partial(run_ticketing, "vouchers", environment=environment)


@pytest.fixture
def said(ticketing: Ticketing) -> Callable[..., Any]:
    """What a command prints for machines; it must not fail."""

    def run(*arguments: str) -> Any:  # noqa: ANN401 - JSON is anything
        done = ticketing(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_a_router_that_was_reset_is_seen_and_repaired_as_planned(
    device: RouterOsSimulator,
    doors: RouterClientPool,
    ticketing: Ticketing,
    said: Callable[..., Any],
    offer: Offer,
    buy: Buy,
    provision: Provision,
    made: Made,
) -> None:
    buy(offer(), 2)
    provision()
    device.reset()
    device.add_user("gspcode", comment=f"tk:{doors.installation_id}:VNOBODYS:gspcode")

    seen = ticketing("compare", "--all")
    planned = said("repair", "plan", "lobby")
    done = said("repair", "apply", "lobby", "--plan", planned[0]["plan_hash"])

    keys = [one.key for one in made()]
    assert seen.returncode == 1
    assert f"missing: 2: {' '.join(keys)}" in seen.stdout
    assert "gspcode" not in f"{seen.stdout}{planned}"  # a code opens the hotspot
    assert (planned[0]["missing"], planned[0]["orphans"]) == (keys, ["VNOBODYS"])
    assert done == {"requeued": 2, "removed": 1}
    assert [one.state for one in made()] == [VoucherState.PENDING] * 2


def test_what_was_given_up_is_tried_again(
    database: Database, ticketing: Ticketing, offer: Offer, buy: Buy, made: Made
) -> None:
    order = buy(offer(), 2)
    with database.transaction() as connection:
        connection.execute(
            update(vouchers).values(failed_at=made()[0].allocated_at, attempt_count=4)
        )

    done = ticketing("regenerate", "--failed")

    assert done.stdout == f"{order.code}: 2 retried, 0 present\n"
    assert {(one.attempt_count, one.failed_at) for one in made()} == {(0, None)}


def test_a_clean_up_is_planned_and_applied(
    database: Database, event: Event, ticketing: Ticketing, said: Callable[..., Any],
    offer: Offer, buy: Buy, provision: Provision, made: Made,
) -> None:  # fmt: skip
    package = offer()
    buy(package)
    left = buy(package, 2)
    provision()
    with database.transaction() as connection:
        connection.execute(update(orders).where(orders.c.id == left.id).values(state="cancelled"))

    planned = ticketing("cleanup", "plan", "--event", event.slug)
    plan_hash = planned.stdout.split()[-1]
    done = said("cleanup", "apply", "--event", event.slug, "--plan", plan_hash)

    assert "leftover: 2 vouchers of 1 orders, 0 of them used" in planned.stdout
    assert done == {"left_over": 2, "expired": 0}
    assert [one.state for one in made()] == ["active", "revoking", "revoking"]


def test_the_upkeep_says_what_it_saw(
    ticketing: Ticketing, offer: Offer, buy: Buy, provision: Provision
) -> None:
    buy(offer())
    provision()

    seen = ticketing("maintain")

    assert "lobby: 1 vouchers present, 0 newly used, 0 used up" in seen.stdout
    assert seen.returncode == 0
