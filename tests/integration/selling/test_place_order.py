"""Tests of placing orders on a real database: places are reserved, sold and released once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, insert, select, update

from ticketing.catalogue import promo_queries, stock_queries
from ticketing.catalogue.stock import Stock
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.holds import HoldLimits
from ticketing.orders.order import Buyer, OrderState, Selection
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import promos, ticket_types
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.orders import orders as orders_table
from ticketing.platform.db.tables.orders import promo_redemptions
from ticketing.platform.kernel.errors import (
    ImpossibleTransition,
    LimitExceeded,
    NotOnSale,
    PromoRefused,
    SoldOut,
    UnknownOrder,
)
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.place_order import (
    PlacedOrder,
    hash_order_token,
    place_order,
)
from ticketing.selling.checkout.set_buyer import set_order_buyer

Sell = Callable[..., int]
Place = Callable[..., PlacedOrder]
StockOf = Callable[[int], Stock]

SARI = Buyer("email:sari@example.org", "Sari Wulandari", "sari@example.org", "+628111111111")
BUDI = Buyer("email:budi@example.org", "Budi", "budi@example.org", "")


@pytest.fixture
def add_promo(database: Database, event: Event, now: datetime) -> Callable[..., int]:
    """Return a function that adds the promo code HEMAT, by default 10 % for a day."""

    def add(**terms: object) -> int:
        hemat = {"code": "HEMAT", "kind": "percent", "value": 10, "valid_from": now}
        hemat |= {"valid_until": now + timedelta(days=1), "event_id": event.id}
        with database.transaction() as connection:
            return connection.execute(
                insert(promos).values(hemat | terms).returning(promos.c.id)
            ).scalar_one()

    return add


@pytest.fixture
def uses_of(database: Database) -> Callable[[int], tuple[int, int]]:
    """Return a function that reads a promo code's use counter and its redemptions."""

    def count(promo_id: int) -> tuple[int, int]:
        live = (promo_redemptions.c.promo_id == promo_id) & promo_redemptions.c.released_at.is_(
            None
        )
        with database.transaction() as connection:
            used = connection.execute(
                select(promos.c.used).where(promos.c.id == promo_id)
            ).scalar_one()
            rows = connection.execute(
                select(func.count()).select_from(promo_redemptions).where(live)
            )
            return used, rows.scalar_one()

    return count


def test_an_order_reserves_its_places_for_an_hour(
    sell: Sell, place: Place, stock_of: StockOf, now: datetime, sari: Buyer
) -> None:
    graduate, guest = sell("Graduate", price=150_000), sell("Guest", price=50_000, capacity=10)

    placed = place((guest, 3), (graduate, 1), buyer=sari)

    assert placed.order.state is OrderState.PENDING
    assert placed.order.total == Rupiah(300_000)
    assert placed.order.expires_at == now + timedelta(minutes=60)
    assert stock_of(guest) == Stock(10, 3, 0)
    assert stock_of(graduate) == Stock(None, 1, 0)


def test_an_order_is_found_by_its_token_and_the_token_is_not_stored(
    database: Database, sell: Sell, place: Place
) -> None:
    placed = place((sell("Guest"), 1))

    with database.transaction() as connection:
        assert (
            order_queries.get_by_token(connection, hash_order_token(placed.token)).id
            == placed.order.id
        )
        stored = repr(connection.execute(select(orders_table)).all())
        with pytest.raises(UnknownOrder):
            order_queries.get_by_token(connection, hash_order_token("another"))
    assert placed.token not in stored
    assert placed.token not in repr(placed)


def test_an_order_above_the_available_places_is_refused_with_their_number(
    sell: Sell, place: Place, stock_of: StockOf
) -> None:
    graduate, guest = sell("Graduate"), sell("Guest", capacity=5)
    place((guest, 3))

    with pytest.raises(SoldOut, match="Guest: 3 places requested, 2 left") as refusal:
        place((graduate, 1), (guest, 3))

    assert refusal.value.details == {"ticket_type_id": guest, "available": 2}
    assert stock_of(guest) == Stock(5, 3, 0)
    assert stock_of(graduate) == Stock(None, 0, 0)


@pytest.mark.parametrize("others", [0, 1])
def test_an_order_has_at_most_the_default_number_of_places_of_types_without_an_own_limit(
    sell: Sell, place: Place, stock_of: StockOf, others: int
) -> None:
    guest, group = sell("Guest", capacity=432), sell("Group", max_per_order=50)
    holds, other_types = HoldLimits(per_order=10), [(sell("Other"), 1)] * others

    place((guest, 10 - others), (group, 50), *other_types, holds=holds)
    with pytest.raises(LimitExceeded, match="11 places in one order; at most 10"):
        place((guest, 11 - others), *other_types, holds=holds)

    assert stock_of(guest).pending == 10 - others


def test_a_type_of_a_roster_is_not_on_sale(database: Database, event: Event, place: Place) -> None:
    with database.transaction() as connection:
        roster_type = connection.execute(
            insert(ticket_types)
            .values(event_id=event.id, name="Graduate")
            .returning(ticket_types.c.id)
        ).scalar_one()

    with pytest.raises(NotOnSale, match="not on sale"):
        place((roster_type, 1))


def test_another_event_s_type_is_not_on_sale(
    database: Database, other_event: Event, sell: Sell, now: datetime
) -> None:
    with pytest.raises(NotOnSale, match="not on sale for this event"):
        place_order(
            database, other_event, requested=[Selection(sell("Guest"), 1)], at=now, by="web"
        )


def test_an_event_that_is_over_sells_nothing(database: Database, event: Event, sell: Sell) -> None:
    with pytest.raises(NotOnSale, match="is over"):
        place_order(
            database, event, requested=[Selection(sell("Guest"), 1)], at=event.ends_at, by="web"
        )


def test_a_cancelled_order_releases_everything_once(
    database: Database, sell: Sell, place: Place, stock_of: StockOf, add_promo: Callable[..., int],
    uses_of: Callable[[int], tuple[int, int]], now: datetime,
) -> None:  # fmt: skip
    guest, promo_id = sell("Guest", capacity=10, price=50_000), add_promo()
    placed = place((guest, 3), promo="hemat")
    assert (stock_of(guest), uses_of(promo_id)) == (Stock(10, 3, 0), (1, 1))

    first = cancel_order(database, placed.order.id, at=now, by="web")
    again = cancel_order(database, placed.order.id, at=now, by="web")

    assert first.state is again.state is OrderState.CANCELLED
    assert (stock_of(guest), uses_of(promo_id)) == (Stock(10, 0, 0), (0, 0))
    with database.transaction() as connection:
        audit_entries = connection.execute(select(audit_log.c.action).order_by(audit_log.c.id))
        assert audit_entries.scalars().all() == ["orders.place", "orders.cancel"]


@pytest.mark.parametrize("promo", ["HEMAT", " hemat "])
def test_a_promo_code_lowers_the_total(
    sell: Sell, place: Place, add_promo: Callable[..., int], promo: str
) -> None:
    add_promo()

    placed = place((sell("Guest", price=50_000), 3), promo=promo)

    assert placed.order.total == Rupiah(135_000)


def test_an_unknown_promo_code_is_refused_and_nothing_is_reserved(
    sell: Sell, place: Place, stock_of: StockOf
) -> None:
    guest = sell("Guest", capacity=10)

    with pytest.raises(PromoRefused, match="no promo code GRATIS"):
        place((guest, 1), promo="gratis")

    assert stock_of(guest) == Stock(10, 0, 0)


def test_the_most_places_of_one_order(sell: Sell, place: Place, stock_of: StockOf) -> None:
    guest = sell("Guest", capacity=10, max_per_order=4)

    with pytest.raises(LimitExceeded):
        place((guest, 2), (guest, 3))
    place((guest, 4))

    assert stock_of(guest) == Stock(10, 4, 0)


def test_the_most_places_of_one_buyer_count_all_their_live_orders(
    database: Database, sell: Sell, place: Place, now: datetime
) -> None:
    guest = sell("Guest", max_per_buyer=4)
    first = place((guest, 3), buyer=SARI)
    place((guest, 3), buyer=BUDI)

    with pytest.raises(LimitExceeded, match="5 places for one buyer; at most 4"):
        place((guest, 2), buyer=SARI)
    cancel_order(database, first.order.id, at=now, by="web")

    assert place((guest, 2), buyer=SARI).order.buyer == SARI


def test_the_limit_per_buyer_applies_to_a_buyer_named_later(
    database: Database, sell: Sell, place: Place, now: datetime
) -> None:
    guest = sell("Guest", max_per_buyer=4)
    place((guest, 3), buyer=SARI)
    anonymous = place((guest, 2))

    with pytest.raises(LimitExceeded):
        set_order_buyer(database, anonymous.order.id, buyer=SARI, at=now, by="web")
    named = set_order_buyer(database, anonymous.order.id, buyer=BUDI, at=now, by="web")
    again = set_order_buyer(database, anonymous.order.id, buyer=BUDI, at=now, by="web")

    assert named == again
    with database.transaction() as connection:
        assert order_queries.lock(connection, anonymous.order.id).buyer == BUDI


def test_the_buyer_of_a_cancelled_order_stays(
    database: Database, sell: Sell, place: Place, now: datetime
) -> None:
    placed = place((sell("Guest"), 1), buyer=SARI)
    cancel_order(database, placed.order.id, at=now, by="web")

    with pytest.raises(ImpossibleTransition):
        set_order_buyer(database, placed.order.id, buyer=BUDI, at=now, by="web")


def test_concurrent_buyers_never_oversell_a_type(
    database: Database, event: Event, sell: Sell, place: Place, stock_of: StockOf
) -> None:
    seats, parking = sell("Seat", capacity=50), sell("Parking", capacity=30)

    def buy(number: int) -> int:
        wanted = [(seats, 1 + number % 3), (parking, number % 2)]
        wanted.sort(key=lambda pair: pair[0], reverse=number % 5 == 0)
        try:
            return sum(line.quantity for line in place(*filter(lambda w: w[1], wanted)).lines)
        except SoldOut:
            return 0

    with ThreadPoolExecutor(12) as pool:
        served = sum(pool.map(buy, range(150)))

    held = [stock_of(kind) for kind in (seats, parking)]
    assert held[0].pending == 50
    assert held[1].pending <= 30
    assert served == held[0].pending + held[1].pending
    with database.transaction() as connection:
        assert stock_queries.list_drifted(connection, event.id) == []


def test_a_promo_code_is_not_used_more_often_than_allowed_by_many_at_once(
    sell: Sell, place: Place, stock_of: StockOf, add_promo: Callable[..., int],
    uses_of: Callable[[int], tuple[int, int]],
) -> None:  # fmt: skip
    guest, promo_id = sell("Guest", capacity=100), add_promo(max_uses=3)

    def buy(_: int) -> int:
        try:
            return len(place((guest, 1), promo="HEMAT").lines)
        except PromoRefused:
            return 0

    with ThreadPoolExecutor(8) as pool:
        served = sum(pool.map(buy, range(24)))

    assert served == 3
    assert uses_of(promo_id) == (3, 3)
    assert stock_of(guest).pending == 3


def test_concurrent_orders_of_one_buyer_stay_within_the_limit(
    sell: Sell, place: Place, stock_of: StockOf
) -> None:
    guest = sell("Guest", max_per_buyer=4)

    def buy(_: int) -> int:
        try:
            return len(place((guest, 1), buyer=SARI).lines)
        except LimitExceeded:
            return 0

    with ThreadPoolExecutor(8) as pool:
        served = sum(pool.map(buy, range(24)))

    assert served == 4
    assert stock_of(guest).pending == 4


@pytest.mark.parametrize("wrong", [{"pending": 4}, {"sold": 1}, {"capacity": 2}])
@pytest.mark.usefixtures("fresh_database_url")
def test_a_wrong_stock_count_is_found(
    database: Database, event: Event, sell: Sell, place: Place, wrong: dict[str, int]
) -> None:
    guest = sell("Guest", capacity=10)
    place((guest, 3))
    with database.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE ticket_types DROP CONSTRAINT ck_ticket_types_stock")
        connection.execute(ticket_types.update().values(wrong))

    with database.transaction() as connection:
        found = stock_queries.list_drifted(connection, event.id)

    assert [drift.ticket_type_id for drift in found] == [guest]
    assert (found[0].pending_by_orders, found[0].sold_by_orders) == (3, 0)


@pytest.mark.parametrize("wrong", [{"used": 0}, {"used": 3}, {"max_uses": 1}])
@pytest.mark.usefixtures("fresh_database_url")
def test_a_wrong_promo_code_count_is_found(
    *,
    database: Database,
    event: Event,
    sell: Sell,
    place: Place,
    add_promo: Callable[..., int],
    wrong: dict[str, int],
) -> None:
    guest = sell("Guest")
    add_promo(max_uses=5)
    add_promo(code="UNUSED")
    place((guest, 1), promo="HEMAT")
    place((guest, 1), promo="HEMAT")
    with database.transaction() as connection:
        before = promo_queries.list_miscounted_codes(connection, event.id)
        connection.exec_driver_sql("ALTER TABLE promos DROP CONSTRAINT ck_promos_used")
        connection.execute(update(promos).where(promos.c.code == "HEMAT").values(wrong))

    with database.transaction() as connection:
        assert (before, promo_queries.list_miscounted_codes(connection, event.id)) == (
            [],
            ["HEMAT"],
        )
