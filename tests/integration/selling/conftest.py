"""Fixtures: ticket types on sale, orders, and the remaining stock."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import func, insert, select

from ticketing.catalogue import stock_queries
from ticketing.catalogue.stock import Stock
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders import review_flag_queries
from ticketing.orders.order import Buyer, OrderState, ReviewFlag, Selection
from ticketing.orders.payment_attempt import AttemptState, PaymentStatus
from ticketing.platform.db import inbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.orders import orders as orders_table
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.roster import entitlements
from ticketing.platform.kernel.money import ZERO, Rupiah
from ticketing.selling.checkout.place_order import PlacedOrder, place_order
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.settle import Settlement, settle


@pytest.fixture
def sell(database: Database, event: Event) -> Callable[..., int]:
    """Return a function that sells a ticket type (Rp50.000, unlimited) and returns its id."""

    def put_on_sale(name: str, **terms: int) -> int:
        with database.transaction() as connection:
            return connection.execute(
                insert(ticket_types)
                .values(
                    {"event_id": event.id, "name": name, "on_sale": True, "price": 50_000} | terms
                )
                .returning(ticket_types.c.id)
            ).scalar_one()

    return put_on_sale


@pytest.fixture
def place(database: Database, event: Event, now: datetime) -> Callable[..., PlacedOrder]:
    """Return a function that places an order for (ticket type, quantity) pairs."""

    def place_one(*asked: tuple[int, int], **more: object) -> PlacedOrder:
        wanted = [Selection(*pair) for pair in asked]
        return place_order(database, event, requested=wanted, **{"at": now, "by": "web"} | more)

    return place_one


@pytest.fixture
def stock_of(database: Database) -> Callable[[int], Stock]:
    """Return a function that reads the stock of a ticket type."""

    def fetch(ticket_type_id: int) -> Stock:
        with database.transaction() as connection:
            return stock_queries.get_stock(connection, ticket_type_id)

    return fetch


class GatewayStub:
    """Gateway stub: the last status set for each payment attempt."""

    def __init__(self) -> None:
        self.by_key: dict[str, PaymentStatus | Exception] = {}
        self.closed: list[str] = []

    def get_payment_status(self, attempt_key: str, _: Collection[str] = ()) -> PaymentStatus | None:
        answer = self.by_key.get(attempt_key)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def expire_checkout_session(self, token: str) -> None:
        self.closed.append(token)

    def cancel(self, order_id: str, _: Collection[str] = ()) -> None:
        raise AssertionError(f"{order_id} has no page that cannot be closed")


@pytest.fixture
def gateway() -> GatewayStub:
    """Return a gateway stub without payments."""
    return GatewayStub()


@pytest.fixture
def set_payment_status(gateway: GatewayStub) -> Callable[..., None]:
    """Return a function that sets the status of a payment attempt."""

    def set_status(
        attempt: PaymentAttempt,
        state: AttemptState,
        *,
        amount: int | None = None,
        refunded: int = 0,
    ) -> None:
        gateway.by_key[attempt.key] = PaymentStatus(
            attempt_key=attempt.key,
            transaction_id=f"tx-{attempt.key}",
            state=state,
            amount=attempt.amount if amount is None else Rupiah(amount),
            refunded=Rupiah(refunded) if refunded else ZERO,
        )

    return set_status


@pytest.fixture
def begin_payment(database: Database, now: datetime) -> Callable[[PlacedOrder], PaymentAttempt]:
    """Return a function that starts the payment of an order."""

    def begin(placed: PlacedOrder) -> PaymentAttempt:
        with database.transaction() as connection:
            return attempt_queries.get_or_insert_open(
                connection, order_queries.lock(connection, placed.order.id), at=now
            )

    return begin


@pytest.fixture
def store_notification(database: Database, now: datetime) -> Callable[..., bool]:
    """Return a function that stores a notification; False if it was stored before."""

    def keep(subject: str, unique_key: str, body: bytes = b'{"order_id": "..."}') -> bool:
        with database.transaction() as connection:
            return inbox.store_webhook(
                connection,
                provider="midtrans",
                unique_key=unique_key,
                external_reference=subject,
                body=body,
                at=now,
            )

    return keep


@pytest.fixture
def state_of(database: Database) -> Callable[[PlacedOrder], OrderState]:
    """Return a function that reads an order's state."""

    def fetch(placed: PlacedOrder) -> OrderState:
        query = select(orders_table.c.state).where(orders_table.c.id == placed.order.id)
        with database.transaction() as connection:
            return OrderState(connection.execute(query).scalar_one())

    return fetch


@pytest.fixture
def sari() -> Buyer:
    """Return a buyer with an e-mail address and a phone number."""
    return Buyer("email:sari@example.org", "Sari Wulandari", "sari@example.org", "+628111111111")


@pytest.fixture
def budi() -> Buyer:
    """Return another buyer without a phone number."""
    return Buyer("email:budi@example.org", "Budi", "budi@example.org", "")


@pytest.fixture
def settle_all(
    database: Database, gateway: GatewayStub, now: datetime
) -> Callable[..., Settlement]:
    """Return a function that settles all notifications, `hours` later."""

    def run(hours: int = 0) -> Settlement:
        return settle(database, gateway, at=now + timedelta(hours=hours), by="sensor")

    return run


@pytest.fixture
def receive_status(
    store_notification: Callable[..., bool],
    set_payment_status: Callable[..., None],
    settle_all: Callable[..., Settlement],
) -> Callable[..., Settlement]:
    """Return a function that sets a status, stores a notification and settles it."""
    numbers = count()

    def settle_status(attempt: PaymentAttempt, state: AttemptState, **more: int) -> Settlement:
        set_payment_status(attempt, state, **more)
        store_notification(attempt.key, f"notice {next(numbers)}")
        return settle_all()

    return settle_status


@pytest.fixture
def flags(database: Database, event: Event) -> Callable[[], list[ReviewFlag]]:
    """Return a function that reads the event's open review flags."""

    def fetch() -> list[ReviewFlag]:
        with database.transaction() as connection:
            return [raised.flag for raised in review_flag_queries.list_open(connection, event.id)]

    return fetch


@pytest.fixture
def messages(database: Database) -> Callable[[], list[tuple[str, str]]]:
    """Return a function that reads purpose and recipient of every outbox row."""

    def fetch() -> list[tuple[str, str]]:
        query = select(outbox.c.purpose, outbox.c.recipient).order_by(outbox.c.id)
        with database.transaction() as connection:
            return [(row.purpose, row.recipient) for row in connection.execute(query)]

    return fetch


@pytest.fixture
def count_entitled(database: Database) -> Callable[[], int]:
    """Return a function that counts entitlements from orders."""

    def fetch() -> int:
        query = select(func.count()).where(
            entitlements.c.source == "order", entitlements.c.state == "entitled"
        )
        with database.transaction() as connection:
            return connection.execute(query).scalar_one()

    return fetch
