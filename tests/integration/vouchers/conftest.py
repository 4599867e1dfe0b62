"""Fixtures: a simulated router, a package on sale, and paid orders."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import count

import pytest
from sqlalchemy import insert, select, update

from simulators.routeros.clock import StoppedClock
from simulators.routeros.server import ACCOUNT, RouterOsSimulator
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, Order, Selection
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import Incident
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.vouchers import vouchers as vouchers_table
from ticketing.platform.kernel.money import Rupiah
from ticketing.routers import queries as router_queries
from ticketing.routers.credentials import CodeRule
from ticketing.routers.model import HotspotUser
from ticketing.routers.queries import RouterAddress, StoredRouter
from ticketing.routers.routeros.client import AddResult, RouterClient
from ticketing.selling.checkout.place_order import place_order
from ticketing.selling.payments.complete_order import complete_order
from ticketing.vouchers import package_queries
from ticketing.vouchers import queries as voucher_queries
from ticketing.vouchers.model import Package, VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisioningContext, ProvisionResult
from ticketing.vouchers.provisioning.provision import provision_router
from ticketing.vouchers.provisioning.router_admin import to_router_account
from ticketing.vouchers.provisioning.router_clients import RouterClientPool
from ticketing.vouchers.queries import Voucher


@pytest.fixture
def clock(now: datetime) -> StoppedClock:
    """Return the clock that we share with the router."""
    return StoppedClock(now)


@pytest.fixture
def device(clock: StoppedClock) -> Iterator[RouterOsSimulator]:
    """Start a router with the profile `1h` for one device at a time."""
    with RouterOsSimulator(clock=clock) as switched_on:
        switched_on.add_profile("1h", shared_users="1")
        yield switched_on


@pytest.fixture
def router_pool(keys: KeyRing) -> Iterator[RouterClientPool]:
    """Open our connections to routers."""
    with RouterClientPool(keys) as opened:
        yield opened


@pytest.fixture
def provision(
    database: Database,
    router_pool: RouterClientPool,
    clock: StoppedClock,
    stored_router: StoredRouter,
) -> Callable[[], ProvisionResult]:
    """Return a function that provisions the router as the worker does."""
    context = ProvisioningContext(database, router_pool, clock, by="worker", jitter=lambda: 0.5)
    return partial(provision_router, context, stored_router.id)


@pytest.fixture
def stored_router(database: Database, device: RouterOsSimulator, keys: KeyRing) -> StoredRouter:
    """Register the router."""
    address = RouterAddress(
        device.host, ACCOUNT.name, keys.encrypt(ACCOUNT.password), device.port, tls=False
    )
    with database.transaction() as connection:
        return router_queries.upsert(connection, "lobby", address)


@pytest.fixture
def offer(
    database: Database, event: Event, stored_router: StoredRouter
) -> Callable[..., StoredPackage]:
    """Return a function that sells a package: an hour from first use, Rp5.000."""

    def put_on_sale(code: str = "5k", *, pool_size: int = 0, **terms: object) -> StoredPackage:
        with database.transaction() as connection:
            values = {"event_id": event.id, "name": f"Paket {code}", "on_sale": True}
            type_id = connection.execute(
                insert(ticket_types).values(values | {"price": 5_000}).returning(ticket_types.c.id)
            ).scalar_one()
            package = Package(
                **{  # type: ignore[arg-type]
                    "code": code,
                    "name": f"Paket {code}",
                    "price": Rupiah(5_000),
                    "profile": "1h",
                    "validity": timedelta(hours=1),
                }
                | terms
            )
            package_queries.upsert(
                connection, type_id, package, CodeRule("gsp"), router_id=stored_router.id,
                pool_size=pool_size,
            )  # fmt: skip
            return package_queries.get_by_code(connection, code)

    return put_on_sale


@pytest.fixture
def buy(database: Database, event: Event, now: datetime) -> Callable[..., Order]:
    """Return a function that creates a paid order of vouchers."""
    numbers = count(1)

    def buy_some(
        package: StoredPackage, quantity: int = 1, *, also: StoredPackage | None = None
    ) -> Order:
        phone = f"+62812{next(numbers):08}"
        buyer = Buyer(key=f"tel:{phone}", name="Sari", email="", phone=phone)
        asked = [Selection(each.ticket_type_id, quantity) for each in (package, also) if each]
        placed = place_order(database, event, requested=asked, buyer=buyer, at=now, by="web")
        with database.transaction() as connection:
            order = order_queries.lock(connection, placed.order.id)
            complete_order(connection, order, attempt_id=None, at=now, by="gateway")
            return order_queries.lock(connection, order.id)

    return buy_some


@pytest.fixture
def list_vouchers(database: Database) -> Callable[[], list[Voucher]]:
    """Return a function that reads all vouchers, oldest first."""

    def fetch() -> list[Voucher]:
        with database.transaction() as connection:
            return voucher_queries.list_where(connection)

    return fetch


@pytest.fixture
def voucher_messages(database: Database) -> Callable[[], list[tuple[str, str, str]]]:
    """Return a function that reads voucher messages: purpose, order and recipient."""

    def fetch() -> list[tuple[str, str, str]]:
        query = select(outbox.c.purpose, outbox.c.subject, outbox.c.recipient)
        ours = query.where(outbox.c.purpose == "voucher.ready").order_by(outbox.c.id)
        with database.transaction() as connection:
            return [tuple(row) for row in connection.execute(ours)]

    return fetch


@pytest.fixture
def list_incidents(database: Database) -> Callable[[], list[Incident]]:
    """Return a function that reads all incidents."""

    def fetch() -> list[Incident]:
        with database.transaction() as connection:
            return incidents.list_latest(connection)

    return fetch


@pytest.fixture
def revoke(database: Database, now: datetime) -> Callable[[Voucher], None]:
    """Return a function that revokes a voucher that is being provisioned."""

    def set_revoking(one: Voucher) -> None:
        with database.transaction() as connection:
            connection.execute(
                update(vouchers_table)
                .where(vouchers_table.c.id == one.id)
                .values(state=VoucherState.REVOKING, revoked_reason="expired", next_attempt_at=now)
            )

    return set_revoking


@pytest.fixture
def mark_pending(database: Database, now: datetime) -> Callable[[Voucher], None]:
    """Return a function that marks an active voucher for provisioning again."""

    def set_pending(one: Voucher) -> None:
        with database.transaction() as connection:
            connection.execute(
                update(vouchers_table)
                .where(vouchers_table.c.id == one.id)
                .values(state=VoucherState.PENDING, next_attempt_at=now)
            )

    return set_pending


@pytest.fixture
def provision_while(
    database: Database, keys: KeyRing, clock: StoppedClock, stored_router: StoredRouter
) -> Callable[[Callable[[], object]], ProvisionResult]:
    """Return a function that provisions and acts between a router's reply and its storage."""

    def provision_busy(happens: Callable[[], object]) -> ProvisionResult:
        class Busy(RouterClient):
            def add(self, users: Sequence[HotspotUser]) -> list[AddResult]:
                answers = super().add(users)
                happens()
                return answers

        class RecordedRouterPool(RouterClientPool):
            def client_for(self, stored: StoredRouter) -> RouterClient:  # noqa: ARG002
                return busy

        with (
            Busy(to_router_account(stored_router, keys)) as busy,
            RecordedRouterPool(keys) as pool,
        ):
            context = ProvisioningContext(database, pool, clock, "worker", jitter=lambda: 0.5)
            return provision_router(context, stored_router.id)

    return provision_busy
