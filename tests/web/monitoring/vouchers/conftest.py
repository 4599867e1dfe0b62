"""Fixtures: voucher orders in every state of provisioning and delivery."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import insert, select, update

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.notifications.delivery import DeliveryState
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, Order, OrderState, Selection
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.notifications import deliveries, delivery_attempts
from ticketing.platform.db.tables.orders import order_lines
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.platform.http.services import now as clock
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.checkout.place_order import place_order
from ticketing.selling.payments.complete_order import complete_order
from ticketing.vouchers.model import VoucherState
from ticketing.vouchers.package_queries import StoredPackage
from ticketing.vouchers.packages import PackageTerms, put_package
from ticketing.vouchers.provisioning.router_admin import NewRouter, add_router


@pytest.fixture
def package(application: Application, event: Event) -> StoredPackage:
    """Create the package `5k` at Rp5.000 on the router `lobby`."""
    lobby = NewRouter("127.0.0.1", "ticketing", "simulator-password", 1, tls=False)
    add_router(application.database, application.get(KeyRing), "lobby", lobby, by="test")
    terms = PackageTerms(
        name="Paket 5 ribu", price=Rupiah(5_000), profile="1day", router="lobby",
        validity=timedelta(days=1),
    )  # fmt: skip
    return put_package(application.database, event, "5k", terms, at=clock(), by="test")


@pytest.fixture
def order_vouchers(database: Database, event: Event, package: StoredPackage) -> Callable[..., int]:
    """Return a function that orders vouchers, an hour ago by default; returns the purchase id."""
    numbers = count(1)

    def order_some(quantity: int = 1, *, ago: timedelta = timedelta(hours=1)) -> int:
        phone = f"+62812{next(numbers):08}"
        buyer = Buyer(key=f"tel:{phone}", name="Sari", email="", phone=phone)
        asked = [Selection(package.ticket_type_id, quantity)]
        return place_order(
            database, event, requested=asked, buyer=buyer, at=clock() - ago, by="web"
        ).order.id  # fmt: skip

    return order_some


@pytest.fixture
def end_order(database: Database) -> Callable[[int, OrderState], Order]:
    """Return a function that sets an order's final state."""

    def end(order_id: int, state: OrderState) -> Order:
        with database.transaction() as connection:
            order = order_queries.lock(connection, order_id)
            order_queries.update_state(connection, order, state, at=clock())
            return order_queries.lock(connection, order_id)

    return end


@pytest.fixture
def buy(database: Database, order_vouchers: Callable[..., int]) -> Callable[..., Order]:
    """Return a function that creates a paid voucher order, an hour ago by default."""

    def buy_some(quantity: int = 1, *, ago: timedelta = timedelta(hours=1)) -> Order:
        order_id = order_vouchers(quantity, ago=ago)
        with database.transaction() as connection:
            order = order_queries.lock(connection, order_id)
            complete_order(connection, order, attempt_id=None, at=clock() - ago, by="gateway")
            return order_queries.lock(connection, order_id)

    return buy_some


@pytest.fixture
def activate_vouchers(database: Database) -> Callable[..., None]:
    """Return a function that marks all or some vouchers of an order as active."""

    def make_some(order: Order, at_most: int = 1000) -> None:
        wanted = (
            select(vouchers.c.id)
            .join(order_lines, order_lines.c.id == vouchers.c.order_line_id)
            .where(order_lines.c.order_id == order.id)
            .order_by(vouchers.c.id)
            .limit(at_most)
        )
        present = {
            "state": VoucherState.ACTIVE, "activated_at": clock(), "next_attempt_at": None,
            "failed_at": None, "attempt_count": 0,
        }  # fmt: skip
        with database.transaction() as connection:
            connection.execute(update(vouchers).where(vouchers.c.id.in_(wanted)).values(present))

    return make_some


@pytest.fixture
def fail_order(database: Database) -> Callable[[Order], None]:
    """Return a function that marks an order's vouchers as failed after all retries."""

    def set_failed(order: Order) -> None:
        lines = select(order_lines.c.id).where(order_lines.c.order_id == order.id)
        still_owed = vouchers.c.state.in_((VoucherState.PENDING, VoucherState.PROVISIONING))
        asking = update(vouchers).where(vouchers.c.order_line_id.in_(lines), still_owed)
        with database.transaction() as connection:
            connection.execute(asking.values(state=VoucherState.PROVISIONING))
        with database.transaction() as connection:
            connection.execute(
                asking.values(
                    state=VoucherState.PENDING, attempt_count=4, failed_at=clock(),
                    last_error="lobby gave no answer",
                    next_attempt_at=clock() + timedelta(minutes=10),
                )
            )  # fmt: skip

    return set_failed


@pytest.fixture
def send(database: Database) -> Callable[[Order, DeliveryState], int]:
    """Return a function that creates a WhatsApp delivery in a given state; returns its id."""

    def send_codes(order: Order, state: DeliveryState) -> int:
        phone = order.buyer.phone if order.buyer else ""
        with database.transaction() as connection:
            message = connection.execute(
                insert(outbox)
                .values(
                    event_id=order.event_id,
                    purpose="voucher.ready",
                    subject=order.code,
                    recipient=phone,
                    payload={"order": order.code},
                    processed_at=clock(),
                )
                .returning(outbox.c.id)
            ).scalar_one()
            ended = clock() if state.rank >= DeliveryState.SENT.rank else None
            delivery_id = connection.execute(
                insert(deliveries)
                .values(
                    outbox_id=message,
                    event_id=order.event_id,
                    channel="whatsapp",
                    address=phone,
                    state=state,
                    attempt_count=1,
                    queued_at=clock(),
                    completed_at=ended,
                    next_attempt_at=clock() if state is DeliveryState.ERROR else None,
                )
                .returning(deliveries.c.id)
            ).scalar_one()
            connection.execute(
                insert(delivery_attempts).values(
                    delivery_id=delivery_id,
                    number=1,
                    channel="whatsapp",
                    reference="r",
                    started_at=clock(),
                    completed_at=ended,
                    state=state,
                    reason="not on WhatsApp" if state is DeliveryState.FAILED else "",
                )
            )
            return delivery_id

    return send_codes
