"""Tests of the pool: vouchers created ahead are delivered at once, even during an outage."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from simulators.routeros.clock import StoppedClock
from simulators.routeros.server import RouterOsSimulator
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.orders import order_lines
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.vouchers import packages, vouchers
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import RouterAddress, StoredRouter
from ticketing.vouchers import queries as voucher_queries
from ticketing.vouchers.allocate import PoolResult, fill_pools
from ticketing.vouchers.model import ValidityStart, VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisionResult
from ticketing.vouchers.provisioning.poll_usage import PollResult, poll_routers
from ticketing.vouchers.provisioning.router_clients import RouterClientPool
from ticketing.vouchers.queries import AllocationLine, Voucher

Offer = Callable[..., StoredPackage]
Buy = Callable[..., Order]
Provision = Callable[[], ProvisionResult]
ListVouchers = Callable[[], list[Voucher]]
PRESENT, OWED, ENDING, GONE = (
    VoucherState.ACTIVE, VoucherState.PENDING, VoucherState.REVOKING, VoucherState.REMOVED,
)  # fmt: skip


@pytest.fixture
def fill_pool(database: Database, clock: StoppedClock) -> Callable[[], PoolResult]:
    """Return a function that fills the pools of all packages."""
    return lambda: fill_pools(database, at=clock.now, by="cron")


@pytest.fixture
def notified_orders(database: Database) -> Callable[[], list[str]]:
    """Return a function that lists the orders with a message that their vouchers are ready."""

    def subjects() -> list[str]:
        with database.transaction() as connection:
            ready = select(outbox.c.subject).where(outbox.c.purpose == "voucher.ready")
            return list(connection.execute(ready.order_by(outbox.c.id)).scalars())

    return subjects


def test_pool_vouchers_are_on_the_router_without_an_order(
    device: RouterOsSimulator, offer: Offer, provision: Provision, list_vouchers: ListVouchers,
    fill_pool: Callable[[], PoolResult],
) -> None:  # fmt: skip
    offer(pool_size=3)

    stocked = fill_pool()
    provision()
    again = fill_pool()

    assert (stocked, again) == (PoolResult(allocated=3), PoolResult())
    assert len(device.users()) == 3
    assert [(one.state, one.order_line_id, one.expires_at) for one in list_vouchers()] == [
        (PRESENT, None, None)
    ] * 3


def test_a_buyer_during_an_outage_gets_codes_from_the_pool(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision,
    list_vouchers: ListVouchers,
    fill_pool: Callable[[], PoolResult], notified_orders: Callable[[], list[str]], now: datetime,
) -> None:  # fmt: skip
    package = offer(pool_size=2, unused_expiry=timedelta(days=30))
    fill_pool()
    provision()
    device.power_off()

    order = buy(package, 2)

    assert [(one.state, one.number, one.sold_at, one.expires_at) for one in list_vouchers()] == [
        (PRESENT, number, now, now + timedelta(days=30)) for number in (1, 2)
    ]
    assert notified_orders() == [order.code]


def test_vouchers_beyond_the_pool_are_pending_and_the_buyer_waits_for_all(
    offer: Offer, buy: Buy, provision: Provision, list_vouchers: ListVouchers,
    fill_pool: Callable[[],
    PoolResult],
    notified_orders: Callable[[], list[str]],
) -> None:  # fmt: skip
    package = offer(pool_size=1)
    fill_pool()
    provision()

    order = buy(package, 3)
    waiting = notified_orders()
    states = [(one.number, one.state) for one in list_vouchers()]
    provision()

    assert states == [(1, PRESENT), (2, OWED), (3, OWED)]
    assert waiting == []
    assert notified_orders() == [order.code]


def test_sold_pool_vouchers_are_replaced(
    offer: Offer, buy: Buy, provision: Provision, fill_pool: Callable[[], PoolResult]
) -> None:
    package = offer(pool_size=2)
    fill_pool()
    provision()
    buy(package, 2)

    assert fill_pool() == PoolResult(allocated=2)


def test_validity_from_the_sale_of_a_pool_voucher_begins_at_the_sale(
    offer: Offer, buy: Buy, provision: Provision, clock: StoppedClock, list_vouchers: ListVouchers,
    fill_pool: Callable[[], PoolResult], now: datetime,
) -> None:  # fmt: skip
    package = offer(pool_size=1, validity_start=ValidityStart.FROM_SALE)
    clock.forward(days=-30)
    fill_pool()
    provision()

    buy(package)

    assert [one.expires_at for one in list_vouchers()] == [now + timedelta(hours=1)]


def test_concurrent_buyers_get_different_vouchers(
    database: Database, offer: Offer, buy: Buy, provision: Provision, list_vouchers: ListVouchers,
    fill_pool: Callable[[], PoolResult], now: datetime,
) -> None:  # fmt: skip
    package = offer()
    buy(package)
    buy(package)
    with database.transaction() as connection:
        connection.execute(update(packages).values(pool_size=3))
        ids = connection.execute(select(order_lines.c.id).order_by(order_lines.c.id)).scalars()
        first, second = (AllocationLine(id_, package.ticket_type_id, [2, 3]) for id_ in ids)
    fill_pool()
    provision()

    with database.transaction() as one, database.transaction() as other:
        got = voucher_queries.assign_from_pool(one, package, first, at=now)
        left = voucher_queries.assign_from_pool(other, package, second, at=now)

    assert (got, left) == (2, 1)
    assert [one.order_line_id for one in list_vouchers()[2:]] == [first.id, first.id, second.id]


@pytest.mark.parametrize(
    "change", ["nobody buys it any more", "less of it is made ahead", "it moved"]
)
def test_surplus_pool_vouchers_are_revoked(
    database: Database, stored_router: StoredRouter, offer: Offer, provision: Provision,
    list_vouchers: ListVouchers,
    fill_pool: Callable[[], PoolResult], change: str,
) -> None:  # fmt: skip
    offer(pool_size=2)
    fill_pool()
    provision()
    with database.transaction() as connection:
        if change == "nobody buys it any more":
            connection.execute(update(ticket_types).values(on_sale=False))
        elif change == "it moved":
            here = stored_router.address
            there = RouterAddress(
                here.host, here.username, here.password_encrypted, port=1, tls=False
            )
            router = router_queries.upsert(connection, "annexe", there)
            connection.execute(update(packages).values(router_id=router.id))
        else:
            connection.execute(update(packages).values(pool_size=0))

    stocked = fill_pool()

    assert stocked.revoked == 2
    assert [one.state for one in list_vouchers()[:2]] == [ENDING, ENDING]


def test_a_used_pool_voucher_is_never_sold(
    database: Database, device: RouterOsSimulator, router_pool: RouterClientPool,
    clock: StoppedClock,
    offer: Offer, buy: Buy, provision: Provision, list_vouchers: ListVouchers,
    fill_pool: Callable[[],
    PoolResult],
) -> None:  # fmt: skip
    package = offer(pool_size=1)
    fill_pool()
    provision()
    code = device.users()[0]["name"]
    device.log_in(code, code, "phone")
    clock.forward(minutes=1)

    looks = poll_routers(database, router_pool, clock=clock, by="cron")
    buy(package)

    used, sold = list_vouchers()
    assert looks == [PollResult("lobby", found=1, first_used=1, used_up=1)]
    assert (used.state, used.revoked_reason) == (ENDING, "used before its sale")
    assert (used.order_line_id, sold.state) == (None, OWED)


def test_use_before_the_sale_does_not_shorten_the_buyers_validity(
    database: Database, device: RouterOsSimulator, router_pool: RouterClientPool,
    clock: StoppedClock,
    offer: Offer, buy: Buy, provision: Provision, list_vouchers: ListVouchers,
    fill_pool: Callable[[],
    PoolResult],
) -> None:  # fmt: skip
    package = offer(pool_size=1)
    fill_pool()
    provision()
    code = device.users()[0]["name"]
    device.log_in(code, code, "phone")
    clock.forward(hours=2)
    buy(package)
    with database.transaction() as connection:
        connection.execute(update(vouchers).values(sold_at=clock.now))

    poll_routers(database, router_pool, clock=clock, by="cron")

    (sold,) = list_vouchers()
    assert (sold.first_used_at, sold.expires_at) == (clock.now, clock.now + timedelta(hours=1))
