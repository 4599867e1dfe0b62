"""Tests of hundreds of concurrent buyers who order, pay, name themselves late and cancel."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, insert, select

from ticketing.catalogue import promo_queries, stock_queries
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, OrderState, Selection
from ticketing.orders.payment_attempt import AttemptState, PaymentStatus
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import promos
from ticketing.platform.db.tables.orders import order_lines
from ticketing.platform.db.tables.orders import orders as orders_table
from ticketing.platform.db.tables.roster import entitlements
from ticketing.platform.kernel.errors import LimitExceeded, PromoRefused, SoldOut
from ticketing.platform.kernel.money import ZERO
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.place_order import place_order
from ticketing.selling.checkout.set_buyer import set_order_buyer
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.record_payment import record_payment

pytestmark = pytest.mark.slow

BUYERS, AT_ONCE = 400, 40
SEATS, PARKING, PROMO_USES, MOST_OF_A_BUYER = 250, 40, 25, 4
LIVE = orders_table.c.state.in_([OrderState.PENDING, OrderState.PAID])


@pytest.fixture
def pooled_database(database_url: str) -> Iterator[Database]:
    """Open a database with a connection for each concurrent buyer."""
    wide = Database.from_url(database_url, max_connections=AT_ONCE)
    yield wide
    wide.dispose()


@pytest.fixture
def outcomes(
    pooled_database: Database, event: Event, sell: Callable[..., int], now: datetime
) -> list[str]:
    """Return the outcomes of 400 buyers with 100 different addresses."""
    seat = sell("Seat", capacity=SEATS, max_per_buyer=MOST_OF_A_BUYER)
    parking = sell("Parking", capacity=PARKING, price=5_000)
    with pooled_database.transaction() as connection:
        promo = {"event_id": event.id, "code": "HEMAT", "kind": "percent", "value": 10}
        terms = {"valid_from": now, "valid_until": now + timedelta(days=1)}
        connection.execute(insert(promos).values(promo | terms | {"max_uses": PROMO_USES}))

    def pay(order_id: int) -> None:
        with pooled_database.transaction() as connection:
            attempt = attempt_queries.get_or_insert_open(
                connection, order_queries.lock(connection, order_id), at=now
            )
        for state in (AttemptState.SETTLED, AttemptState.PENDING):
            said = PaymentStatus(attempt.key, f"tx-{attempt.key}", state, attempt.amount, ZERO)
            with pooled_database.transaction() as connection:
                record_payment(connection, attempt, said, at=now, by="sensor")

    def buy(number: int) -> str:
        chance = random.Random(number)  # noqa: S311 - which buyer does what
        address = f"buyer{number % 100}@example.org"
        buyer = Buyer(f"email:{address}", "Somebody", address, "")
        asked = [Selection(seat, chance.randint(1, 3)), Selection(parking, 1)]
        known = chance.random() < 0.5
        try:
            placed = place_order(
                pooled_database,
                event,
                requested=chance.sample(asked, 2) if chance.random() < 0.2 else asked[:1],
                buyer=buyer if known else None,
                promo="HEMAT" if chance.random() < 0.3 else None,
                at=now,
                by="web",
            )
            if not known:
                set_order_buyer(pooled_database, placed.order.id, buyer=buyer, at=now, by="web")
        except (SoldOut, LimitExceeded, PromoRefused) as refusal:
            return type(refusal).__name__
        if chance.random() < 0.4:
            pay(placed.order.id)
            return "paid"
        if chance.random() < 0.3:
            cancel_order(pooled_database, placed.order.id, at=now, by="web")
            return "cancelled"
        return "waits"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(buy, range(BUYERS)))


def test_no_capacity_limit_or_promo_code_is_exceeded(
    outcomes: list[str], database: Database, event: Event, count_entitled: Callable[[], int]
) -> None:
    places = select(func.sum(order_lines.c.quantity)).select_from(
        order_lines.join(orders_table, orders_table.c.id == order_lines.c.order_id)
    )
    of_buyers = places.where(LIVE, orders_table.c.buyer_key != "", order_lines.c.price == 50_000)
    with database.transaction() as connection:
        drifted = stock_queries.list_drifted(connection, event.id)
        miscounted = promo_queries.list_miscounted_codes(connection, event.id)
        sold = connection.execute(places.where(orders_table.c.state == "paid")).scalar_one()
        most = max(connection.execute(of_buyers.group_by(orders_table.c.buyer_key)).scalars())
        used = connection.execute(select(promos.c.used)).scalar_one()

    assert {"paid", "cancelled", "waits", "SoldOut", "LimitExceeded", "PromoRefused"} == set(
        outcomes
    )
    assert (drifted, miscounted) == ([], [])
    assert (count_entitled(), most, used) == (sold, MOST_OF_A_BUYER, PROMO_USES)


@pytest.mark.usefixtures("outcomes")
def test_unpaid_places_are_available_again_after_an_hour(
    database: Database,
    event: Event,
    now: datetime,
    gateway: object,
    count_entitled: Callable[[], int],
) -> None:
    entitled = count_entitled()

    expire_orders(database, gateway, at=now + timedelta(hours=2), by="sensor")

    with database.transaction() as connection:
        waiting = connection.execute(
            select(func.count()).where(orders_table.c.state == OrderState.PENDING)
        ).scalar_one()
        drifted = stock_queries.list_drifted(connection, event.id)
        free = stock_queries.get_stock(connection, 1).available
        seats = connection.execute(
            select(func.count()).where(entitlements.c.source == "order")
        ).scalar_one()
    assert (waiting, drifted) == (0, [])
    assert free is not None
    assert free > 0
    assert seats == entitled
