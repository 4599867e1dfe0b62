"""What is owed and did not come about is tried again on a person's word; what is there stays."""

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
def give_up(database: Database, clock: StoppedClock) -> Callable[[], None]:
    """Every voucher that is not there was tried in vain, and waits for better times."""

    def wait() -> None:
        later = clock.now + timedelta(hours=1)
        vain = {"attempt_count": 4, "failed_at": clock.now, "next_attempt_at": later}
        with database.transaction() as connection:
            owed = update(vouchers).where(vouchers.c.state == "pending")
            connection.execute(owed.values(vain))

    return wait


def test_what_was_given_up_is_tried_now_and_what_is_there_stays(
    database: Database, device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, give_up: Callable[[], None], made: Callable[[], list[Voucher]],
) -> None:  # fmt: skip
    order = buy(offer(), 2)
    provision()
    first, _ = made()
    with database.transaction() as connection:
        lost = update(vouchers).where(vouchers.c.id != first.id)
        connection.execute(lost.values(state="pending"))
    give_up()
    idle = provision()

    done = regenerate(database, order.id, at=clock.now, by="api:desk")
    again = regenerate(database, order.id, at=clock.now, by="api:desk")
    provision()

    assert idle.placed == 0
    assert (done, again) == (RegenerationResult(order.code, due=1, present=1, ended=0),) * 2
    assert len(device.users()) == 2
    assert [one.state for one in made()] == ["active", "active"]
    assert all(one.failed_at is None for one in made())


def test_an_order_that_is_served_gets_nothing_more(
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
def test_who_has_not_paid_is_owed_nothing(
    database: Database, clock: StoppedClock, offer: Offer, buy: Buy, state: OrderState
) -> None:
    order = buy(offer())
    with database.transaction() as connection:
        connection.execute(update(orders).values(state=state))

    with pytest.raises(NothingOwed, match=f"is {state}: vouchers require a paid order"):
        regenerate(database, order.id, at=clock.now, by="api:desk")


def test_many_orders_are_asked_for_again_and_a_refusal_stops_none(
    database: Database, clock: StoppedClock, offer: Offer, buy: Buy, give_up: Callable[[], None]
) -> None:
    package = offer()
    first, second = buy(package), buy(package)
    give_up()
    with database.transaction() as connection:
        wanted = cleanup_queries.list_failed_order_ids(connection)

    done = regenerate_all(database, [*wanted, 999, first.id], at=clock.now, by="api:desk")

    assert [one.order_code for one in done.orders] == [first.code, second.code]
    assert list(done.refused) == [999]
    with database.transaction() as connection:
        assert cleanup_queries.list_failed_order_ids(connection) == []
        due = connection.execute(select(vouchers.c.next_attempt_at)).scalars()
        assert set(due) == {clock.now}
