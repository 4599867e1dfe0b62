"""Tests of placing an order of one ticket type in one statement: all rows or none are written."""

import time
from collections.abc import Callable
from datetime import datetime
from threading import Thread

import pytest
from sqlalchemy import func, select, text, update

from ticketing.catalogue import stock_queries
from ticketing.catalogue.stock import Stock
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Buyer, OrderLine, Selection
from ticketing.orders.queries import NewOrder
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.ledger import order_ledger
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.orders import order_lines
from ticketing.platform.db.tables.orders import orders as orders_table
from ticketing.platform.kernel.errors import LimitExceeded, NotOnSale, SoldOut, TicketingError
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.checkout import place_order_queries
from ticketing.selling.checkout.order_view_queries import get_order_view
from ticketing.selling.checkout.place_order import PlacedOrder

Place = Callable[..., PlacedOrder]
PlaceSimple = Callable[[int, int, Buyer], tuple[int, str, OrderLine] | None]


@pytest.fixture
def place_simple(database: Database, event: Event, now: datetime) -> PlaceSimple:
    """Return a function that places an order in one statement, or not at all."""

    def place(ticket_type_id: int, places: int, buyer: Buyer) -> tuple[int, str, OrderLine] | None:
        new = NewOrder(event.id, "ORD-PLAIN", bytes(32), now, now, buyer=buyer)
        return place_order_queries.insert_simple_order(
            database, new, Selection(ticket_type_id, places), by="web"
        )

    return place


@pytest.fixture
def count_written(database: Database) -> Callable[[], dict[str, int]]:
    """Return a function that counts the rows of each table that orders write."""

    def count() -> dict[str, int]:
        with database.transaction() as connection:
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (orders_table, order_lines, audit_log, order_ledger)
            }

    return count


@pytest.fixture
def wait_for_blocked_session(database: Database) -> Callable[[], None]:
    """Return a function that waits until a database session waits for a lock."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    def wait() -> None:
        deadline = time.monotonic() + 60
        seen = 0
        while not seen and time.monotonic() < deadline:
            time.sleep(0.02)
            with database.transaction() as connection:
                seen = connection.execute(waiting).scalar_one()
        assert seen

    return wait


NOTHING_WRITTEN = {"orders": 0, "order_lines": 0, "audit_log": 0, "order_ledger": 0}


def test_order_line_audit_entry_and_ledger_entry_are_written(
    *, database: Database, sell: Callable[..., int], place: Place, sari: Buyer,
    count_written: Callable[[], dict[str, int]], stock_of: Callable[[int], Stock],
) -> None:  # fmt: skip
    seat = sell("Seat", capacity=10, max_per_order=4, max_per_buyer=4)

    placed = place((seat, 3), buyer=sari)

    assert placed.view == get_order_view(database, placed.order.id)
    assert placed.lines == (OrderLine(seat, 3, Rupiah(50_000)),)
    assert stock_of(seat) == Stock(10, 3, 0)
    assert count_written() == dict.fromkeys(NOTHING_WRITTEN, 1)


def test_audit_entry_and_ledger_entry_name_the_actor(
    database: Database, sell: Callable[..., int], place: Place, sari: Buyer
) -> None:
    placed = place((sell("Seat"), 3), buyer=sari, by="counter")

    with database.transaction() as connection:
        trace = connection.execute(select(audit_log)).one()
        entry = connection.execute(select(order_ledger)).one()
    assert (trace.actor, trace.action, trace.items) == ("counter", "orders.place", 3)
    assert trace.subject == placed.order.code
    assert (entry.actor, entry.kind, entry.sale) == ("counter", "order.placed", 150_000)


@pytest.mark.parametrize(
    "terms",
    [
        {"capacity": 1},
        {"max_per_order": 1},
        {"max_per_buyer": 1},
        {"on_sale": False},
        {"price": 0},
    ],
)
def test_an_order_that_needs_the_general_path_writes_nothing(
    *, sell: Callable[..., int], place_simple: PlaceSimple, sari: Buyer, terms: dict[str, int],
    count_written: Callable[[], dict[str, int]], stock_of: Callable[[int], Stock],
) -> None:  # fmt: skip
    seat = sell("Seat", **terms)

    assert place_simple(seat, 2, sari) is None

    assert count_written() == NOTHING_WRITTEN
    assert stock_of(seat).pending == 0


@pytest.mark.parametrize(
    ("terms", "refusal", "message"),
    [
        ({"capacity": 1}, SoldOut, "2 places requested, 1 left"),
        ({"max_per_order": 1}, LimitExceeded, "in one order"),
        ({"max_per_buyer": 1}, LimitExceeded, "for one buyer"),
        ({"on_sale": False}, NotOnSale, "not on sale"),
    ],
)
def test_a_refused_order_has_a_reason(
    *, sell: Callable[..., int], place: Place, sari: Buyer, terms: dict[str, int],
    refusal: type[TicketingError], message: str,
) -> None:  # fmt: skip
    seat = sell("Seat", **terms)

    with pytest.raises(refusal, match=message):
        place((seat, 2), buyer=sari)


def test_a_buyer_who_is_named_later_is_counted_later(
    sell: Callable[..., int], place: Place, stock_of: Callable[[int], Stock]
) -> None:
    seat = sell("Seat", max_per_buyer=1)

    place((seat, 2))

    assert stock_of(seat).pending == 2


@pytest.mark.parametrize(
    "meanwhile", [{"price": 60_000}, {"on_sale": False}, {"capacity": 1}, {"max_per_order": 1}]
)
def test_changes_made_while_the_order_waits_for_the_lock_apply(
    *, database: Database, sell: Callable[..., int], place_simple: PlaceSimple, sari: Buyer,
    meanwhile: dict[str, int], count_written: Callable[[], dict[str, int]],
    wait_for_blocked_session: Callable[[], None],
) -> None:  # fmt: skip
    seat, found = sell("Seat", capacity=10), list[object]()
    buying = Thread(target=lambda: found.append(place_simple(seat, 2, sari)))

    with database.transaction() as connection:
        connection.execute(update(ticket_types).values(meanwhile))
        buying.start()
        wait_for_blocked_session()
    buying.join()

    assert found == [None]
    assert count_written() == NOTHING_WRITTEN


def test_places_the_buyer_took_while_the_order_waited_for_the_lock_count(
    *, database: Database, event: Event, now: datetime, sell: Callable[..., int],
    place_simple: PlaceSimple, sari: Buyer, wait_for_blocked_session: Callable[[], None],
    stock_of: Callable[[int], Stock],
) -> None:  # fmt: skip
    seat, found = sell("Seat", max_per_buyer=3), list[object]()
    buying = Thread(target=lambda: found.append(place_simple(seat, 2, sari)))

    with database.transaction() as connection:
        line = OrderLine(seat, 2, Rupiah(50_000))
        new = NewOrder(event.id, "ORD-FIRST", b"1" * 32, now, now, (line,), line.amount, buyer=sari)
        first = order_queries.insert_order(connection, new)
        stock_queries.reserve(connection, line, first.id)
        buying.start()
        wait_for_blocked_session()
    buying.join()

    assert found == [None]
    assert stock_of(seat).pending == 2
