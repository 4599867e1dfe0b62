"""A hotspot: a router on a port, a package that is on sale on it, and people who have paid."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import insert

from simulators.routeros.server import ACCOUNT, RouterOsSimulator
from ticketing.actions.complete_order import complete
from ticketing.actions.place_order import place_order
from ticketing.domain.events import Event
from ticketing.domain.money import Rupiah
from ticketing.domain.orders import Buyer, Order, Selection
from ticketing.domain.voucher_codes import CodeRule
from ticketing.domain.vouchers import Package
from ticketing.signing.keys import KeyRing
from ticketing.store import orders, packages, routers
from ticketing.store.database import Database
from ticketing.store.packages import StoredPackage
from ticketing.store.routers import Address, StoredRouter
from ticketing.store.schema import ticket_types


@pytest.fixture
def device() -> Iterator[RouterOsSimulator]:
    """A router with the profile `1h`, for one device at a time."""
    with RouterOsSimulator() as switched_on:
        switched_on.add_profile("1h", shared_users="1")
        yield switched_on


@pytest.fixture
def lobby(database: Database, device: RouterOsSimulator, keys: KeyRing) -> StoredRouter:
    """The device as the office knows it."""
    address = Address(
        device.host, ACCOUNT.name, keys.seal(ACCOUNT.password), device.port, tls=False
    )
    with database.transaction() as connection:
        return routers.put(connection, "lobby", address)


@pytest.fixture
def offer(database: Database, event: Event, lobby: StoredRouter) -> Callable[..., StoredPackage]:
    """Puts a package on sale: an hour from the first use, for Rp5.000."""

    def put_on_sale(code: str = "5k", *, made_ahead: int = 0, **terms: object) -> StoredPackage:
        with database.transaction() as connection:
            values = {"event_id": event.id, "name": f"Paket {code}", "on_sale": True}
            type_id = connection.execute(
                insert(ticket_types).values(values | {"price": 5_000}).returning(ticket_types.c.id)
            ).scalar_one()
            package = Package(
                **{  # type: ignore[arg-type]
                    "code": code,
                    "name": f"Paket {code}",
                    "price": Rupiah(5_000),
                    "profile": "1h",
                    "validity": timedelta(hours=1),
                }
                | terms
            )
            packages.put(
                connection, type_id, package, CodeRule("gsp"), router_id=lobby.id,
                made_ahead=made_ahead,
            )  # fmt: skip
            return packages.get(connection, code)

    return put_on_sale


@pytest.fixture
def buy(database: Database, event: Event, now: datetime) -> Callable[..., Order]:
    """Somebody orders so many vouchers of a package and has paid."""
    numbers = count(1)

    def buy_some(package: StoredPackage, quantity: int = 1) -> Order:
        phone = f"+62812{next(numbers):08}"
        buyer = Buyer(key=f"tel:{phone}", name="Sari", email="", phone=phone)
        asked = [Selection(package.ticket_type_id, quantity)]
        placed = place_order(database, event, asked=asked, buyer=buyer, at=now, by="web")
        with database.transaction() as connection:
            order = orders.lock(connection, placed.order.id)
            complete(connection, order, attempt_id=None, at=now, by="gateway")
            return orders.lock(connection, order.id)

    return buy_some
