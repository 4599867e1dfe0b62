"""Demo data: the simulated router of `ticketing up` and an outlet that sells its vouchers.

The vouchers give no internet access; every page and message marks them as simulated.
"""

from datetime import UTC, datetime, timedelta

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event, NewEvent
from ticketing.events.service import add_event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import UnknownRouter
from ticketing.platform.kernel.money import Rupiah
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers.packages import PackageTerms, put_package
from ticketing.vouchers.provisioning.router_admin import NewRouter, add_router, to_router_account

DEMO_ROUTER = "demo"
DEMO_ACCOUNT = ("ticketing", "simulator-password")  # public
DEMO_PROFILES = ("1day", "7days")
DEMO_EVENT = NewEvent(
    "demo-hotspot", "Demo Hotspot", datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2099, 12, 31, tzinfo=UTC), "Asia/Jakarta", "id", "Simulasi", "ID",
    "classic",
)  # fmt: skip
DEMO_PACKAGES = {
    "5k": PackageTerms(
        name="Paket 5 ribu (simulasi)", price=Rupiah(5_000), profile=DEMO_PROFILES[0],
        router=DEMO_ROUTER, validity=timedelta(days=1), prefix="demo-",
    ),
    "20k": PackageTerms(
        name="Paket 20 ribu (simulasi)", price=Rupiah(20_000), profile=DEMO_PROFILES[1],
        router=DEMO_ROUTER, validity=timedelta(days=7), prefix="demo-",
    ),
}  # fmt: skip


def seed_demo_router(database: Database, keys: KeyRing, *, port: int, by: str) -> StoredRouter:
    """Store the simulated router at its current port; unchanged if it is stored already."""
    new = NewRouter("127.0.0.1", *DEMO_ACCOUNT, port, tls=False)
    try:
        with database.transaction() as connection:
            known = router_queries.get_by_name(connection, DEMO_ROUTER)
    except UnknownRouter:
        return add_router(database, keys, DEMO_ROUTER, new, by=by)
    account = to_router_account(known, keys)
    if (account.host, account.port, account.password) == (new.host, port, new.password):
        return known
    return add_router(database, keys, DEMO_ROUTER, new, by=by)


def seed_demo_hotspot(database: Database, *, at: datetime, by: str) -> Event:
    """Create the demo outlet and its packages; repeating it changes nothing.

    Raise UnknownRouter if the demo router is missing, UnusablePackage if another event sells a
    code.
    """
    with database.transaction() as connection:
        router_queries.get_by_name(connection, DEMO_ROUTER)
    event = add_event(database, DEMO_EVENT, by=by)
    for code, terms in DEMO_PACKAGES.items():
        put_package(database, event, code, terms, at=at, by=by)
    return event
