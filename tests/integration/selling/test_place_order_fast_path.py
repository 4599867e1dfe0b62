"""An order of one ticket type goes to PostgreSQL in one piece: all of it is there, or nothing."""

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
Plainly = Callable[[int, int, Buyer], tuple[int, str, OrderLine] | None]


@pytest.fixture
def plainly(database: Database, event: Event, now: datetime) -> Plainly:
    """Places an order of a ticket type for a buyer, in one piece or not at all."""

    def place(ticket_type_id: int, places: int, buyer: Buyer) -> tuple[int, str, OrderLine] | None:
        new = NewOrder(event.id, "ORD-PLAIN", bytes(32), now, now, buyer=buyer)
        return place_order_queries.insert_simple_order(
            database, new, Selection(ticket_type_id, places), by="web"
        )

    return place


@pytest.fixture
def count_written(database: Database) -> Callable[[], dict[str, int]]:
    """How many rows of each kind orders have left."""

    def count() -> dict[str, int]:
        with database.transaction() as connection:
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (orders_table, order_lines, audit_log, order_ledger)
            }

    return count


@pytest.fixture
def until_somebody_waits(database: Database) -> Callable[[], None]:
    """Waits until one session of the database waits for another."""
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


def test_the_order_its_line_its_trace_and_its_entry_in_the_books_are_there(
    *, database: Database, sell: Callable[..., int], place: Place, sari: Buyer,
    count_written: Callable[[], dict[str, int]], stock_of: Callable[[int], Stock],
) -> None:  # fmt: skip
    seat = sell("Seat", capacity=10, max_per_order=4, max_per_buyer=4)

    placed = place((seat, 3), buyer=sari)

    assert placed.view == get_order_view(database, placed.order.id)
    assert placed.lines == (OrderLine(seat, 3, Rupiah(50_000)),)
    assert stock_of(seat) == Stock(10, 3, 0)
    assert count_written() == dict.fromkeys(NOTHING_WRITTEN, 1)


def test_its_trace_and_its_entry_name_who_placed_it(
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
def test_what_is_not_plain_leaves_nothing_behind(
    *, sell: Callable[..., int], plainly: Plainly, sari: Buyer, terms: dict[str, int],
    count_written: Callable[[], dict[str, int]], stock_of: Callable[[int], Stock],
) -> None:  # fmt: skip
    seat = sell("Seat", **terms)

    assert plainly(seat, 2, sari) is None

    assert count_written() == NOTHING_WRITTEN
    assert stock_of(seat).pending == 0


@pytest.mark.parametrize(
    ("terms", "refusal", "words"),
    [
        ({"capacity": 1}, SoldOut, "2 places requested, 1 left"),
        ({"max_per_order": 1}, LimitExceeded, "in one order"),
        ({"max_per_buyer": 1}, LimitExceeded, "for one buyer"),
        ({"on_sale": False}, NotOnSale, "not on sale"),
    ],
)
def test_whoever_is_refused_hears_why(
    *, sell: Callable[..., int], place: Place, sari: Buyer, terms: dict[str, int],
    refusal: type[TicketingError], words: str,
) -> None:  # fmt: skip
    seat = sell("Seat", **terms)

    with pytest.raises(refusal, match=words):
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
def test_what_changes_while_it_waits_for_its_turn_is_seen(
    *, database: Database, sell: Callable[..., int], plainly: Plainly, sari: Buyer,
    meanwhile: dict[str, int], count_written: Callable[[], dict[str, int]],
    until_somebody_waits: Callable[[], None],
) -> None:  # fmt: skip
    seat, found = sell("Seat", capacity=10), list[object]()
    buying = Thread(target=lambda: found.append(plainly(seat, 2, sari)))

    with database.transaction() as connection:
        connection.execute(update(ticket_types).values(meanwhile))
        buying.start()
        until_somebody_waits()
    buying.join()

    assert found == [None]
    assert count_written() == NOTHING_WRITTEN


def test_what_the_buyer_took_while_it_waited_for_its_turn_counts(
    *, database: Database, event: Event, now: datetime, sell: Callable[..., int],
    plainly: Plainly, sari: Buyer, until_somebody_waits: Callable[[], None],
    stock_of: Callable[[int], Stock],
) -> None:  # fmt: skip
    seat, found = sell("Seat", max_per_buyer=3), list[object]()
    buying = Thread(target=lambda: found.append(plainly(seat, 2, sari)))

    with database.transaction() as connection:
        line = OrderLine(seat, 2, Rupiah(50_000))
        new = NewOrder(event.id, "ORD-FIRST", b"1" * 32, now, now, (line,), line.amount, buyer=sari)
        first = order_queries.insert_order(connection, new)
        stock_queries.reserve(connection, line, first.id)
        buying.start()
        until_somebody_waits()
    buying.join()

    assert found == [None]
    assert stock_of(seat).pending == 2
