"""Property test: the one-statement path and the general path of placing an order agree."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NamedTuple
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from ticketing.catalogue.stock import Stock
from ticketing.orders.holds import NO_HOLD_LIMITS, HoldLimits
from ticketing.orders.order import Buyer
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.kernel.errors import TicketingError
from ticketing.platform.kernel.money import ZERO, Rupiah
from ticketing.selling.checkout import place_order_queries
from ticketing.selling.checkout.order_view_queries import OrderView, get_order_view
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.checkout.place_order_queries import insert_simple_order

EXAMPLES = 40
BUYERS = (
    None,
    Buyer("email:sari@example.org", "Sari", "sari@example.org", ""),
    Buyer("email:budi@example.org", "Budi", "budi@example.org", ""),
)


class Terms(NamedTuple):
    """Terms of sale of a ticket type, and the places that each buyer already holds."""

    price: int
    on_sale: bool
    places_left: int | None
    max_per_order: int | None
    max_per_buyer: int | None
    taken: tuple[int, int, int]
    holds: HoldLimits = NO_HOLD_LIMITS
    network: str = ""


all_terms = st.builds(
    Terms,
    price=st.sampled_from([0, 1, 50_000]),
    on_sale=st.sampled_from([True, True, True, False]),
    places_left=st.none() | st.integers(0, 4),
    max_per_order=st.none() | st.integers(1, 4),
    max_per_buyer=st.none() | st.integers(1, 6),
    taken=st.tuples(*[st.integers(0, 3)] * len(BUYERS)),
    holds=st.builds(
        HoldLimits,
        per_order=st.none() | st.integers(1, 4),
        per_address=st.none() | st.integers(1, 12),
        per_contact=st.none() | st.integers(1, 6),
    ),
    network=st.sampled_from(["", "198.51.100.7"]),
)


@pytest.fixture
def create_type(
    database: Database, sell: Callable[..., int], place: Callable[..., PlacedOrder]
) -> Callable[[Terms], int]:
    """Return a function that creates a ticket type with earlier orders; returns its id."""
    numbers = count()

    def create(given_terms: Terms) -> int:
        ticket_type_id = sell(f"Seat {next(numbers)}")
        with database.transaction() as connection:  # earlier examples hold nothing any more
            connection.execute(update(orders).values(expires_at=orders.c.created_at))
        for buyer, places in zip(BUYERS, given_terms.taken, strict=True):
            if places:
                place((ticket_type_id, places), buyer=buyer, client_network=given_terms.network)
        left = given_terms.places_left
        values = {
            "price": given_terms.price,
            "on_sale": given_terms.on_sale,
            "capacity": None if left is None else sum(given_terms.taken) + left,
            "max_per_order": given_terms.max_per_order,
            "max_per_buyer": given_terms.max_per_buyer,
        }
        changed = update(ticket_types).where(ticket_types.c.id == ticket_type_id).values(values)
        with database.transaction() as connection:
            connection.execute(changed)
        return ticket_type_id

    return create


@dataclass(frozen=True, slots=True)
class Outcome:
    """Stored order or refusal, without the values that differ between two ticket types."""

    refusal: tuple[type[TicketingError], dict[str, object]] | None
    order: OrderView | None
    lines: tuple[tuple[int, Rupiah], ...]
    stock: Stock


@pytest.fixture
def outcome(
    database: Database, place: Callable[..., PlacedOrder], stock_of: Callable[[int], Stock]
) -> Callable[[int, int, Buyer | None, Terms], Outcome]:
    """Return a function that places an order of one ticket type and returns the outcome."""

    def place_one(ticket_type_id: int, places: int, buyer: Buyer | None, terms: Terms) -> Outcome:
        try:
            placed = place(
                (ticket_type_id, places), buyer=buyer, holds=terms.holds,
                client_network=terms.network,
            )  # fmt: skip
        except TicketingError as error:
            details = {k: v for k, v in error.details.items() if k != "ticket_type_id"}
            return Outcome((type(error), details), None, (), stock_of(ticket_type_id))
        view = get_order_view(database, placed.order.id)
        lines = tuple((line.quantity, line.price) for line in view.lines)
        return Outcome(
            None, replace(view, id=0, code="", lines=()), lines, stock_of(ticket_type_id)
        )

    return place_one


@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(terms=all_terms, places=st.integers(1, 5), buyer=st.sampled_from(BUYERS))
def test_both_ways_of_placing_an_order_agree(
    *,
    create_type: Callable[[Terms], int],
    outcome: Callable[[int, int, Buyer | None, Terms], Outcome],
    terms: Terms,
    places: int,
    buyer: Buyer | None,
) -> None:
    answers = list[object]()

    def record(*given: Any, **more: Any) -> object:  # noqa: ANN401 - those of the function
        answers.append(insert_simple_order(*given, **more))
        return answers[-1]

    with mock.patch.object(place_order_queries, "insert_simple_order", record):
        by_fast_way = outcome(create_type(terms), places, buyer, terms)
    with mock.patch.object(place_order_queries, "insert_simple_order", return_value=None):
        by_long_way = outcome(create_type(terms), places, buyer, terms)

    assert by_fast_way == by_long_way
    is_payable = by_long_way.order is not None and by_long_way.order.total > ZERO
    assert (answers[-1] is not None) == is_payable
