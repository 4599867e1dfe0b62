"""Tests of concurrent provisioning: many vouchers, several workers, several routers."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from simulators.routeros.clock import StoppedClock
from simulators.routeros.server import ACCOUNT, RouterOsSimulator
from ticketing.crypto.keyring import KeyRing
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.vouchers import packages as packages_table
from ticketing.platform.db.tables.vouchers import voucher_history
from ticketing.platform.kernel.errors import RouterUnavailable
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import RouterAddress, StoredRouter
from ticketing.routers.routeros.client import RouterClient
from ticketing.vouchers.model import VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisioningContext, ProvisionResult
from ticketing.vouchers.provisioning.provision import provision_all, provision_router
from ticketing.vouchers.provisioning.router_clients import RouterClientPool
from ticketing.vouchers.provisioning.worker_pool import RouterWorkerPool
from ticketing.vouchers.queries import Voucher

PATIENCE_SECONDS = 60


@pytest.fixture
def provisioning_context(
    database: Database, router_pool: RouterClientPool, clock: StoppedClock
) -> ProvisioningContext:
    """Return the dependencies of provisioning."""
    return ProvisioningContext(database, router_pool, clock, "worker", jitter=lambda: 0.5)


@pytest.fixture
def second_router(
    database: Database, keys: KeyRing
) -> Iterator[tuple[RouterOsSimulator, StoredRouter]]:
    """Start and register a second router."""
    with RouterOsSimulator() as device:
        device.add_profile("1h", shared_users="1")
        address = RouterAddress(
            device.host, ACCOUNT.name, keys.encrypt(ACCOUNT.password), device.port, tls=False
        )
        with database.transaction() as connection:
            stored = router_queries.upsert(connection, "attic", address)
        yield device, stored


@pytest.fixture
def move_package(database: Database) -> Callable[[StoredPackage, StoredRouter], StoredPackage]:
    """Return a function that moves a package to another router."""

    def to(package: StoredPackage, router: StoredRouter) -> StoredPackage:
        with database.transaction() as connection:
            connection.execute(packages_table.update().values(router_id=router.id).where(
                packages_table.c.ticket_type_id == package.ticket_type_id
            ))  # fmt: skip
        return package

    return to


def test_five_hundred_vouchers_are_each_provisioned_once(
    device: RouterOsSimulator, offer: Callable[..., StoredPackage], buy: Callable[..., Order],
    provisioning_context: ProvisioningContext, list_vouchers: Callable[[], list[Voucher]],
    voucher_messages: Callable[[], list[tuple[str, str, str]]],
) -> None:  # fmt: skip
    package = offer()
    for _ in range(5):
        buy(package, 100)

    (done,) = provision_all(provisioning_context)

    assert (done.placed, done.completed_orders, len(voucher_messages())) == (500, 5, 5)
    assert sorted((row["name"], row["comment"]) for row in device.users()) == sorted(
        (
            one.credentials.name,
            f"tk:{provisioning_context.clients.installation_id}:{one.key}:{one.credentials.name}",
        )
        for one in list_vouchers()
    )


def test_concurrent_workers_at_one_router_never_add_the_same_voucher(
    database: Database, device: RouterOsSimulator, keys: KeyRing, clock: StoppedClock,
    stored_router: StoredRouter, offer: Callable[..., StoredPackage], buy: Callable[..., Order],
    list_vouchers: Callable[[], list[Voucher]],
) -> None:  # fmt: skip
    package = offer()
    for _ in range(10):
        buy(package, 30)
    start = threading.Barrier(4)

    def work(number: int) -> int:
        with RouterClientPool(keys) as doors:
            means = ProvisioningContext(database, doors, clock, f"worker {number}")
            start.wait(PATIENCE_SECONDS)
            return sum(provision_router(means, stored_router.id).placed for _ in range(20))

    with ThreadPoolExecutor(4) as pool:
        placed = sum(pool.map(work, range(4)))

    with database.transaction() as connection:
        asked = connection.execute(
            select(func.count()).where(voucher_history.c.state == VoucherState.PROVISIONING)
        ).scalar_one()
    assert (placed, asked, len(device.users())) == (300, 300, 300)
    assert {one.state for one in list_vouchers()} == {VoucherState.ACTIVE}


def test_an_order_on_two_routers_is_announced_when_both_are_done(
    second_router: tuple[RouterOsSimulator, StoredRouter], stored_router: StoredRouter,
    provisioning_context: ProvisioningContext,
    offer: Callable[..., StoredPackage], buy: Callable[..., Order],
    move_package: Callable[[StoredPackage, StoredRouter], StoredPackage],
    voucher_messages: Callable[[], list[tuple[str, str, str]]],
) -> None:  # fmt: skip
    order = buy(offer("here"), also=move_package(offer("there"), second_router[1]))

    first = provision_router(provisioning_context, stored_router.id)
    told_then = voucher_messages()
    second = provision_router(provisioning_context, second_router[1].id)

    assert (first.placed, first.completed_orders, told_then) == (1, 0, [])
    assert (second.placed, second.completed_orders) == (1, 1)
    assert [subject for _, subject, _ in voucher_messages()] == [order.code]


def test_a_slow_router_delays_no_other(
    second_router: tuple[RouterOsSimulator, StoredRouter], keys: KeyRing,
    provisioning_context: ProvisioningContext,
    offer: Callable[..., StoredPackage], buy: Callable[..., Order],
    move_package: Callable[[StoredPackage, StoredRouter], StoredPackage],
) -> None:  # fmt: skip
    buy(offer("slow"))
    buy(move_package(offer("quick"), second_router[1]))
    first_is_back, rounds = threading.Event(), list[ProvisionResult]()

    class SlowRouterPool(RouterClientPool):
        def client_for(self, stored: StoredRouter) -> RouterClient:
            if stored.name == "lobby":
                first_is_back.wait(PATIENCE_SECONDS)
            return super().client_for(stored)

    def back(done: ProvisionResult | BaseException, again: bool) -> None:  # noqa: ARG001
        assert isinstance(done, ProvisionResult)
        rounds.append(done)
        first_is_back.set()

    with (
        SlowRouterPool(keys) as pool,
        RouterWorkerPool(replace(provisioning_context, clients=pool), back) as worker_pool,
    ):
        worker_pool.submit_due()

    assert [(done.router, done.placed) for done in rounds] == [("attic", 1), ("lobby", 1)]


@pytest.mark.parametrize("has_more_work", [False, True])
def test_a_router_is_called_again_if_work_arrived_during_the_call(
    keys: KeyRing, provisioning_context: ProvisioningContext, offer: Callable[..., StoredPackage],
    buy: Callable[..., Order], has_more_work: bool,
) -> None:  # fmt: skip
    buy(offer())
    is_there, may_go_on, goes_again = threading.Event(), threading.Event(), list[bool]()

    class FailingRouterPool(RouterClientPool):
        def client_for(self, stored: StoredRouter) -> RouterClient:
            is_there.set()
            may_go_on.wait(PATIENCE_SECONDS)
            raise RouterUnavailable(f"router {stored.name}: no answer")

    def back(done: ProvisionResult | BaseException, again: bool) -> None:
        assert isinstance(done, ProvisionResult)
        goes_again.append(again)

    with (
        FailingRouterPool(keys) as pool,
        RouterWorkerPool(replace(provisioning_context, clients=pool), back) as worker_pool,
    ):
        worker_pool.submit_due()
        is_there.wait(PATIENCE_SECONDS)
        if has_more_work:
            worker_pool.submit_due()
        may_go_on.set()

    assert goes_again == [has_more_work]
