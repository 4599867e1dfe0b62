"""Tests of routers: registration, checks against their packages, removal only without vouchers."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from simulators.routeros.server import RouterOsSimulator
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.vouchers import routers as routers_table
from ticketing.platform.kernel.errors import (
    RouterNeeded,
    RouterRefused,
    UnknownRouter,
    UnusableRouter,
)
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import StoredRouter
from ticketing.routers.routeros.client import RouterClient
from ticketing.vouchers import transition_queries
from ticketing.vouchers.model import ProfileMismatch
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.packages import PackageTerms, put_package
from ticketing.vouchers.provisioning.router_admin import (
    NewRouter,
    RouterCheck,
    add_router,
    check_router,
    remove_router,
    to_router_account,
)

SECRET = "S3cret-of-the-router"  # noqa: S105 - made up


@pytest.fixture
def check_stored_router(database: Database, keys: KeyRing) -> Callable[[StoredRouter], RouterCheck]:
    """Return a function that checks a router."""

    def ask(stored: StoredRouter) -> RouterCheck:
        with RouterClient(to_router_account(stored, keys)) as door:
            return check_router(database, stored, door)

    return ask


def test_a_router_is_stored_with_an_encrypted_password(database: Database, keys: KeyRing) -> None:
    new = NewRouter("10.0.0.1", "ticketing", SECRET, 8729)

    stored = add_router(database, keys, "lobby", new, by="organiser")

    with database.transaction() as connection:
        row = connection.execute(select(routers_table)).one()
        audit_entry = connection.execute(select(audit_log)).one()
    assert to_router_account(stored, keys).password == SECRET
    assert (stored.address.host, stored.address.port, stored.address.tls) == (
        "10.0.0.1",
        8729,
        True,
    )
    assert SECRET not in f"{stored!r} {new!r} {row!r} {audit_entry!r}"
    assert audit_entry.details == {
        "host": "10.0.0.1",
        "port": 8729,
        "tls": True,
        "fingerprint": "",
    }


def test_a_router_reports_its_status(
    stored_router: StoredRouter, check_stored_router: Callable[..., RouterCheck]
) -> None:
    looked = check_stored_router(stored_router)

    assert looked.health.version.startswith("7.18.2")
    assert (looked.mismatches, looked.can_write) == ([], True)


def test_problems_of_packages_on_a_router_are_named(
    device: RouterOsSimulator,
    offer: Callable[..., StoredPackage],
    stored_router: StoredRouter,
    check_stored_router: Callable[..., RouterCheck],
) -> None:
    device.add_profile("shared", shared_users="5")
    device.add_profile("scripted", on_login=':put ("up")')
    for profile in ("1h", "shared", "scripted", "missing"):
        offer(profile, profile=profile)

    found = check_stored_router(stored_router).mismatches

    assert {stored.package.code: wrong for stored, wrong in found} == {
        "shared": [ProfileMismatch.SHARED_USERS],
        "scripted": [ProfileMismatch.SCRIPT],
        "missing": [ProfileMismatch.MISSING],
    }


def test_a_wrong_password_is_refused_and_not_repeated(
    stored_router: StoredRouter, keys: KeyRing, check_stored_router: Callable[..., RouterCheck]
) -> None:
    sealed = keys.encrypt(SECRET)

    with pytest.raises(RouterRefused) as refused:
        check_stored_router(
            replace(
                stored_router, address=replace(stored_router.address, password_encrypted=sealed)
            )
        )

    assert SECRET not in str(refused.value)


def test_a_router_with_packages_or_vouchers_is_not_removed(
    database: Database,
    keys: KeyRing,
    event: Event,
    offer: Callable[..., StoredPackage],
    buy: Callable[..., Order],
    now: datetime,
) -> None:
    order = buy(offer())
    with pytest.raises(RouterNeeded, match="5k"):
        remove_router(database, "lobby", at=now, by="organiser")
    add_router(database, keys, "attic", NewRouter("10.0.0.2", "t", SECRET, 8729), by="organiser")
    put_package(database, event, "5k", PackageTerms(router="attic"), at=now, by="organiser")
    with pytest.raises(RouterNeeded, match="1 vouchers"):
        remove_router(database, "lobby", at=now, by="organiser")
    with database.transaction() as connection:
        transition_queries.revoke_of_order(connection, order.id, reason="refunded", at=now)

    remove_router(database, "lobby", at=now + timedelta(days=1), by="organiser")

    with database.transaction() as connection:
        assert [one.name for one in router_queries.list_all(connection)] == ["attic"]
    with pytest.raises(UnknownRouter, match="attic"):
        remove_router(database, "lobby", at=now, by="organiser")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"host": " "}, "host"),
        ({"port": 0}, "port"),
        ({"password": ""}, "user"),
        ({"tls": False, "fingerprint": "ab" * 32}, "tls"),
        ({"ca_certificate": "no certificate"}, "authority"),
    ],
)
def test_an_invalid_address_is_refused_by_its_field(changed: dict[str, object], field: str) -> None:
    usual = {"host": "10.0.0.1", "user": "t", "password": SECRET, "port": 8729}

    with pytest.raises(UnusableRouter) as refused:
        NewRouter(**usual | changed)  # type: ignore[arg-type]

    assert refused.value.details["field"] == field
    assert SECRET not in str(refused.value)
