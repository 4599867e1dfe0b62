"""Tests of reissuing a voucher: the previous one is revoked, the buyer is notified again."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select, update

from simulators.routeros.clock import StoppedClock
from simulators.routeros.server import RouterOsSimulator
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.vouchers import vouchers as voucher_rows
from ticketing.platform.kernel.errors import NothingOwed, PlanOutdated
from ticketing.vouchers import queries as voucher_queries
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisionResult
from ticketing.vouchers.queries import Voucher
from ticketing.vouchers.reissue import plan_reissue, reissue_voucher

Offer = Callable[..., StoredPackage]
Buy = Callable[..., Order]
Provision = Callable[[], ProvisionResult]
ListVouchers = Callable[[], list[Voucher]]


@pytest.fixture
def set_first_use(database: Database) -> Callable[[str, datetime], None]:
    """Return a function that sets the first use of a voucher."""

    def note(key: str, at: datetime) -> None:
        with database.transaction() as connection:
            used = update(voucher_rows).where(voucher_rows.c.key == key)
            connection.execute(used.values(first_used_at=at))

    return note


def test_the_previous_voucher_is_revoked_and_the_buyer_is_notified_of_the_new_one(
    database: Database, device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    order = buy(offer(), 2)
    provision()
    old, kept = list_vouchers()
    planned = plan_reissue(database, old.key)

    key = reissue_voucher(
        database, old.key, plan_hash=planned.plan_hash, at=clock.now, by="cli:sari"
    )
    provision()

    with database.transaction() as connection:
        theirs = voucher_queries.list_of_order(connection, order.id)
        ready = select(outbox.c.revision).where(outbox.c.purpose == "voucher.ready")
        told = connection.execute(ready.order_by(outbox.c.id)).scalars().all()
        noted = select(audit_log.c.details).where(audit_log.c.action == "vouchers.reissue")
        assert connection.execute(noted).scalar_one() == {"old": old.key, "new": key}
    ended = list_vouchers()[0]
    assert planned.first_used_at is None
    assert [(one.key, one.number) for one in theirs] == [(key, 1), (kept.key, 2)]
    assert told == [1, 2]
    assert (ended.state, ended.revoked_reason) == ("removed", f"replaced: {order.code}, number 1")
    assert {user["name"] for user in device.users()} == {one.credentials.name for one in theirs}


def test_the_plan_shows_whether_the_voucher_was_used_and_is_outdated_by_a_use(
    database: Database, clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision,
    list_vouchers: ListVouchers, set_first_use: Callable[[str, datetime], None],
) -> None:  # fmt: skip
    buy(offer())
    provision()
    (voucher,) = list_vouchers()
    planned = plan_reissue(database, voucher.key)
    set_first_use(voucher.key, clock.now)

    with pytest.raises(PlanOutdated, match="changed since the plan: now it is in use"):
        reissue_voucher(
            database, voucher.key, plan_hash=planned.plan_hash, at=clock.now, by="cli:sari"
        )

    assert plan_reissue(database, voucher.key).first_used_at == clock.now


@pytest.mark.parametrize("state", ["pending", "provisioning", "revoking"])
def test_a_voucher_that_is_not_active_cannot_be_reissued(
    database: Database,
    offer: Offer,
    buy: Buy,
    provision: Provision,
    list_vouchers: ListVouchers,
    state: str,
) -> None:
    buy(offer())
    provision()
    moved = {"state": state, "revoked_reason": "expired" if state == "revoking" else ""}
    with database.transaction() as connection:
        connection.execute(update(voucher_rows).values(moved))

    with pytest.raises(NothingOwed, match="only a voucher that is paid for and is on its router"):
        plan_reissue(database, list_vouchers()[0].key)


def test_an_unknown_key_is_named(database: Database) -> None:
    with pytest.raises(NothingOwed, match="no order has a voucher 'VNONE'"):
        plan_reissue(database, "VNONE")


def test_a_plan_applied_twice_reissues_once(
    database: Database, clock: StoppedClock, offer: Offer, buy: Buy, provision: Provision,
    list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    buy(offer())
    provision()
    (old,) = list_vouchers()
    plan_hash = plan_reissue(database, old.key).plan_hash
    reissue_voucher(database, old.key, plan_hash=plan_hash, at=clock.now, by="cli:sari")

    with pytest.raises(NothingOwed):
        reissue_voucher(database, old.key, plan_hash=plan_hash, at=clock.now, by="cli:sari")

    assert [one.state for one in list_vouchers()] == ["revoking", "pending"]
