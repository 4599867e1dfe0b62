"""Tests of provisioning killed at any step: each voucher exists once, one message to the buyer."""

import signal
import time
from collections.abc import Callable
from datetime import datetime
from subprocess import CompletedProcess

import pytest

from simulators.routeros.server import RouterOsSimulator
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.routers import queries as router_queries
from ticketing.vouchers.model import VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisionResult
from ticketing.vouchers.queries import Voucher

pytestmark = pytest.mark.kill

WORKER = """
import os, signal, sys
from datetime import datetime
from sqlalchemy import event
from ticketing.routers.routeros.client import RouterClient
from ticketing.platform.db.database import Database
from ticketing.vouchers.provisioning.router_clients import RouterClientPool
from ticketing.crypto.keyring import KeyRing
from ticketing.vouchers.provisioning.provision import provision_router
from ticketing.vouchers.provisioning.context import ProvisioningContext

url, at, router_id, step, when = sys.argv[1:]
left = int(when)

def die_at_last(*_):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

def dying(what):
    kept = getattr(RouterClient, what)
    def done(self, *arguments):
        answer = kept(self, *arguments)
        die_at_last()
        return answer
    setattr(RouterClient, what, done)

database = Database.from_url(url)
if step == "commit":
    event.listen(database.engine, step, die_at_last)
else:
    dying(step)
with RouterClientPool(KeyRing(bytes(range(32)))) as pool:
    moment = datetime.fromisoformat(at)
    provision_router(ProvisioningContext(database, pool, lambda: moment, "worker"), int(router_id))
"""


@pytest.fixture
def run_killed(
    run_script: Callable[..., CompletedProcess[str]], database: Database, database_url: str,
    now: datetime,
) -> Callable[[int, str, int], int]:  # fmt: skip
    """Return a function that provisions in a process that kills itself at the n-th step."""

    def run(router_id: int, step: str, when: int) -> int:
        arguments = [database_url, now.isoformat(), str(router_id), step, str(when)]
        code = run_script(WORKER, *arguments).returncode
        deadline = time.monotonic() + 10  # PostgreSQL ends the session a moment after its process
        while not _is_released(database, router_id):
            assert time.monotonic() < deadline
        return code

    return run


def _is_released(database: Database, router_id: int) -> bool:
    with router_queries.try_router_lock(database, router_id) as is_ours:
        return is_ours


@pytest.mark.parametrize(
    ("step", "when", "user_count"),
    [
        ("profiles", 1, 0),  # asked for, as far as anybody wrote down; the router heard nothing
        ("add", 1, 3),
        ("commit", 4, 3),  # all but written down
        ("commit", 5, 3),  # and the router's own row left as it was
    ],
)
def test_a_killed_round_is_completed_by_the_next_without_a_duplicate_user(
    device: RouterOsSimulator, offer: Callable[..., StoredPackage], buy: Callable[..., Order],
    provision: Callable[[], ProvisionResult], list_vouchers: Callable[[], list[Voucher]],
    voucher_messages: Callable[[], list[tuple[str, str, str]]], run_killed: Callable[[int, str,
    int], int],
    step: str, when: int, user_count: int,
) -> None:  # fmt: skip
    package = offer()
    order = buy(package, 3)

    killed = run_killed(package.router_id, step, when)
    left = len(device.users())
    provision()

    assert (killed, left) == (-signal.SIGKILL, user_count)
    assert {one.state for one in list_vouchers()} == {VoucherState.ACTIVE}
    assert sorted(row["name"] for row in device.users()) == sorted(
        one.credentials.name for one in list_vouchers()
    )
    assert [subject for _, subject, _ in voucher_messages()] == [order.code]


@pytest.mark.parametrize(("step", "when"), [("_each", 2), ("remove", 1), ("commit", 5)])
def test_a_killed_removal_is_completed_by_the_next(
    device: RouterOsSimulator, offer: Callable[..., StoredPackage], buy: Callable[..., Order],
    provision: Callable[[], ProvisionResult], list_vouchers: Callable[[], list[Voucher]],
    revoke: Callable[[Voucher], None], run_killed: Callable[[int, str, int], int], step: str,
    when: int,
) -> None:  # fmt: skip
    package = offer()
    buy(package, 2)
    provision()
    revoke(list_vouchers()[0])

    killed = run_killed(package.router_id, step, when)
    done = provision()

    assert (killed, done.removed, len(device.users())) == (-signal.SIGKILL, 1, 1)
    assert [one.state for one in list_vouchers()] == [VoucherState.REMOVED, VoucherState.ACTIVE]
