"""Vouchers made ahead: what is sold from the stock is the buyer's at once, router or no router."""

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
Made = Callable[[], list[Voucher]]
PRESENT, OWED, ENDING, GONE = (
    VoucherState.ACTIVE, VoucherState.PENDING, VoucherState.REVOKING, VoucherState.REMOVED,
)  # fmt: skip


@pytest.fixture
def stock_up(database: Database, clock: StoppedClock) -> Callable[[], PoolResult]:
    """Every package's stock is brought to its size."""
    return lambda: fill_pools(database, at=clock.now, by="cron")


@pytest.fixture
def told(database: Database) -> Callable[[], list[str]]:
    """The orders whose buyers are told that their vouchers are there."""

    def subjects() -> list[str]:
        with database.transaction() as connection:
            ready = select(outbox.c.subject).where(outbox.c.purpose == "voucher.ready")
            return list(connection.execute(ready.order_by(outbox.c.id)).scalars())

    return subjects


def test_a_stock_is_on_the_router_and_nobodys(
    device: RouterOsSimulator, offer: Offer, provision: Provision, made: Made,
    stock_up: Callable[[], PoolResult],
) -> None:  # fmt: skip
    offer(pool_size=3)

    stocked = stock_up()
    provision()
    again = stock_up()

    assert (stocked, again) == (PoolResult(allocated=3), PoolResult())
    assert len(device.users()) == 3
    assert [(one.state, one.order_line_id, one.expires_at) for one in made()] == [
        (PRESENT, None, None)
    ] * 3


def test_who_buys_while_the_router_is_off_has_the_codes_at_once(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision, made: Made,
    stock_up: Callable[[], PoolResult], told: Callable[[], list[str]], now: datetime,
) -> None:  # fmt: skip
    package = offer(pool_size=2, unused_expiry=timedelta(days=30))
    stock_up()
    provision()
    device.power_off()

    order = buy(package, 2)

    assert [(one.state, one.number, one.sold_at, one.expires_at) for one in made()] == [
        (PRESENT, number, now, now + timedelta(days=30)) for number in (1, 2)
    ]
    assert told() == [order.code]


def test_what_the_stock_cannot_give_is_owed_and_the_buyer_waits_for_all(
    offer: Offer, buy: Buy, provision: Provision, made: Made, stock_up: Callable[[], PoolResult],
    told: Callable[[], list[str]],
) -> None:  # fmt: skip
    package = offer(pool_size=1)
    stock_up()
    provision()

    order = buy(package, 3)
    waiting = told()
    states = [(one.number, one.state) for one in made()]
    provision()

    assert states == [(1, PRESENT), (2, OWED), (3, OWED)]
    assert waiting == []
    assert told() == [order.code]


def test_what_is_sold_is_made_anew(
    offer: Offer, buy: Buy, provision: Provision, stock_up: Callable[[], PoolResult]
) -> None:
    package = offer(pool_size=2)
    stock_up()
    provision()
    buy(package, 2)

    assert stock_up() == PoolResult(allocated=2)


def test_a_validity_that_counts_from_the_sale_begins_with_it(
    offer: Offer, buy: Buy, provision: Provision, clock: StoppedClock, made: Made,
    stock_up: Callable[[], PoolResult], now: datetime,
) -> None:  # fmt: skip
    package = offer(pool_size=1, validity_start=ValidityStart.FROM_SALE)
    clock.forward(days=-30)
    stock_up()
    provision()

    buy(package)

    assert [one.expires_at for one in made()] == [now + timedelta(hours=1)]


def test_two_buyers_at_the_same_moment_get_different_ones(
    database: Database, offer: Offer, buy: Buy, provision: Provision, made: Made,
    stock_up: Callable[[], PoolResult], now: datetime,
) -> None:  # fmt: skip
    package = offer()
    buy(package)
    buy(package)
    with database.transaction() as connection:
        connection.execute(update(packages).values(pool_size=3))
        ids = connection.execute(select(order_lines.c.id).order_by(order_lines.c.id)).scalars()
        first, second = (AllocationLine(id_, package.ticket_type_id, [2, 3]) for id_ in ids)
    stock_up()
    provision()

    with database.transaction() as one, database.transaction() as other:
        got = voucher_queries.assign_from_pool(one, package, first, at=now)
        left = voucher_queries.assign_from_pool(other, package, second, at=now)

    assert (got, left) == (2, 1)
    assert [one.order_line_id for one in made()[2:]] == [first.id, first.id, second.id]


@pytest.mark.parametrize(
    "change", ["nobody buys it any more", "less of it is made ahead", "it moved"]
)
def test_what_is_too_much_of_a_stock_ends(
    database: Database, lobby: StoredRouter, offer: Offer, provision: Provision, made: Made,
    stock_up: Callable[[], PoolResult], change: str,
) -> None:  # fmt: skip
    offer(pool_size=2)
    stock_up()
    provision()
    with database.transaction() as connection:
        if change == "nobody buys it any more":
            connection.execute(update(ticket_types).values(on_sale=False))
        elif change == "it moved":
            here = lobby.address
            there = RouterAddress(
                here.host, here.username, here.password_encrypted, port=1, tls=False
            )
            router = router_queries.upsert(connection, "annexe", there)
            connection.execute(update(packages).values(router_id=router.id))
        else:
            connection.execute(update(packages).values(pool_size=0))

    stocked = stock_up()

    assert stocked.revoked == 2
    assert [one.state for one in made()[:2]] == [ENDING, ENDING]


def test_one_that_somebody_used_is_never_sold(
    database: Database, device: RouterOsSimulator, doors: RouterClientPool, clock: StoppedClock,
    offer: Offer, buy: Buy, provision: Provision, made: Made, stock_up: Callable[[], PoolResult],
) -> None:  # fmt: skip
    package = offer(pool_size=1)
    stock_up()
    provision()
    code = device.users()[0]["name"]
    device.log_in(code, code, "phone")
    clock.forward(minutes=1)

    looks = poll_routers(database, doors, clock=clock, by="cron")
    buy(package)

    used, sold = made()
    assert looks == [PollResult("lobby", found=1, first_used=1, used_up=1)]
    assert (used.state, used.revoked_reason) == (ENDING, "used before its sale")
    assert (used.order_line_id, sold.state) == (None, OWED)


def test_what_somebody_used_of_it_before_the_sale_is_not_the_buyers_loss(
    database: Database, device: RouterOsSimulator, doors: RouterClientPool, clock: StoppedClock,
    offer: Offer, buy: Buy, provision: Provision, made: Made, stock_up: Callable[[], PoolResult],
) -> None:  # fmt: skip
    package = offer(pool_size=1)
    stock_up()
    provision()
    code = device.users()[0]["name"]
    device.log_in(code, code, "phone")
    clock.forward(hours=2)
    buy(package)
    with database.transaction() as connection:
        connection.execute(update(vouchers).values(sold_at=clock.now))

    poll_routers(database, doors, clock=clock, by="cron")

    (sold,) = made()
    assert (sold.first_used_at, sold.expires_at) == (clock.now, clock.now + timedelta(hours=1))
