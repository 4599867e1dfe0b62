"""Tests of the response to a new order, which is built without reading the database again."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert

from ticketing.events.model import Event
from ticketing.orders.order import Buyer
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import promos
from ticketing.selling.checkout.order_view_queries import get_order_view
from ticketing.selling.checkout.place_order import PlacedOrder

Place = Callable[..., PlacedOrder]


@pytest.fixture
def hemat(database: Database, event: Event, now: datetime) -> str:
    """Create a promo code."""
    with database.transaction() as connection:
        connection.execute(
            insert(promos).values(
                event_id=event.id, code="HEMAT", kind="fixed", value=5_000,
                valid_from=now, valid_until=now + timedelta(days=1),
            )
        )  # fmt: skip
    return "HEMAT"


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("with_promo", [True, False])
def test_the_new_order_equals_the_stored_one(
    *, database: Database, sell: Callable[..., int], place: Place, sari: Buyer, hemat: str,
    named: bool, with_promo: bool,
) -> None:  # fmt: skip
    seat, parking = sell("Seat"), sell("Parking", price=5_000)

    placed = place(
        (parking, 1), (seat, 2),
        buyer=sari if named else None, promo=hemat if with_promo else None,
    )  # fmt: skip

    assert placed.view == get_order_view(database, placed.order.id)


def test_a_free_order_is_read_from_the_database_because_it_is_paid_already(
    sell: Callable[..., int], place: Place, sari: Buyer
) -> None:
    placed = place((sell("Guest", price=0), 1), buyer=sari)

    assert placed.view is None
