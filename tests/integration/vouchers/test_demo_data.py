"""Tests of the demo data: the simulated router is registered, and an outlet sells on it."""

from datetime import datetime

import pytest
from sqlalchemy import func, select

from simulators.routeros.server import ACCOUNT, RouterOsSimulator
from ticketing.crypto.keyring import KeyRing
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.kernel.errors import UnknownRouter
from ticketing.routers.routeros.client import RouterClient
from ticketing.vouchers import demo_data, package_queries
from ticketing.vouchers.provisioning.router_admin import check_router, to_router_account


def test_the_simulated_router_carries_out_what_is_sold_on_it(
    database: Database, keys: KeyRing, device: RouterOsSimulator, now: datetime
) -> None:
    for profile in demo_data.DEMO_PROFILES:
        device.add_profile(profile)
    stored = demo_data.seed_demo_router(database, keys, port=device.port, by="up")

    events = [demo_data.seed_demo_hotspot(database, at=now, by="cli") for _ in range(2)]

    account = to_router_account(stored, keys)
    with RouterClient(account) as client:
        looked = check_router(database, stored, client)
    with database.transaction() as connection:
        codes = [one.package.code for one in package_queries.list_all(connection) if one.on_sale]
    assert (account.user, account.password) == (ACCOUNT.name, ACCOUNT.password)
    assert (looked.mismatches, codes) == ([], ["20k", "5k"])
    assert events[0] == events[1]


def test_the_router_is_registered_again_only_at_another_address(
    database: Database, keys: KeyRing
) -> None:
    known = [
        demo_data.seed_demo_router(database, keys, port=port, by="up").address.port
        for port in (8790, 8790, 8791)
    ]

    with database.transaction() as connection:
        audit_entries = connection.scalar(select(func.count()).select_from(audit_log))
    assert (known, audit_entries) == ([8790, 8790, 8791], 2)


def test_nothing_is_sold_on_an_unreachable_router(database: Database, now: datetime) -> None:
    with pytest.raises(UnknownRouter, match="demo"):
        demo_data.seed_demo_hotspot(database, at=now, by="cli")
