"""Tests of bad input to the shop API: an error envelope, and nothing is reserved or paid."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import func, insert, select, text

from ticketing.catalogue import stock_queries
from ticketing.catalogue.stock import Stock
from ticketing.events.model import NewEvent
from ticketing.events.service import add_event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.payments import payment_attempts

HUGE = 2**63
MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}
ORDER = {"eventId": "konser-2099", "ticketSelections": [{"ticketTypeId": 1, "quantity": 1}]}


@pytest.fixture(scope="module")
def database_of_all(server: EmbeddedServer) -> Iterator[Database]:
    """Create one database for all tests of the module; none of them may change it."""
    admin = Database.from_url(server.url("postgres"))
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE bad_orders TEMPLATE template_ticketing"))
        opened = Database.from_url(server.url("bad_orders"))
        starts = datetime(2099, 12, 12, 12, tzinfo=UTC)
        event = NewEvent(
            "konser-2099", "Konser", starts, starts, "Asia/Jakarta", "id", "Aula", "ID", "classic"
        )
        number = add_event(opened, event, by="test").id
        row = {"event_id": number, "name": "VIP", "on_sale": True, "price": 50_000, "capacity": 5}
        with opened.transaction() as session:
            session.execute(insert(ticket_types).values(row))
        yield opened
        opened.dispose()
        connection.execute(text("DROP DATABASE bad_orders WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="module")
def shop(
    database_of_all: Database,
    open_test_application: Callable[..., AbstractContextManager[Application]],
    serve: Callable[..., AbstractContextManager[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """Open a client of a shop with one ticket type and one order, with the order's token."""
    url = database_of_all.engine.url.render_as_string(hide_password=False)
    folder = tmp_path_factory.mktemp("data")
    with (
        open_test_application(url, folder, web_requests_a_minute=100_000) as application,
        serve(application) as address,
        httpx.Client(base_url=address, timeout=60) as client,
    ):
        placed = client.post("/api/orders", json=ORDER).json()["data"]
        client.headers["X-Order-Token"] = placed["token"]
        yield client


@pytest.fixture(autouse=True)
def unchanged_database(database_of_all: Database) -> Iterator[None]:
    """Check after the test that the order is unchanged and nothing else exists."""
    yield
    with database_of_all.transaction() as connection:
        rows = connection.execute(select(orders.c.state, orders.c.buyer_key)).all()
        assert [tuple(row) for row in rows] == [("pending", "")]
        assert stock_queries.get_stock(connection, 1) == Stock(5, 1, 0)
        assert connection.scalar(select(func.count()).select_from(payment_attempts)) == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/orders"), ("PUT", "/api/orders/1"), ("POST", "/api/payment/create")],
)
@pytest.mark.parametrize(
    "body", [b"{", b"", b"null", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000, b"{'a': 1}"]
)
def test_an_invalid_json_body_is_400_or_422(
    shop: httpx.Client, method: str, path: str, body: bytes
) -> None:
    refused = shop.request(method, path, content=body, headers=JSON)

    assert refused.status_code in {400, 422}
    assert refused.json()["success"] is False


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"eventId": None}, "eventId"),
        ({"eventId": True}, "eventId"),
        ({"eventId": -1}, "eventId"),
        ({"eventId": HUGE}, "eventId"),
        ({"eventId": "a\u0000b"}, "eventId"),
        ({"ticketSelections": []}, "ticketSelections"),
        ({"ticketSelections": None}, "ticketSelections"),
        ({"ticketSelections": {"1": 2}}, "ticketSelections"),
        ({"ticketSelections": [{"ticketTypeId": 1}]}, "ticketSelections.0.quantity"),
        ({"ticketSelections": [{"ticketTypeId": 1, "quantity": 0}]}, "ticketSelections.0.quantity"),
        ({"ticketSelections": [{"ticketTypeId": 1, "quantity": -1}]}, "ticketSelections.0"),
        ({"ticketSelections": [{"ticketTypeId": 1, "quantity": 1.5}]}, "ticketSelections.0"),
        ({"ticketSelections": [{"ticketTypeId": 1, "quantity": "1"}]}, "ticketSelections.0"),
        ({"ticketSelections": [{"ticketTypeId": 1, "quantity": True}]}, "ticketSelections.0"),
        ({"ticketSelections": [{"ticketTypeId": 1, "quantity": HUGE}]}, "ticketSelections.0"),
        ({"ticketSelections": [{"ticketTypeId": HUGE, "quantity": 1}]}, "ticketSelections.0"),
        ({"ticketSelections": [{"ticketTypeId": 1, "quantity": 1, "price": 1}]},
         "ticketSelections.0.price"),
        ({"ticketSelections": [{"ticketTypeId": 1, "quantity": 1}] * 21}, "ticketSelections"),
        ({"promoCode": 7}, "promoCode"),
        ({"promoCode": "a\u0000"}, "promoCode"),
        ({"promoCode": "x" * 65}, "promoCode"),
        ({"buyer": "Sari"}, "buyer"),
        ({"buyer": {"email": "s@example.org"}}, "buyer.name"),
        ({"buyer": {"name": "S\u0000", "email": "s@example.org"}}, "buyer.name"),
        ({"buyer": {"name": "x" * 101, "email": "s@example.org"}}, "buyer.name"),
        ({"buyer": {"name": "S", "phone": "0" * 41}}, "buyer.phone"),
        ({"total": 1}, "total"),
        ({"state": "paid"}, "state"),
    ],
)  # fmt: skip
def test_an_invalid_field_is_422_and_named(
    shop: httpx.Client, changed: dict[str, object], field: str
) -> None:
    refused = shop.post("/api/orders", json=ORDER | changed)

    assert refused.status_code == 422
    error = refused.json()["error"]
    assert error["code"] == "invalid_request"
    assert any(fault["field"].startswith(field) for fault in error["details"]["fields"])


@pytest.mark.parametrize("text_in_json", [b"\\ud800", b"\\u0000", b"\\u202e"])
def test_a_name_that_cannot_be_stored_is_422(shop: httpx.Client, text_in_json: bytes) -> None:
    body = b'{"name": "' + text_in_json + b'", "email": "s@example.org"}'

    refused = shop.put("/api/orders/1", content=body, headers=JSON)

    assert refused.status_code == 422


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"eventId": "nobodys-2026"}, 404, "unknown_event"),
        ({"eventId": 999_999}, 404, "unknown_event"),
        ({"ticketSelections": [{"ticketTypeId": 2, "quantity": 1}]}, 409, "not_on_sale"),
        ({"ticketSelections": [{"ticketTypeId": 1, "quantity": 1}] * 5}, 409, "sold_out"),
        ({"ticketSelections": [{"ticketTypeId": 1, "quantity": 1000}] * 20}, 409, "sold_out"),
        ({"ticketSelections": [{"ticketTypeId": 1, "quantity": 1},
                               {"ticketTypeId": 99, "quantity": 1}]}, 409, "not_on_sale"),
    ],
)  # fmt: skip
def test_an_order_of_something_unknown_is_refused(
    shop: httpx.Client, changed: dict[str, object], status: int, code: str
) -> None:
    refused = shop.post("/api/orders", json=ORDER | changed)

    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"orderId": "1"}, 422),
        ({"orderId": -1}, 422),
        ({"orderId": 1.5}, 422),
        ({"orderId": HUGE}, 422),
        ({"orderId": 1, "amount": 1}, 422),
        ({"orderId": 2}, 404),
        ({"orderId": 1}, 409),  # it has no buyer yet
    ],
)
def test_an_invalid_payment_is_refused(
    shop: httpx.Client, body: dict[str, object], status: int
) -> None:
    assert shop.post("/api/payment/create", json=body).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/orders/2", 404),
        ("GET", "/api/orders/0", 422),
        ("GET", f"/api/orders/{HUGE}", 422),
        ("GET", "/api/orders/abc", 404),
        ("GET", "/api/orders/-1", 404),
        ("POST", "/api/orders/2/cancel", 404),
        ("DELETE", "/api/orders/1", 405),
        ("PATCH", "/api/orders", 405),
        ("GET", "/api/payment/create", 405),
        ("GET", "/api/payment/notification", 405),
        ("PUT", f"/api/orders/{HUGE}/pay", 422),
        ("GET", "/api/events/nobodys-2026/ticket-types", 404),
        ("GET", "/api/events/a%00b/ticket-types", 422),
    ],
)
def test_an_unknown_path_is_an_error_envelope(
    shop: httpx.Client, method: str, path: str, status: int
) -> None:
    refused = shop.request(method, path)

    assert refused.status_code == status
    assert refused.json()["success"] is False


@pytest.mark.parametrize("token", ["", "A" * 32, "a" * 32, "tk_x", "A" * 5000, "é", "a,b"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/api/orders/1"), ("GET", "/api/orders?mine"),
                                              ("POST", "/api/orders/1/cancel")])  # fmt: skip
def test_an_invalid_token_is_refused(
    shop: httpx.Client, method: str, path: str, token: str
) -> None:
    refused = shop.request(method, path, headers={"X-Order-Token": token.encode()})

    assert refused.status_code == (404 if token else 401)


@pytest.mark.parametrize("path", ["/api/orders", "/api/payment/create"])
def test_a_body_too_large_is_413_whether_announced_or_not(shop: httpx.Client, path: str) -> None:
    announced = shop.post(path, content=b" " * (MIB + 1))
    unannounced = shop.post(path, content=(b" " * 65536 for _ in range(17)))

    for refused in (announced, unannounced):
        assert (refused.status_code, refused.json()["error"]["code"]) == (413, "body_too_large")
