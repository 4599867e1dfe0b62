"""A router is compared with our books both ways; a repair leaves everybody else's rows alone."""

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
Made = Callable[[], list[Voucher]]
Compare = Callable[[], RouterDrift]
Repair = Callable[[], RepairResult]


class BusyRouterPool(RouterClientPool):
    """Doors to routers at which something happens between two of our looks at the books."""

    def __init__(self, keys: KeyRing, meanwhile: Callable[[], None]) -> None:
        """What happens, each time."""
        super().__init__(keys)
        self._meanwhile = meanwhile

    def client_for(self, stored: StoredRouter) -> RouterClient:
        """The door, after it has happened."""
        self._meanwhile()
        return super().client_for(stored)


@pytest.fixture
def meanwhile(database: Database, device: RouterOsSimulator, made: Made) -> Callable[[], None]:
    """One voucher has ended and is off the router; another is on its way off, and disabled."""

    def end_both() -> None:
        first, second = made()
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
    database: Database, doors: RouterClientPool, clock: StoppedClock, lobby: StoredRouter
) -> Compare:
    """The router against our books, now."""
    return lambda: compare_router(database, doors, lobby, clock=clock)


@pytest.fixture
def repair(
    database: Database, doors: RouterClientPool, clock: StoppedClock, lobby: StoredRouter
) -> Callable[[RouterDrift], RepairResult]:
    """What was planned is done."""
    return lambda drift: repair_router(
        database, doors, lobby, plan_hash=drift.plan_hash, clock=clock, by="cli:sari"
    )


@pytest.fixture
def leave(device: RouterOsSimulator, doors: RouterClientPool) -> Callable[..., None]:
    """Leaves a row on the router that our books know nothing of."""

    def add(key: str, name: str, *, office: str = "") -> None:
        marker = f"tk:{office or doors.installation_id}:{key}:{name}"
        device.add_user(name, password="x", profile="1h", comment=marker)  # noqa: S106

    return add


def test_a_router_as_it_was_left_agrees(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision, compare: Compare
) -> None:
    buy(offer(), 3)
    provision()
    device.add_user("tamu", profile="1h", comment="up-123-01.31.26-")

    drift = compare()

    assert drift.is_in_sync
    assert (drift.agreed, drift.foreign) == (3, 2)  # the trial user is nobody's, too


def test_a_router_that_was_reset_gets_back_what_it_lost_with_the_codes_that_buyers_have(
    database: Database, device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision,
    compare: Compare, repair: Callable[[RouterDrift], RepairResult], made: Made,
) -> None:  # fmt: skip
    buy(offer(), 3)
    provision()
    codes = sorted(user["name"] for user in device.users())
    device.reset()
    device.add_profile("1h", shared_users="1")

    drift = compare()
    repaired = repair(drift)
    lost = [(one.state, one.last_error) for one in made()]
    provision()

    assert drift.missing == tuple(one.key for one in made())
    assert repaired == RepairResult(requeued=3, removed=0)
    assert lost == [(VoucherState.PENDING, "the router lost it")] * 3
    assert sorted(user["name"] for user in device.users()) == codes
    assert compare().is_in_sync
    with database.transaction() as connection:
        told = select(func.count()).where(outbox.c.purpose == "voucher.ready")
        assert connection.execute(told).scalar_one() == 1


def test_one_that_was_in_use_when_the_router_lost_it_still_ends_when_it_would_have(
    database: Database, device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision,
    compare: Compare, repair: Callable[[RouterDrift], RepairResult], made: Made, now: datetime,
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

    (voucher,) = made()
    assert voucher.state is VoucherState.ACTIVE
    assert {name: getattr(voucher, name) for name in used} == used


def test_what_is_nobodys_is_taken_off_and_every_other_row_stays(
    database: Database, device: RouterOsSimulator, clock: StoppedClock, offer: Offer, buy: Buy,
    provision: Provision, compare: Compare, repair: Callable[[RouterDrift], RepairResult],
    leave: Callable[..., None], made: Made,
) -> None:  # fmt: skip
    buy(offer(), 2)
    provision()
    kept, gone = made()
    over = {"state": "removed", "removed_at": clock.now, "revoked_reason": "expired"}
    with database.transaction() as connection:
        connection.execute(update(vouchers).where(vouchers.c.id == gone.id).values(over))
    leave("VUNKNOWN", "gspunknown")
    leave("VTHEIRS", "gsptheirs", office="0ff1ce")
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
    ("change", "what"),
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
def test_a_row_that_somebody_changed_is_shown_and_left_as_it_is(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision, compare: Compare,
    repair: Callable[[RouterDrift], RepairResult], made: Made, change: dict[str, str],
    what: tuple[VoucherChange, ...],
) -> None:  # fmt: skip
    buy(offer())
    provision()
    (row,) = device.users()
    device.run_in_loop(lambda: device.machine.hotspot.users.change(row[".id"], change))
    changed = device.users()

    drift = compare()
    repaired = repair(drift)

    assert drift.changed == (ChangedVoucher(made()[0].key, what),)
    assert repaired == RepairResult(requeued=0, removed=0)
    assert device.users() == changed


@pytest.mark.parametrize("state", ["pending", "provisioning", "revoking"])
def test_what_is_on_its_way_is_no_difference(
    database: Database, offer: Offer, buy: Buy, provision: Provision, compare: Compare, state: str
) -> None:
    buy(offer(), 2)
    provision()
    moving = {"state": state, "revoked_reason": "expired" if state == "revoking" else ""}
    with database.transaction() as connection:
        connection.execute(update(vouchers).values(moving))

    drift = compare()

    assert drift.is_in_sync


def test_what_is_taken_off_while_the_router_is_read_is_no_difference(
    database: Database, clock: StoppedClock, keys: KeyRing, lobby: StoredRouter, offer: Offer,
    buy: Buy, provision: Provision, meanwhile: Callable[[], None],
) -> None:  # fmt: skip
    buy(offer(), 2)
    provision()

    with BusyRouterPool(keys, meanwhile) as doors:
        drift = compare_router(database, doors, lobby, clock=clock)

    assert drift.is_in_sync


def test_one_whose_time_is_over_is_not_put_back(
    database: Database, device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision,
    compare: Compare, now: datetime,
) -> None:  # fmt: skip
    buy(offer())
    provision()
    device.reset()
    with database.transaction() as connection:
        connection.execute(update(vouchers).values(expires_at=now))

    assert compare().missing == ()


def test_a_voucher_of_another_router_is_shown_and_left_as_it_is(
    database: Database,
    device: RouterOsSimulator,
    lobby: StoredRouter,
    offer: Offer,
    buy: Buy,
    provision: Provision,
    compare: Compare,
    repair: Callable[[RouterDrift], RepairResult],
    made: Made,
) -> None:
    buy(offer())
    provision()
    with database.transaction() as connection:
        other = router_queries.upsert(connection, "annexe", replace(lobby.address, port=1))
        connection.execute(update(vouchers).values(router_id=other.id))

    drift = compare()
    repair(drift)

    assert drift.on_other_router == (made()[0].key,)
    assert len(device.users()) == 1


def test_a_plan_is_not_applied_to_another_world(
    device: RouterOsSimulator, offer: Offer, buy: Buy, provision: Provision, compare: Compare,
    repair: Callable[[RouterDrift], RepairResult], leave: Callable[..., None],
) -> None:  # fmt: skip
    buy(offer())
    provision()
    leave("VONE", "gspone")
    drift = compare()
    leave("VTWO", "gsptwo")

    with pytest.raises(PlanOutdated, match="0 are missing and 2 too many; plan again"):
        repair(drift)

    assert len(device.users()) == 3


def test_a_router_that_is_off_stops_no_comparison_of_another(
    database: Database, doors: RouterClientPool, clock: StoppedClock, lobby: StoredRouter,
    offer: Offer, buy: Buy, provision: Provision,
) -> None:  # fmt: skip
    buy(offer())
    provision()
    with database.transaction() as connection:
        router_queries.upsert(connection, "annexe", replace(lobby.address, port=1))

    annexe, here = compare_routers(database, doors, clock=clock)

    assert annexe.error.startswith("router annexe")
    assert (annexe.is_in_sync, here.is_in_sync, here.agreed) == (False, True, 1)
