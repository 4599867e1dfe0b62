"""The service on a real socket, with a key of each role and people who are owed tickets."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from pydantic import SecretStr
from sqlalchemy import insert, select

from simulators.midtrans.server import MidtransSimulator
from simulators.trust import trusted
from ticketing.access.queries import Role
from ticketing.access.service import add_key
from ticketing.app.container import open_application
from ticketing.app.web.app import create_app
from ticketing.app.web.server import WebServer
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.roster import entitlements
from ticketing.platform.db.tables.roster import guests as guests_table
from ticketing.platform.http.services import now
from ticketing.platform.kernel import json_logging
from ticketing.platform.settings import Settings
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.settle import Settlement, settle


@pytest.fixture(scope="session")
def open_in() -> Callable[..., AbstractContextManager[Application]]:
    """Opens an application on a database, with everything else in a folder."""

    @contextmanager
    def opened(database_url: str, folder: Path, **more: object) -> Iterator[Application]:
        given = {
            "database_url": SecretStr(database_url),
            "data_path": folder,
            "master_secret": SecretStr(bytes(range(32)).hex()),
            "web_cors_origins": "https://school.example.org",
            "web_requests_a_minute": 30,
            "min_free_disk": 0,
        }
        settings = Settings(_env_file=None, **given | more)
        json_logging.configure("DEBUG", settings.log_file)
        with open_application(settings) as application:
            yield application

    return opened


@pytest.fixture(scope="session")
def answering() -> Callable[..., AbstractContextManager[str]]:
    """Runs the service of an application on a port, any free one if not said; gives its address."""

    @contextmanager
    def running(application: Application, port: int = 0) -> Iterator[str]:
        listening = socket.create_server(("127.0.0.1", port))
        app = create_app(application)
        server = WebServer(app, uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        assert server.started
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()
        listening.close()

    return running


@pytest.fixture
def application(
    open_in: Callable[[str, Path], AbstractContextManager[Application]],
    database_url: str,
    tmp_path: Path,
) -> Iterator[Application]:
    """An open application on the test's database."""
    with open_in(database_url, tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def log_file(application: Application) -> Path:
    """Where the service's lines go."""
    return application.settings.log_file


@pytest.fixture
def address(
    answering: Callable[[Application], AbstractContextManager[str]], application: Application
) -> Iterator[str]:
    """Where the running service answers."""
    with answering(application) as where:
        yield where


@pytest.fixture
def key_of(database: Database) -> Callable[[Role], str]:
    """Makes a key of a role."""

    def make(role: Role) -> str:
        return add_key(database, name=f"the {role}", role=role, by="test").secret

    return make


@pytest.fixture
def client_with(address: str) -> Iterator[Callable[..., httpx.Client]]:
    """Opens clients that send these headers."""
    opened: list[httpx.Client] = []

    def client(**headers: str) -> httpx.Client:
        opened.append(httpx.Client(base_url=address, headers=headers, timeout=60, verify=trusted()))
        return opened[-1]

    yield client
    for one in opened:
        one.close()


@pytest.fixture
def stranger(client_with: Callable[..., httpx.Client]) -> httpx.Client:
    """Somebody without a key."""
    return client_with()


@pytest.fixture
def viewer(client_with: Callable[..., httpx.Client], key_of: Callable[[Role], str]) -> httpx.Client:
    """Somebody who may look."""
    return client_with(Authorization=f"Bearer {key_of(Role.VIEWER)}")


@pytest.fixture
def operator(
    client_with: Callable[..., httpx.Client], key_of: Callable[[Role], str]
) -> httpx.Client:
    """Somebody who may make tickets."""
    return client_with(Authorization=f"Bearer {key_of(Role.OPERATOR)}")


@pytest.fixture
def guests(database: Database, event: Event) -> list[int]:
    """Three people on the event's list; the second has a seat."""
    with database.transaction() as connection:
        connection.execute(insert(ticket_types).values(event_id=event.id, name="Graduate"))
        kind = connection.execute(select(ticket_types.c.id)).scalar_one()
        ids = []
        for name, seat in (("Ayu Lestari", ""), ("Budi Santoso", "B-12"), ("Citra Dewi", "")):
            first, last = name.split()
            ids.append(
                connection.execute(
                    insert(guests_table)
                    .values(
                        event_id=event.id, natural_key=f"id:{first}", full_name=name,
                        first_name=first, last_name=last, email=f"{first}@example.org".lower(),
                        phone="+628111234567",
                    )
                    .returning(guests_table.c.id)
                ).scalar_one()
            )  # fmt: skip
            connection.execute(
                insert(entitlements).values(
                    event_id=event.id, guest_id=ids[-1], ticket_type_id=kind, seat=seat
                )
            )
    return ids


@pytest.fixture
def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def sell(database: Database, event: Event) -> Callable[..., int]:
    """Puts a ticket type on sale, Rp50.000 and five places unless said otherwise; gives its id."""

    def put_on_sale(name: str = "VIP", **terms: int) -> int:
        row = {"event_id": event.id, "name": name, "on_sale": True, "price": 50_000, "capacity": 5}
        with database.transaction() as connection:
            return connection.execute(
                insert(ticket_types).values(row | terms).returning(ticket_types.c.id)
            ).scalar_one()

    return put_on_sale


@pytest.fixture
def midtrans(unused_port: int) -> Iterator[MidtransSimulator]:
    """A payment gateway that tells the shop what happens."""
    notify = f"http://127.0.0.1:{unused_port}/api/payment/notification"
    with MidtransSimulator(notify, speed=3600) as simulator:
        yield simulator


@pytest.fixture
def shop_application(
    open_in: Callable[..., AbstractContextManager[Application]],
    midtrans: MidtransSimulator,
    database_url: str,
    tmp_path: Path,
) -> Iterator[Application]:
    """An application that sells through the simulated gateway."""
    more = {"midtrans_rehearsal_url": midtrans.url, "web_requests_a_minute": 10_000}
    with open_in(database_url, tmp_path / "data", **more) as opened:
        yield opened


@pytest.fixture
def shop(
    answering: Callable[..., AbstractContextManager[str]],
    shop_application: Application,
    unused_port: int,
) -> Iterator[httpx.Client]:
    """Somebody at the door of that application's service."""
    with (
        answering(shop_application, unused_port) as where,
        httpx.Client(base_url=where, timeout=60, verify=trusted()) as client,
    ):
        yield client


@pytest.fixture
def order(shop: httpx.Client, event: Event) -> Callable[..., dict[str, Any]]:
    """Orders places of a ticket type, as Sari unless said otherwise; gives the answer's data."""

    def place(ticket_type_id: int, quantity: int = 1, **more: object) -> dict[str, Any]:
        asked = {
            "eventId": event.slug,
            "ticketSelections": [{"ticketTypeId": ticket_type_id, "quantity": quantity}],
            "buyer": {"name": "Sari Wulandari", "email": "sari@example.org"},
        }
        placed = shop.post("/api/orders", json=asked | more)
        assert placed.status_code == 201, placed.text
        return dict(placed.json()["data"])

    return place


@pytest.fixture
def settle_all(shop_application: Application) -> Callable[[], Settlement]:
    """Settles whatever the gateway has told so far."""

    def run() -> Settlement:
        return settle(
            shop_application.database, shop_application.get(Midtrans), at=now(), by="test"
        )

    return run
