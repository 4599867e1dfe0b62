"""Fixtures: the web service on a socket, API keys of each role, and guests without tickets."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn.server
from pydantic import SecretStr
from sqlalchemy import insert, select

from simulators.midtrans.server import MidtransSimulator
from simulators.trust import trusted
from ticketing.access.caller import Role
from ticketing.access.keys.key_queries import add_key
from ticketing.access.sessions.session_queries import start_session
from ticketing.access.sessions.session_token import SESSION_COOKIE, new_token
from ticketing.access.users.user_queries import insert_user, list_users
from ticketing.app.container import open_application
from ticketing.app.web.server import build_server
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

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


@pytest.fixture(scope="session")
def open_test_application(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., AbstractContextManager[Application]]:
    """Return a function that opens an application on a database with a data folder.

    Other tests log elsewhere: the folder does not outlive its test.
    """
    later = tmp_path_factory.getbasetemp() / "later.jsonl"

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
        try:
            with open_application(settings) as application:
                yield application
        finally:
            json_logging.configure("INFO", later)

    return opened


class QuickTicks:
    """The module `asyncio`, with sleeps of a twentieth of the length."""

    def __getattr__(self, name: str) -> object:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        """Sleep for a twentieth of the time."""
        await asyncio.sleep(seconds / 20)


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., AbstractContextManager[str]]]:
    """Return a function that runs the web service on a port and yields its address.

    A patch, because uvicorn looks only ten times a second whether it shall stop, and whether its
    connections have ended: each of many hundred tests would wait 0.2 seconds.
    """
    patch = pytest.MonkeyPatch()
    patch.setattr(uvicorn.server, "asyncio", QuickTicks())

    @contextmanager
    def running(application: Application, port: int = 0) -> Iterator[str]:
        listening = socket.create_server(("127.0.0.1", port))
        server = build_server(application)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        assert server.started
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()
        listening.close()

    yield running
    patch.undo()


@pytest.fixture
def application(
    open_test_application: Callable[[str, Path], AbstractContextManager[Application]],
    database_url: str,
    tmp_path: Path,
) -> Iterator[Application]:
    """Open an application on the test database."""
    with open_test_application(database_url, tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def log_file(application: Application) -> Path:
    """Return the path of the service's log."""
    return application.settings.log_file


@pytest.fixture
def address(
    serve: Callable[[Application], AbstractContextManager[str]], application: Application
) -> Iterator[str]:
    """Return the address of the running service."""
    with serve(application) as where:
        yield where


@pytest.fixture
def key_of(database: Database) -> Callable[[Role], str]:
    """Return a function that creates an API key of a role."""

    def make(role: Role) -> str:
        return add_key(database, name=f"the {role}", role=role, by="test").secret

    return make


@pytest.fixture
def session_of(database: Database) -> Callable[..., str]:
    """Return a function that creates a user with a session, and returns the session's token.

    Rows only: hashing a password takes a tenth of a second.
    """

    def make(role: Role, event_ids: list[int] | None = None) -> str:
        token = new_token()
        values = {"role": role, "event_ids": event_ids, "password_hash": "-", "created_by": "test"}
        with database.transaction() as connection:
            count = len(list_users(connection))
            user = insert_user(connection, values | {"name": f"{role}-{count}"})
            assert user is not None
            start_session(connection, user.id, token, address="127.0.0.1", at=now())
        return token

    return make


@pytest.fixture
def signed_in(
    client_with: Callable[..., httpx.Client], session_of: Callable[..., str], address: str
) -> Callable[..., httpx.Client]:
    """Return a function that opens a client with the session of a new user, as a browser has it."""

    def client(role: Role, event_ids: list[int] | None = None) -> httpx.Client:
        cookie = f"{SESSION_COOKIE}={session_of(role, event_ids)}"
        return client_with(Cookie=cookie, Origin=address)

    return client


@pytest.fixture(scope="session")
def add_session() -> "Callable[[BrowserContext, str, str], None]":
    """Return a function that gives a browser the session with a token, at an address."""

    def add(context: "BrowserContext", address: str, token: str) -> None:
        # Chromium sends the secure cookie to this machine without TLS, too
        secure = address.replace("http:", "https:")
        context.add_cookies(
            [{"name": SESSION_COOKIE, "value": token, "url": secure, "secure": True}]
        )

    return add


@pytest.fixture
def client_with(address: str) -> Iterator[Callable[..., httpx.Client]]:
    """Return a function that opens clients with given headers."""
    opened: list[httpx.Client] = []

    def client(**headers: str) -> httpx.Client:
        opened.append(httpx.Client(base_url=address, headers=headers, timeout=60, verify=trusted()))
        return opened[-1]

    yield client
    for one in opened:
        one.close()


@pytest.fixture
def anonymous_client(client_with: Callable[..., httpx.Client]) -> httpx.Client:
    """Open a client without a key."""
    return client_with()


@pytest.fixture
def viewer(client_with: Callable[..., httpx.Client], key_of: Callable[[Role], str]) -> httpx.Client:
    """Open a client with a viewer's key."""
    return client_with(Authorization=f"Bearer {key_of(Role.VIEWER)}")


@pytest.fixture
def operator(
    client_with: Callable[..., httpx.Client], key_of: Callable[[Role], str]
) -> httpx.Client:
    """Open a client with an operator's key."""
    return client_with(Authorization=f"Bearer {key_of(Role.OPERATOR)}")


@pytest.fixture
def admin(client_with: Callable[..., httpx.Client], key_of: Callable[[Role], str]) -> httpx.Client:
    """Open a client with an admin's key."""
    return client_with(Authorization=f"Bearer {key_of(Role.ADMIN)}")


@pytest.fixture
def guests(database: Database, event: Event) -> list[int]:
    """Add three guests to the event; the second has a seat."""
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
def sell(database: Database, event: Event) -> Callable[..., int]:
    """Return a function that sells a ticket type (Rp50.000, five places) and returns its id."""

    def put_on_sale(name: str = "VIP", **terms: int) -> int:
        row = {"event_id": event.id, "name": name, "on_sale": True, "price": 50_000, "capacity": 5}
        with database.transaction() as connection:
            return connection.execute(
                insert(ticket_types).values(row | terms).returning(ticket_types.c.id)
            ).scalar_one()

    return put_on_sale


@pytest.fixture
def midtrans(unused_port: int) -> Iterator[MidtransSimulator]:
    """Start the simulated gateway with notifications to the shop."""
    notify = f"http://127.0.0.1:{unused_port}/api/payment/notification"
    with MidtransSimulator(notify, speed=3600) as simulator:
        yield simulator


@pytest.fixture
def shop_application(
    open_test_application: Callable[..., AbstractContextManager[Application]],
    midtrans: MidtransSimulator,
    database_url: str,
    tmp_path: Path,
) -> Iterator[Application]:
    """Open an application that sells through the simulated gateway."""
    more = {"midtrans_simulator_url": midtrans.url, "web_requests_a_minute": 10_000}
    with open_test_application(database_url, tmp_path / "data", **more) as opened:
        yield opened


@pytest.fixture
def shop(
    serve: Callable[..., AbstractContextManager[str]],
    shop_application: Application,
    unused_port: int,
) -> Iterator[httpx.Client]:
    """Open a client of the shop."""
    with (
        serve(shop_application, unused_port) as where,
        httpx.Client(base_url=where, timeout=60, verify=trusted()) as client,
    ):
        yield client


@pytest.fixture
def order(shop: httpx.Client, event: Event) -> Callable[..., dict[str, Any]]:
    """Return a function that orders places, as Sari by default; returns the response's data."""

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
    """Return a function that settles all stored notifications."""

    def run() -> Settlement:
        return settle(
            shop_application.database, shop_application.get(Midtrans), at=now(), by="test"
        )

    return run


@pytest.fixture
def paid(
    shop: httpx.Client,
    sell: Callable[..., int],
    order: Callable[..., dict[str, Any]],
    midtrans: MidtransSimulator,
    settle_all: Callable[[], Settlement],
) -> dict[str, Any]:
    """Create an order of two places at Rp50.000, paid by GoPay."""
    placed = order(sell(), 2)
    asked = {"orderId": placed["id"]}
    shop.post("/api/payment/create", json=asked, headers={"X-Order-Token": placed["token"]})
    key = midtrans.bank.sessions()[-1].order_id
    midtrans.push(key, "pay", "gopay")
    midtrans.notifications(at_least=2)
    settle_all()
    return placed | {"attempt": key}
