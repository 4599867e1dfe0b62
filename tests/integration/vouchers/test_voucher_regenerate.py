"""Tests of regenerating vouchers: failed ones are retried on request, active ones unchanged."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from simulators.routeros.clock import StoppedClock
from simulators.routeros.server import RouterOsSimulator
from ticketing.orders.order import Order, OrderState
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.platform.kernel.errors import NothingOwed
from ticketing.vouchers import cleanup_queries
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisionResult
from ticketing.vouchers.queries import Voucher
from ticketing.vouchers.reissue import RegenerationResult, regenerate, regenerate_all

Offer = Callable[..., StoredPackage]
Buy = Callable[..., Order]
Provision = Callable[[], ProvisionResult]


@pytest.fixture
def mark_given_up(database: Database, clock: StoppedClock) -> Callable[[], None]:
    """Return a function that marks all pending vouchers as failed and postpones them."""

    def wait() -> None:
        later = clock.now + timedelta(hours=1)
        vain = {"attempt_count": 4, "failed_at": clock.now, "next_attempt_at": later}
        with database.transaction() as connection:
            owed = update(vouchers).where(vouchers.c.state == "pending")
            connection.execute(owed.values(vain))

    return wait


def test_failed_vouchers_are_retried_now_and_active_ones_stay(
    database: Database, device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, mark_given_up: Callable[[], None], list_vouchers: Callable[[],
    list[Voucher]],
) -> None:  # fmt: skip
    order = buy(offer(), 2)
    provision()
    first, _ = list_vouchers()
    with database.transaction() as connection:
        lost = update(vouchers).where(vouchers.c.id != first.id)
        connection.execute(lost.values(state="pending"))
    mark_given_up()
    idle = provision()

    done = regenerate(database, order.id, at=clock.now, by="api:desk")
    again = regenerate(database, order.id, at=clock.now, by="api:desk")
    provision()

    assert idle.placed == 0
    assert (done, again) == (RegenerationResult(order.code, due=1, present=1, ended=0),) * 2
    assert len(device.users()) == 2
    assert [one.state for one in list_vouchers()] == ["active", "active"]
    assert all(one.failed_at is None for one in list_vouchers())


def test_a_complete_order_gets_no_more_vouchers(
    database: Database, device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision,
) -> None:  # fmt: skip
    order = buy(offer(), 2)
    provision()
    before = device.users()

    done = regenerate(database, order.id, at=clock.now, by="api:desk")
    provision()

    assert done == RegenerationResult(order.code, due=0, present=2, ended=0)
    assert device.users() == before


@pytest.mark.parametrize("state", [OrderState.PENDING, OrderState.CANCELLED, OrderState.EXPIRED])
def test_an_unpaid_order_is_not_regenerated(
    database: Database, clock: StoppedClock, offer: Offer, buy: Buy, state: OrderState
) -> None:
    order = buy(offer())
    with database.transaction() as connection:
        connection.execute(update(orders).values(state=state))

    with pytest.raises(NothingOwed, match=f"is {state}: vouchers require a paid order"):
        regenerate(database, order.id, at=clock.now, by="api:desk")


def test_many_orders_are_regenerated_and_a_refusal_stops_none(
    database: Database,
    clock: StoppedClock,
    offer: Offer,
    buy: Buy,
    mark_given_up: Callable[[], None],
) -> None:
    package = offer()
    first, second = buy(package), buy(package)
    mark_given_up()
    with database.transaction() as connection:
        wanted = cleanup_queries.list_failed_order_ids(connection)

    done = regenerate_all(database, [*wanted, 999, first.id], at=clock.now, by="api:desk")

    assert [one.order_code for one in done.orders] == [first.code, second.code]
    assert list(done.refused) == [999]
    with database.transaction() as connection:
        assert cleanup_queries.list_failed_order_ids(connection) == []
        due = connection.execute(select(vouchers.c.next_attempt_at)).scalars()
        assert set(due) == {clock.now}
