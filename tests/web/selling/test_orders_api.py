"""Tests of the orders API: offers, reservation, access by token, cancellation."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, insert, select, update

from ticketing.catalogue import stock_queries
from ticketing.catalogue.stock import Stock
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import promos, ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.orders import orders

Sell = Callable[..., int]
Place = Callable[..., dict[str, Any]]
KEY = {"Idempotency-Key": "7a0c6a52-9a3f-4d0e-8a63-0f6a0f1f6c3e"}


@pytest.fixture
def stock_of(database: Database) -> Callable[[int], Stock]:
    """Return a function that reads the stock of a ticket type."""

    def fetch(ticket_type_id: int) -> Stock:
        with database.transaction() as connection:
            return stock_queries.get_stock(connection, ticket_type_id)

    return fetch


@pytest.fixture
def with_token() -> Callable[[dict[str, Any]], dict[str, str]]:
    """Return a function that builds the headers of an order's buyer."""
    return lambda placed: {"X-Order-Token": placed["token"]}


With = Callable[[dict[str, Any]], dict[str, str]]


def test_offers_are_public_and_show_the_available_places(
    shop: httpx.Client, sell: Sell, order: Place, event: Event, database: Database
) -> None:
    vip = sell(max_per_order=4)
    sell("Guest", price=0, capacity=None)
    with database.transaction() as connection:
        connection.execute(insert(ticket_types).values(event_id=event.id, name="Graduate"))
    order(vip, 2)

    shown = shop.get(f"/api/events/{event.slug}/ticket-types").json()["data"]

    assert [(one["name"], one["price"], one["stokTersisa"]) for one in shown] == [
        ("VIP", 50_000, 3), ("Guest", 0, None),
    ]  # fmt: skip
    assert (shown[0]["stokPending"], shown[0]["sold"], shown[0]["maxPerOrder"]) == (2, 0, 4)
    assert shown[1]["maxPerOrder"] == 10


def test_one_client_cannot_hold_all_places_without_paying_and_another_one_still_can(
    shop: httpx.Client, sell: Sell, event: Event
) -> None:
    vip = sell(capacity=432)
    body = {"eventId": event.slug, "ticketSelections": [{"ticketTypeId": vip, "quantity": 10}]}

    answers = [
        shop.post("/api/orders", json=body, headers={"X-Forwarded-For": f"2001:db8::{number}"})
        for number in range(11)
    ]
    other = shop.post("/api/orders", json=body, headers={"X-Forwarded-For": "2001:db8:0:1::1"})

    assert [answer.status_code for answer in answers] == [201] * 10 + [409]
    error, first = answers[-1].json()["error"], answers[0].json()["data"]
    assert error["code"] == "limit_exceeded"
    assert (error["details"]["limit"], error["details"]["held"]) == (100, 100)
    assert error["details"]["until"] == first["expiresAt"].replace("Z", "+00:00")
    assert other.status_code == 201


def test_an_order_reserves_places_for_an_hour_and_is_read_with_its_token(
    shop: httpx.Client, sell: Sell, order: Place, with_token: With, stock_of: Callable[..., Stock]
) -> None:
    vip = sell()

    placed = order(vip, 2)
    shown = shop.get(f"/api/orders/{placed['id']}", headers=with_token(placed))

    token, page = placed.pop("token"), placed.pop("pageUrl")
    assert shown.json()["data"] == placed
    assert (placed["status"], placed["total"], len(token)) == ("pending", 100_000, 32)
    assert page.endswith(f"/orders/{token}")
    assert "token" not in shown.json()["data"]
    assert stock_of(vip) == Stock(5, 2, 0)
    assert shown.headers["Cache-Control"] == "private, no-store"


def test_sold_out_is_409_with_the_available_places(
    shop: httpx.Client, sell: Sell, order: Place, event: Event, stock_of: Callable[..., Stock]
) -> None:
    vip = sell()
    order(vip, 3)

    asked = {"eventId": event.id, "ticketSelections": [{"ticketTypeId": vip, "quantity": 3}]}
    refused = shop.post("/api/orders", json=asked)

    assert refused.status_code == 409
    error = refused.json()["error"]
    assert error["code"] == "sold_out"
    assert error["details"] == {"ticketTypeId": vip, "available": 2}
    assert stock_of(vip) == Stock(5, 3, 0)


def test_forty_buyers_at_once_get_exactly_the_places_there_are(
    shop: httpx.Client, sell: Sell, event: Event, stock_of: Callable[..., Stock]
) -> None:
    vip = sell(capacity=25)
    asked = {"eventId": event.id, "ticketSelections": [{"ticketTypeId": vip, "quantity": 2}]}

    with ThreadPoolExecutor(10) as buyers:
        answers = list(buyers.map(lambda _: shop.post("/api/orders", json=asked), range(40)))

    assert Counter(answer.status_code for answer in answers) == {201: 12, 409: 28}
    assert stock_of(vip) == Stock(25, 24, 0)


@pytest.mark.parametrize(
    ("terms", "more", "status", "code"),
    [
        ({"max_per_order": 1}, {}, 409, "limit_exceeded"),
        ({"max_per_buyer": 1}, {}, 409, "limit_exceeded"),
        ({"on_sale": False}, {}, 409, "not_on_sale"),
        ({}, {"promoCode": "NONE"}, 422, "promo_refused"),
        ({}, {"buyer": {"name": "Sari"}}, 422, "unusable_buyer"),
        ({}, {"buyer": {"name": "Sari", "email": "sari@"}}, 422, "unusable_buyer"),
        ({}, {"buyer": {"name": "Sari", "phone": "0812"}}, 422, "unusable_buyer"),
        ({}, {"buyer": {"name": "\u200b", "email": "s@example.org"}}, 422, "unusable_buyer"),
        ({}, {"eventId": "nobodys-2026"}, 404, "unknown_event"),
    ],
)
def test_an_invalid_order_is_refused_by_name_and_reserves_nothing(
    shop: httpx.Client,
    sell: Sell,
    event: Event,
    database: Database,
    terms: dict[str, int],
    more: dict[str, object],
    status: int,
    code: str,
) -> None:
    vip = sell(**terms)
    asked = {
        "eventId": event.slug,
        "ticketSelections": [{"ticketTypeId": vip, "quantity": 2}],
        "buyer": {"name": "Sari", "email": "sari@example.org"},
    }

    refused = shop.post("/api/orders", json=asked | more)

    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)
    with database.transaction() as connection:
        assert stock_queries.get_stock(connection, vip) == Stock(5, 0, 0)
        assert connection.scalar(select(func.count()).select_from(orders)) == 0


def test_a_promo_code_reduces_the_total_and_is_shown(
    sell: Sell, order: Place, event: Event, database: Database
) -> None:
    vip = sell()
    with database.transaction() as connection:
        connection.execute(
            insert(promos).values(
                event_id=event.id, code="HEMAT", kind="percent", value=10,
                valid_from="2020-01-01T00:00Z", valid_until="2100-01-01T00:00Z",
            )
        )  # fmt: skip

    placed = order(vip, 2, promoCode=" hemat ")

    assert (placed["subtotal"], placed["discount"], placed["total"]) == (100_000, 10_000, 90_000)
    assert placed["promoCode"] == "HEMAT"


def test_the_same_request_again_is_the_same_order_with_the_same_token(
    shop: httpx.Client, sell: Sell, event: Event, stock_of: Callable[..., Stock]
) -> None:
    vip = sell()
    asked = {"eventId": event.id, "ticketSelections": [{"ticketTypeId": vip, "quantity": 2}]}

    first = shop.post("/api/orders", json=asked, headers=KEY)
    again = shop.post("/api/orders", json=asked, headers=KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert stock_of(vip) == Stock(5, 2, 0)


def test_the_same_key_for_another_order_is_409(
    shop: httpx.Client, sell: Sell, event: Event
) -> None:
    vip = sell()
    asked = {"eventId": event.id, "ticketSelections": [{"ticketTypeId": vip, "quantity": 2}]}
    shop.post("/api/orders", json=asked, headers=KEY)

    asked["ticketSelections"] = [{"ticketTypeId": vip, "quantity": 1}]
    refused = shop.post("/api/orders", json=asked, headers=KEY)

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "key_reused")


@pytest.mark.parametrize("key", ["1", "order-7", "x" * 256, "a b c d e f g h i j"])
def test_an_unsafe_idempotency_key_is_422(
    shop: httpx.Client, sell: Sell, event: Event, key: str
) -> None:
    asked = {"eventId": event.id, "ticketSelections": [{"ticketTypeId": sell(), "quantity": 1}]}

    refused = shop.post("/api/orders", json=asked, headers={"Idempotency-Key": key})

    assert refused.status_code == 422
    assert refused.json()["error"]["details"]["fields"][0]["field"] == "Idempotency-Key"


def test_the_buyer_is_named_later_and_an_order_that_costs_nothing_is_paid_by_it(
    shop: httpx.Client, sell: Sell, order: Place, with_token: With, stock_of: Callable[..., Stock]
) -> None:
    free = sell("Guest", price=0)
    placed = order(free, 2, buyer=None)
    details = {"name": "Budi", "phone": "0812 3456 7890"}

    named = shop.put(f"/api/orders/{placed['id']}", json=details, headers=with_token(placed))

    shown = named.json()["data"]
    assert (placed["buyer"], placed["status"]) == (None, "pending")
    assert shown["buyer"] == {"name": "Budi", "email": "", "phone": "+6281234567890"}
    assert shown["status"] == "paid"
    assert stock_of(free) == Stock(5, 0, 2)


def test_cancelling_releases_the_places_once(
    shop: httpx.Client, sell: Sell, order: Place, with_token: With, stock_of: Callable[..., Stock]
) -> None:
    vip = sell()
    placed, address = order(vip, 2), "/api/orders/{}/cancel"

    first = shop.post(address.format(placed["id"]), headers=with_token(placed))
    again = shop.post(address.format(placed["id"]), headers=with_token(placed))

    assert [one.json()["data"]["status"] for one in (first, again)] == ["cancelled", "cancelled"]
    assert stock_of(vip) == Stock(5, 0, 0)


def test_orders_are_listed_by_their_tokens(shop: httpx.Client, sell: Sell, order: Place) -> None:
    vip = sell()
    first, second, _ = order(vip), order(vip), order(vip)

    both = f"{first['token']}, {second['token']},{first['token']}"
    mine = shop.get("/api/orders?mine", headers={"X-Order-Token": both}).json()["data"]

    assert [one["code"] for one in mine] == [first["code"], second["code"]]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("PUT", ""), ("POST", "/cancel")],
)
def test_the_token_of_another_order_is_refused(
    shop: httpx.Client,
    sell: Sell,
    order: Place,
    with_token: With,
    stock_of: Callable[..., Stock],
    method: str,
    path: str,
) -> None:
    vip = sell()
    mine, yours = order(vip), order(vip)
    details = {"name": "Eve", "email": "eve@example.org"}

    refused = shop.request(
        method, f"/api/orders/{yours['id']}{path}", json=details, headers=with_token(mine)
    )

    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "unknown_order")
    after = shop.get(f"/api/orders/{yours['id']}", headers=with_token(yours)).json()["data"]
    assert (after["status"], after["buyer"]) == ("pending", yours["buyer"])
    assert stock_of(vip) == Stock(5, 2, 0)


@pytest.mark.parametrize("path", ["/api/orders?mine", "/api/orders/1"])
def test_a_missing_token_is_401_and_names_the_header(shop: httpx.Client, path: str) -> None:
    refused = shop.get(path)

    assert refused.status_code == 401
    assert "X-Order-Token" in refused.json()["error"]["message"]


def test_the_former_payment_path_is_410_and_names_the_new_one(shop: httpx.Client) -> None:
    gone = shop.put("/api/orders/7/pay", json={"method": "bca"})

    assert gone.status_code == 410
    assert "POST /api/payment/create" in gone.json()["error"]["message"]


def test_wrong_tokens_are_rate_limited_without_affecting_valid_ones(
    anonymous_client: httpx.Client, sell: Sell, event: Event
) -> None:
    asked = {"eventId": event.id, "ticketSelections": [{"ticketTypeId": sell(), "quantity": 1}]}
    placed = anonymous_client.post("/api/orders", json=asked).json()["data"]
    address, guess = f"/api/orders/{placed['id']}", {"X-Order-Token": "A" * 32}
    guesses = [anonymous_client.get(address, headers=guess).status_code for _ in range(40)]

    after = anonymous_client.get(address, headers={"X-Order-Token": placed["token"]})

    assert set(guesses) == {404, 429}
    assert after.status_code == 200


def test_actions_of_buyers_are_audited_without_secrets(
    shop: httpx.Client,
    shop_application: Application,
    sell: Sell,
    order: Place,
    with_token: With,
    database: Database,
) -> None:
    placed = order(sell())
    headers = with_token(placed)
    shop.put(f"/api/orders/{placed['id']}", json={"name": "B", "phone": "08123456789"},
             headers=headers)  # fmt: skip
    shop.post("/api/payment/create", json={"orderId": placed["id"]}, headers=headers)
    shop.get(f"/orders/{placed['token']}")
    shop.post(f"/api/orders/{placed['id']}/cancel", headers=headers)

    written = Path(shop_application.settings.log_file).read_text()
    with database.transaction() as connection:
        rows = connection.execute(
            select(audit_log.c.action, audit_log.c.actor).order_by(audit_log.c.id)
        ).all()
    assert [tuple(row) for row in rows] == [
        (action, "buyer")
        for action in ("orders.place", "orders.update_buyer", "payments.start", "orders.cancel")
    ]
    routes = {json.loads(line)["data"].get("route") for line in written.splitlines()}
    assert {"/orders/{token}", "/api/payment/create"} <= routes
    for secret in (placed["token"], "8123456789", "sari@", "Sari"):
        assert secret not in written


def test_guests_are_given_with_the_order_and_filled_in_later(
    shop: httpx.Client, sell: Sell, event: Event, with_token: With
) -> None:
    vip = sell()
    selection = {"ticketTypeId": vip, "quantity": 3, "guests": [None, {"name": "Budi"}]}
    wanted = {"eventId": event.slug, "ticketSelections": [selection]}
    placed = shop.post("/api/orders", json=wanted, headers=KEY).json()["data"]
    again = shop.post("/api/orders", json=wanted, headers=KEY).json()["data"]
    ayu = {"ticketTypeId": vip, "number": 1, "name": " Ayu  Lestari ", "email": "AYU@Example.org"}

    answer = shop.put(
        f"/api/orders/{placed['id']}/guests", json={"guests": [ayu]}, headers=with_token(placed)
    )

    assert placed["items"][0]["guests"] == [
        {"number": 2, "name": "Budi", "email": "", "answers": {}}
    ]
    assert again["id"] == placed["id"]
    assert [guest["name"] for guest in answer.json()["data"]["items"][0]["guests"]] == [
        "Ayu Lestari", "Budi",
    ]  # fmt: skip
    assert answer.json()["data"]["items"][0]["guests"][0]["email"] == "ayu@example.org"


@pytest.mark.parametrize(
    ("guest", "field", "message"),
    [
        ({"name": "\u200b"}, "name", "place 1: the name is empty"),
        ({"email": "ayu@"}, "email", "place 1: the e-mail address is invalid"),
        ({"answers": {"Size": "L"}}, "answers", "place 1: 'Size' is not asked; Faculty are"),
        ({"number": 3}, "number", "place 3: the order has places 1 to 2 of this type"),
    ],
)
def test_an_unusable_guest_is_refused_with_place_and_field(
    shop: httpx.Client,
    sell: Sell,
    order: Place,
    with_token: With,
    database: Database,
    guest: dict[str, object],
    field: str,
    message: str,
) -> None:
    with database.transaction() as connection:
        connection.execute(update(events).values(guest_questions="Faculty"))
    vip = sell()
    placed = order(vip, 2)
    body = {"guests": [{"ticketTypeId": vip, "number": 1, "name": "Ayu"} | guest]}

    answer = shop.put(f"/api/orders/{placed['id']}/guests", json=body, headers=with_token(placed))

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "unusable_guest")
    assert (error["details"]["field"], message in error["message"]) == (field, True)


def test_an_order_that_lacks_required_names_cannot_be_paid(
    shop: httpx.Client, sell: Sell, order: Place, with_token: With, database: Database
) -> None:
    with database.transaction() as connection:
        connection.execute(update(events).values(guest_names_required=True))
    placed = order(sell(), 2)

    answer = shop.post(
        "/api/payment/create", json={"orderId": placed["id"]}, headers=with_token(placed)
    )

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "guest_names_missing"
    assert answer.json()["error"]["details"] == {"missing": 2}
