"""Tests of comparing a router with the database and of repairs, which keep foreign rows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from simulators.routeros.clock import StoppedClock
from simulators.routeros.server import RouterOsSimulator
from ticketing.crypto.keyring import KeyRing
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.platform.kernel.errors import PlanOutdated
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import StoredRouter
from ticketing.routers.routeros.client import RouterClient
from ticketing.vouchers.model import VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.provisioning.context import ProvisionResult
from ticketing.vouchers.provisioning.drift import ChangedVoucher, VoucherChange
from ticketing.vouchers.provisioning.reconcile_router import (
    RepairResult,
    RouterDrift,
    compare_router,
    compare_routers,
    repair_router,
)
from ticketing.vouchers.provisioning.router_clients import RouterClientPool
from ticketing.vouchers.queries import Voucher

Offer = Callable[..., StoredPackage]
Buy = Callable[..., Order]
Provision = Callable[[], ProvisionResult]
ListVouchers = Callable[[], list[Voucher]]
Compare = Callable[[], RouterDrift]
Repair = Callable[[], RepairResult]


class BusyRouterPool(RouterClientPool):
    """Router client pool that runs an action between two reads of the database."""

    def __init__(self, keys: KeyRing, action: Callable[[], None]) -> None:
        """Keep the action that runs at each connection."""
        super().__init__(keys)
        self._meanwhile = action

    def client_for(self, stored: StoredRouter) -> RouterClient:
        """Run the action, then return the client."""
        self._meanwhile()
        return super().client_for(stored)


@pytest.fixture
def end_both_vouchers(
    database: Database, device: RouterOsSimulator, list_vouchers: ListVouchers
) -> Callable[[], None]:
    """Return a function that removes one voucher and begins to revoke another."""

    def end_both() -> None:
        first, second = list_vouchers()
        rows = {user["name"]: user[".id"] for user in device.users()}
        users = device.machine.hotspot.users
        device.run_in_loop(lambda: users.remove(rows[first.credentials.name]))
        device.run_in_loop(lambda: users.change(rows[second.credentials.name], {"disabled": "yes"}))
        gone = {"state": "removed", "removed_at": first.allocated_at, "revoked_reason": "refunded"}
        ending = {"state": "revoking", "revoked_reason": "refunded"}
        with database.transaction() as connection:
            for voucher, values in ((first, gone), (second, ending)):
                moved = update(vouchers).where(vouchers.c.id == voucher.id)
                connection.execute(moved.values(values))

    return end_both


@pytest.fixture
def compare(
    database: Database,
    router_pool: RouterClientPool,
    clock: StoppedClock,
    stored_router: StoredRouter,
) -> Compare:
    """Return a function that compares the router with the database."""
    return lambda: compare_router(database, router_pool, stored_router, clock=clock)


@pytest.fixture
def repair(
    database: Database,
    router_pool: RouterClientPool,
    clock: StoppedClock,
    stored_router: StoredRouter,
) -> Callable[[RouterDrift], RepairResult]:
    """Return a function that applies a planned repair."""
    return lambda drift: repair_router(
        database, router_pool, stored_router, plan_hash=drift.plan_hash, clock=clock, by="cli:sari"
    )


@pytest.fixture
def add_router_user(
    device: RouterOsSimulator, router_pool: RouterClientPool
) -> Callable[..., None]:
    """Return a function that adds a user with our marker that the database does not know."""

    def add(key: str, name: str, *, office: str = "") -> None:
        marker = f"tk:{office or router_pool.installation_id}:{key}:{name}"
        device.add_user(name, password="x", profile="1h", comment=marker)  # noqa: S106

    return add


def test_an_unchanged_router_has_no_drift(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision, compare: Compare
) -> None:
    buy(offer(), 3)
    provision()
    device.add_user("tamu", profile="1h", comment="up-123-01.31.26-")

    drift = compare()

    assert drift.is_in_sync
    assert (drift.agreed, drift.foreign) == (3, 2)  # the trial user is nobody's, too


def test_a_reset_router_gets_its_vouchers_again_with_the_same_codes(
    database: Database, device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision,
    compare: Compare, repair: Callable[[RouterDrift], RepairResult], list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    buy(offer(), 3)
    provision()
    codes = sorted(user["name"] for user in device.users())
    device.reset()
    device.add_profile("1h", shared_users="1")

    drift = compare()
    repaired = repair(drift)
    lost = [(one.state, one.last_error) for one in list_vouchers()]
    provision()

    assert drift.missing == tuple(one.key for one in list_vouchers())
    assert repaired == RepairResult(requeued=3, removed=0)
    assert lost == [(VoucherState.PENDING, "the router lost it")] * 3
    assert sorted(user["name"] for user in device.users()) == codes
    assert compare().is_in_sync
    with database.transaction() as connection:
        told = select(func.count()).where(outbox.c.purpose == "voucher.ready")
        assert connection.execute(told).scalar_one() == 1


def test_a_lost_voucher_in_use_keeps_its_expiry(
    database: Database, device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision,
    compare: Compare, repair: Callable[[RouterDrift], RepairResult], list_vouchers: ListVouchers,
    now: datetime,
) -> None:  # fmt: skip
    buy(offer())
    provision()
    used = {"first_used_at": now, "expires_at": now + timedelta(hours=1)}
    with database.transaction() as connection:
        connection.execute(update(vouchers).values(used))
    device.reset()
    device.add_profile("1h", shared_users="1")

    repair(compare())
    provision()

    (voucher,) = list_vouchers()
    assert voucher.state is VoucherState.ACTIVE
    assert {name: getattr(voucher, name) for name in used} == used


def test_orphaned_users_are_removed_and_all_others_stay(
    database: Database, device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, compare: Compare, repair: Callable[[RouterDrift], RepairResult],
    add_router_user: Callable[..., None], list_vouchers: ListVouchers,
) -> None:  # fmt: skip
    buy(offer(), 2)
    provision()
    kept, gone = list_vouchers()
    over = {"state": "removed", "removed_at": clock.now, "revoked_reason": "expired"}
    with database.transaction() as connection:
        connection.execute(update(vouchers).where(vouchers.c.id == gone.id).values(over))
    add_router_user("VUNKNOWN", "gspunknown")
    add_router_user("VTHEIRS", "gsptheirs", office="0ff1ce")
    device.add_user("tamu", profile="1h", comment="up-123-01.31.26-")

    drift = compare()
    repaired = repair(drift)

    assert {marker.key for marker in drift.orphans} == {"VUNKNOWN", gone.key}
    assert repaired == RepairResult(requeued=0, removed=2)
    assert {user["name"] for user in device.users()} == {
        kept.credentials.name,
        "gsptheirs",
        "tamu",
    }


@pytest.mark.parametrize(
    ("change", "differences"),
    [
        ({"profile": "default"}, (VoucherChange.PROFILE,)),
        ({"disabled": "true"}, (VoucherChange.DISABLED,)),
        ({"comment": "dec/12/2026 10:00:00"}, (VoucherChange.COMMENT,)),
        (
            {"limit-uptime": "1s", "limit-bytes-total": "5"},
            (VoucherChange.ONLINE_LIMIT, VoucherChange.BYTES_LIMIT),
        ),
    ],
)
def test_a_changed_user_is_reported_and_not_repaired(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision, compare: Compare,
    repair: Callable[[RouterDrift], RepairResult], list_vouchers: ListVouchers, change: dict[str,
    str],
    differences: tuple[VoucherChange, ...],
) -> None:  # fmt: skip
    buy(offer())
    provision()
    (row,) = device.users()
    device.run_in_loop(lambda: device.machine.hotspot.users.change(row[".id"], change))
    changed = device.users()

    drift = compare()
    repaired = repair(drift)

    assert drift.changed == (ChangedVoucher(list_vouchers()[0].key, differences),)
    assert repaired == RepairResult(requeued=0, removed=0)
    assert device.users() == changed


@pytest.mark.parametrize("state", ["pending", "provisioning", "revoking"])
def test_vouchers_in_transition_are_no_drift(
    database: Database, offer: Offer, buy: Buy, provision: Provision, compare: Compare, state: str
) -> None:
    buy(offer(), 2)
    provision()
    moving = {"state": state, "revoked_reason": "expired" if state == "revoking" else ""}
    with database.transaction() as connection:
        connection.execute(update(vouchers).values(moving))

    drift = compare()

    assert drift.is_in_sync


def test_vouchers_removed_during_the_comparison_are_no_drift(
    database: Database, clock: StoppedClock, keys: KeyRing, stored_router: StoredRouter,
    offer: Offer,
    buy: Buy, provision: Provision, end_both_vouchers: Callable[[], None],
) -> None:  # fmt: skip
    buy(offer(), 2)
    provision()

    with BusyRouterPool(keys, end_both_vouchers) as pool:
        drift = compare_router(database, pool, stored_router, clock=clock)

    assert drift.is_in_sync


def test_an_expired_voucher_is_not_restored(
    database: Database, device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision,
    compare: Compare, now: datetime,
) -> None:  # fmt: skip
    buy(offer())
    provision()
    device.reset()
    with database.transaction() as connection:
        connection.execute(update(vouchers).values(expires_at=now))

    assert compare().missing == ()


def test_a_voucher_of_another_router_is_reported_and_not_repaired(
    database: Database,
    device: RouterOsSimulator,
    stored_router: StoredRouter,
    offer: Offer,
    buy: Buy,
    provision: Provision,
    compare: Compare,
    repair: Callable[[RouterDrift], RepairResult],
    list_vouchers: ListVouchers,
) -> None:
    buy(offer())
    provision()
    with database.transaction() as connection:
        other = router_queries.upsert(connection, "annexe", replace(stored_router.address, port=1))
        connection.execute(update(vouchers).values(router_id=other.id))

    drift = compare()
    repair(drift)

    assert drift.on_other_router == (list_vouchers()[0].key,)
    assert len(device.users()) == 1


def test_a_repair_plan_is_refused_after_a_change(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision, compare: Compare,
    repair: Callable[[RouterDrift], RepairResult], add_router_user: Callable[..., None],
) -> None:  # fmt: skip
    buy(offer())
    provision()
    add_router_user("VONE", "gspone")
    drift = compare()
    add_router_user("VTWO", "gsptwo")

    with pytest.raises(PlanOutdated, match="0 are missing and 2 too many; plan again"):
        repair(drift)

    assert len(device.users()) == 3


def test_an_unreachable_router_stops_no_comparison_of_another(
    database: Database, router_pool: RouterClientPool, clock: StoppedClock,
    stored_router: StoredRouter,
    offer: Offer, buy: Buy, provision: Provision,
) -> None:  # fmt: skip
    buy(offer())
    provision()
    with database.transaction() as connection:
        router_queries.upsert(connection, "annexe", replace(stored_router.address, port=1))

    annexe, here = compare_routers(database, router_pool, clock=clock)

    assert annexe.error.startswith("router annexe")
    assert (annexe.is_in_sync, here.is_in_sync, here.agreed) == (False, True, 1)
