"""Tests of the limits of unpaid places per address and contact, and of the event's own period."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from ticketing.catalogue.stock import Stock
from ticketing.events.model import Event
from ticketing.events.service import change_event
from ticketing.orders.holds import HoldLimits
from ticketing.orders.order import Buyer
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.kernel.errors import LimitExceeded
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.checkout.set_buyer import set_order_buyer
from ticketing.selling.payments.complete_order import complete_order

Place = Callable[..., PlacedOrder]
HOME, CAMPUS = "198.51.100.7", "2001:db8:1:2::/64"
HOLDS = HoldLimits(per_order=10, per_address=15, per_contact=15)


@pytest.fixture
def seat(sell: Callable[..., int]) -> int:
    """Return a ticket type with many places."""
    return sell("Seat", capacity=432)


@pytest.mark.parametrize("is_plain", [True, False])
@pytest.mark.parametrize("whose", ["address", "contact"])
def test_an_address_or_contact_that_holds_its_limit_is_refused_until_its_places_are_free(
    *, sell: Callable[..., int], seat: int, place: Place, sari: Buyer, budi: Buyer, now: datetime,
    whose: str, is_plain: bool,
) -> None:  # fmt: skip
    mine, other = (
        ({"client_network": HOME}, {"client_network": CAMPUS})
        if whose == "address"
        else ({"buyer": sari}, {"buyer": budi})
    )
    more = [] if is_plain else [(sell("Balcony"), 1)]
    placed = place((seat, 10), holds=HOLDS, **mine)

    with pytest.raises(LimitExceeded, match=rf"this {whose} holds 10 unpaid places") as refusal:
        place((seat, 6), *more, holds=HOLDS, **mine)
    place((seat, 10), holds=HOLDS, **other)
    until = placed.order.expires_at

    assert refusal.value.details == {"limit": 15, "held": 10, "until": until.isoformat()}
    assert place((seat, 6), *more, holds=HOLDS, **mine, at=until).order.id
    assert until - now == timedelta(minutes=10 if whose == "address" else 60)


@pytest.mark.parametrize("ending", ["cancelled", "paid"])
def test_places_that_are_cancelled_or_paid_are_not_held_and_their_address_is_erased(
    *, database: Database, seat: int, place: Place, sari: Buyer, now: datetime, ending: str
) -> None:
    first = place((seat, 10), holds=HOLDS, client_network=HOME, buyer=sari)
    if ending == "cancelled":
        cancel_order(database, first.order.id, at=now, by="web")
    else:
        with database.transaction() as connection:
            complete_order(connection, first.order, attempt_id=None, at=now, by="web")

    place((seat, 10), holds=HOLDS, client_network=HOME, buyer=sari)

    with database.transaction() as connection:
        networks = connection.execute(select(orders.c.client_network).order_by(orders.c.id))
        assert networks.scalars().all() == ["", HOME]


def test_free_places_count_as_held_until_the_period_is_over(
    sell: Callable[..., int], place: Place, sari: Buyer
) -> None:
    free = sell("Free", price=0)
    place((free, 10), holds=HOLDS, client_network=HOME, buyer=sari)

    with pytest.raises(LimitExceeded, match="holds 10 unpaid places"):
        place((free, 6), holds=HOLDS, client_network=HOME)


def test_a_first_order_may_have_as_many_places_as_its_ticket_type_allows(
    sell: Callable[..., int], place: Place, stock_of: Callable[[int], Stock]
) -> None:
    group = sell("Group", max_per_order=50)

    place((group, 50), holds=HOLDS, client_network=HOME)
    with pytest.raises(LimitExceeded):
        place((group, 1), holds=HOLDS, client_network=HOME)

    assert stock_of(group).pending == 50


def test_a_contact_that_is_named_later_is_limited_too(
    database: Database, seat: int, place: Place, sari: Buyer, now: datetime
) -> None:
    place((seat, 10), buyer=sari)
    anonymous = place((seat, 6), client_network=HOME)

    with pytest.raises(LimitExceeded, match="this contact holds 10"):
        set_order_buyer(database, anonymous.order.id, buyer=sari, at=now, by="web", holds=HOLDS)


def test_orders_of_one_address_at_the_same_moment_do_not_exceed_its_limit(
    sell: Callable[..., int], place: Place,
    stock_of: Callable[[int], Stock],
) -> None:  # fmt: skip
    types = [sell(name) for name in ("A", "B", "C", "D")]

    def hold(ticket_type_id: int) -> None:
        for _ in range(6):
            with suppress(LimitExceeded):
                place((ticket_type_id, 2), holds=HOLDS, client_network=HOME)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(hold, types))

    assert sum(stock_of(each).pending for each in types) == 14


def test_an_event_sets_how_long_an_order_with_a_buyer_holds_its_places(
    *, database: Database, event: Event, seat: int, sari: Buyer, now: datetime, place: Place
) -> None:
    changed = change_event(database, event.slug, {"hold_minutes": 180}, by="test")
    anonymous = place((seat, 1))

    named = set_order_buyer(database, anonymous.order.id, buyer=sari, at=now, by="web")

    assert anonymous.order.expires_at == now + timedelta(minutes=10)
    assert named.expires_at == now + timedelta(hours=3)
    assert changed == replace(event, hold_minutes=180)
