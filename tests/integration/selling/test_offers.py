"""Tests of terms that change between reading an offer and reserving: nothing is reserved."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from ticketing.catalogue import stock_queries
from ticketing.catalogue.stock import Stock
from ticketing.events.model import Event
from ticketing.orders.order import Selection
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.orders import order_lines
from ticketing.platform.kernel.errors import NotOnSale, SoldOut
from ticketing.selling.checkout.place_order import PlacedOrder

Place = Callable[..., PlacedOrder]


@pytest.mark.parametrize(
    ("change", "refusal", "message"),
    [
        ({"price": 60_000}, NotOnSale, "the price of .* has just changed"),
        ({"on_sale": False}, NotOnSale, "not on sale"),
        ({"sold": 9}, SoldOut, "2 places requested, 0 left"),
    ],
)
def test_an_offer_that_changed_meanwhile_is_refused_and_reserves_nothing(
    *,
    database: Database,
    event: Event,
    sell: Callable[..., int],
    place: Place,
    stock_of: Callable[[int], Stock],
    change: dict[str, int],
    refusal: type[NotOnSale],
    message: str,
) -> None:
    seat = sell("Seat", capacity=10)
    placed = place((seat, 1))

    with database.transaction() as connection:
        (offer,) = stock_queries.quote_lines(connection, event.id, [Selection(seat, 2)])
        connection.execute(ticket_types.update().values(change))
        with pytest.raises(refusal, match=message):
            stock_queries.reserve(connection, offer.line, placed.order.id)

    with database.transaction() as connection:
        lines = connection.execute(select(func.count(order_lines.c.id))).scalar_one()
    assert (stock_of(seat).pending, lines) == (1, 1)


def test_several_types_are_offered_in_the_requested_order(
    database: Database, event: Event, sell: Callable[..., int]
) -> None:
    seat, parking = sell("Seat"), sell("Parking", price=5_000)

    with database.transaction() as connection:
        offered = stock_queries.quote_lines(
            connection, event.id, [Selection(parking, 1), Selection(seat, 2)]
        )

    assert [(offer.name, offer.line.amount.amount) for offer in offered] == [
        ("Parking", 5_000),
        ("Seat", 100_000),
    ]
