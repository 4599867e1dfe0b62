"""Fixtures: a shop with the simulated Midtrans, buyers, payments and notifications."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from subprocess import CompletedProcess

import pytest
from sqlalchemy import func, insert, select

from simulators.midtrans.server import MidtransSimulator
from tests.plugins.processes import ForkedProcess
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.documents.renderer import Renderer
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, Selection
from ticketing.platform.application import Application
from ticketing.platform.db import inbox
from ticketing.platform.db import notify as db_notify
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import Unavailable
from ticketing.platform.settings import Settings
from ticketing.selling.checkout.place_order import PlacedOrder, place_order
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.midtrans.snap_request import CheckoutItem, CheckoutRequest
from ticketing.tickets.generate import GenerationContext

PRICE = 50_000
PATIENCE_SECONDS = 90  # the machine may have other work
LOGGED_RESULTS = {"payments settled", "tickets made"}


@pytest.fixture
def midtrans() -> Iterator[MidtransSimulator]:
    """Start Midtrans without notifications; tests deliver them explicitly."""
    with MidtransSimulator() as simulator:
        yield simulator


@pytest.fixture
def settings(settings: Settings, midtrans: MidtransSimulator) -> Settings:
    """Add the simulated gateway to the settings."""
    return settings.model_copy(update={"midtrans_simulator_url": midtrans.url, "min_free_disk": 0})


@pytest.fixture
def process_environment(
    process_environment: dict[str, str], midtrans: MidtransSimulator
) -> dict[str, str]:
    """Add the simulated gateway to the environment of child processes."""
    return process_environment | {"MIDTRANS_SIMULATOR_URL": midtrans.url, "MIN_FREE_DISK": "0"}


@pytest.fixture
def gateway(application: Application) -> Iterator[Midtrans]:
    """Open our client of the gateway."""
    with application.get(Midtrans) as client:
        yield client


@pytest.fixture
def generation_context(application: Application) -> GenerationContext:
    """Return the dependencies of ticket generation."""
    return GenerationContext(
        application.database,
        application.get(KeyRing),
        application.get(Renderer),
        application.get(DocumentFolder),
    )


@pytest.fixture
def on_sale(database: Database, event: Event) -> int:
    """Sell a ticket type of a thousand places at Rp50.000."""
    with database.transaction() as connection:
        return connection.execute(
            insert(ticket_types)
            .values(event_id=event.id, name="Reguler", on_sale=True, price=PRICE, capacity=1000)
            .returning(ticket_types.c.id)
        ).scalar_one()


@pytest.fixture
def order_positions(database: Database, event: Event, on_sale: int) -> Callable[..., PlacedOrder]:
    """Return a function that places an order of a new buyer."""
    numbers = count(1)

    def order(places: int = 1, name: str = "Sari") -> PlacedOrder:
        number = next(numbers)
        address = f"buyer{number}@example.org"
        buyer = Buyer(f"email:{address}", name, address, "")
        return place_order(
            database,
            event,
            requested=[Selection(on_sale, places)],
            buyer=buyer,
            at=datetime.now(UTC),
            by="web",
        )

    return order


@pytest.fixture
def begin_payment(database: Database, gateway: Midtrans) -> Callable[[PlacedOrder], PaymentAttempt]:
    """Return a function that opens an order's payment page."""

    def begin(placed: PlacedOrder) -> PaymentAttempt:
        at = placed.order.expires_at - timedelta(minutes=60)
        with database.transaction() as connection:
            attempt = attempt_queries.get_or_insert_open(
                connection, order_queries.lock(connection, placed.order.id), at=at
            )
        quantity = placed.lines[0].quantity
        items = (CheckoutItem("REG", "Reguler", placed.lines[0].price, quantity),)
        gateway.create_checkout_session(CheckoutRequest(attempt.key, items, datetime.now(UTC), 60))
        return attempt

    return begin


@pytest.fixture
def notify(database: Database, midtrans: MidtransSimulator) -> Callable[[PaymentAttempt], None]:
    """Return a function that stores a notification of an attempt's current status."""
    numbers = count(1)

    def record(attempt: PaymentAttempt) -> None:
        body = json.dumps(midtrans.bank.status(attempt.key)).encode()
        with database.transaction() as connection:
            inbox.store_webhook(
                connection,
                provider="midtrans",
                unique_key=f"notice {next(numbers)}",
                external_reference=attempt.key,
                body=body,
                at=datetime.now(UTC),
            )

    return record


@pytest.fixture
def pay(
    order_positions: Callable[..., PlacedOrder],
    begin_payment: Callable[[PlacedOrder], PaymentAttempt],
    midtrans: MidtransSimulator,
    notify: Callable[[PaymentAttempt], None],
) -> Callable[..., PlacedOrder]:
    """Return a function that creates a paid order with a stored notification."""

    def paid(
        places: int = 1, *, name: str = "Sari", by: str = "bca_va", notified: bool = True
    ) -> PlacedOrder:
        placed = order_positions(places, name)
        attempt = begin_payment(placed)
        midtrans.push(attempt.key, "pay", by)
        if notified:
            notify(attempt)
        return placed

    return paid


@pytest.fixture
def count_printed(database: Database) -> Callable[[], int]:
    """Return a function that counts live tickets with a PDF."""

    def fetch() -> int:
        query = select(func.count()).where(
            generated_tickets.c.state == "live", generated_tickets.c.generated_at.is_not(None)
        )
        with database.transaction() as connection:
            return connection.execute(query).scalar_one()

    return fetch


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Return a function that waits until a condition is true."""

    def wait(true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not true() and time.monotonic() < deadline:
            time.sleep(0.02)

    return wait


@pytest.fixture
def is_worker_running(database: Database) -> Callable[[], bool]:
    """Return a function that checks whether a worker runs."""

    def fetch() -> bool:
        with suppress(Unavailable), database.transaction() as connection:
            return db_notify.is_worker_running(connection)
        return False

    return fetch


@pytest.fixture
def start_worker(
    process_environment: dict[str, str],
    is_worker_running: Callable[[], bool],
    wait_until: Callable[..., None],
    start_ticketing: Callable[..., ForkedProcess],
) -> Iterator[Callable[[], ForkedProcess]]:
    """Return a function that starts a worker and waits until it is ready."""
    workers = []

    def start() -> ForkedProcess:
        workers.append(start_ticketing("worker", environment=process_environment))
        wait_until(is_worker_running)
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()
        worker.wait()


@pytest.fixture
def ticketing(
    run_ticketing: Callable[..., CompletedProcess[str]], process_environment: dict[str, str]
) -> Callable[..., CompletedProcess[str]]:
    """Return a function that runs a command with additional environment variables."""

    def run(*arguments: str, **more: str) -> CompletedProcess[str]:
        return run_ticketing(*arguments, environment=process_environment | more)

    return run


@pytest.fixture
def log_messages(settings: Settings) -> Callable[[], list[str]]:
    """Return a function that reads the workers' log lines."""

    def read() -> list[str]:
        lines = settings.log_file.read_text(encoding="utf-8").splitlines()
        messages = [json.loads(line)["message"] for line in lines]
        return [message for message in messages if message in LOGGED_RESULTS]

    return read
