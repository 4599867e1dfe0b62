"""Tests of the page of all events on sale."""

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import update

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.events import events

Sell = Callable[..., int]


@pytest.mark.parametrize("path", ["/", "/events"])
def test_an_event_on_sale_is_listed_with_date_place_and_lowest_price(
    shop: httpx.Client, sell: Sell, event: Event, path: str
) -> None:
    sell("VIP", price=150_000)
    sell("Balkon", price=50_000)
    sell("Panitia", price=0, on_sale=False)

    page = shop.get(path)

    for said in (event.name, event.venue, "Sabtu, 12 Desember 2026", "WIB", "mulai Rp50.000"):
        assert said in page.text
    assert f'href="events/{event.slug}"' in page.text
    assert shop.get(str(page.url.join(f"events/{event.slug}"))).status_code == 200


@pytest.mark.parametrize("reason", ["nothing is on sale", "it is over"])
def test_an_event_that_cannot_be_bought_is_not_listed(
    shop: httpx.Client, sell: Sell, event: Event, database: Database, reason: str
) -> None:
    sell(on_sale=reason != "nothing is on sale")
    if reason == "it is over":
        past = datetime(2020, 1, 1, tzinfo=UTC)
        with database.transaction() as connection:
            connection.execute(update(events).values(starts_at=past, ends_at=past))

    page = shop.get("/events")

    assert (page.status_code, event.name in page.text) == (200, False)
    assert "No event is on sale" in page.text
