"""Tests of bad input to the API: an error envelope with the right status, and no effect."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select, text

from ticketing.access.caller import Role
from ticketing.access.keys.key_queries import add_key
from ticketing.events.model import NewEvent
from ticketing.events.service import add_event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.tickets import batches, generated_tickets

POSTS = ["/api/tickets/generate", "/api/tickets/batch", "/api/tickets/validate"]
HUGE = 2**63
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def database_of_all(server: EmbeddedServer) -> Iterator[Database]:
    """Create one database for all tests of the module; none of them may change it."""
    admin = Database.from_url(server.url("postgres"))
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE bad_input TEMPLATE template_ticketing"))
        opened = Database.from_url(server.url("bad_input"))
        yield opened
        opened.dispose()
        connection.execute(text("DROP DATABASE bad_input WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="module")
def operator(
    database_of_all: Database,
    open_test_application: Callable[[str, Path], AbstractContextManager[Application]],
    serve: Callable[[Application], AbstractContextManager[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx.Client]:
    """Open an operator's client of a service with one event."""
    url = database_of_all.engine.url.render_as_string(hide_password=False)
    starts = datetime(2026, 12, 12, 1, 0, tzinfo=UTC)
    event = NewEvent(
        "wisuda-2026", "Wisuda", starts, starts, "Asia/Jakarta", "id", "Aula", "ID", "classic"
    )
    add_event(database_of_all, event, by="test")
    secret = add_key(database_of_all, name="op", role=Role.OPERATOR, by="test").secret
    with (
        open_test_application(url, tmp_path_factory.mktemp("data")) as application,
        serve(application) as address,
        httpx.Client(base_url=address, headers={"X-API-Key": secret}, timeout=60) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def unchanged_database(database_of_all: Database) -> Iterator[None]:
    """Check after the test that no batch, ticket or audit entry exists."""
    yield
    with database_of_all.transaction() as connection:
        for table in (batches, generated_tickets):
            assert connection.scalar(select(func.count()).select_from(table)) == 0
        done = select(func.count()).where(audit_log.c.action.like("tickets%"))
        assert connection.scalar(done) == 0


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "body", [b"{", b"", b"\xff\xfe", b'{"guestId": 1', b"[" * 100_000, b"{'a': 1}"]
)
def test_an_invalid_json_body_is_400_or_422(operator: httpx.Client, path: str, body: bytes) -> None:
    refused = operator.post(path, content=body, headers={"Content-Type": "application/json"})

    assert refused.status_code in {400, 422}
    assert refused.json()["success"] is False


@pytest.mark.parametrize("path", POSTS)
def test_malformed_json_is_400_by_name(operator: httpx.Client, path: str) -> None:
    refused = operator.post(path, content=b"{,", headers={"Content-Type": "application/json"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("generate", {}, "guestId"),
        ("generate", {"guestId": 1}, "eventId"),
        ("generate", {"guestId": "1", "eventId": 1}, "guestId"),
        ("generate", {"guestId": -1, "eventId": 1}, "guestId"),
        ("generate", {"guestId": 1.5, "eventId": 1}, "guestId"),
        ("generate", {"guestId": True, "eventId": 1}, "guestId"),
        ("generate", {"guestId": HUGE, "eventId": 1}, "guestId"),
        ("generate", {"guestId": 1, "eventId": "no such\u0000slug"}, "eventId"),
        ("generate", {"guestId": 1, "eventId": 1, "data": "John"}, "data"),
        ("generate", {"guestId": 1, "eventId": 1, "quantity": 2}, "quantity"),
        ("generate", ["guestId"], "body"),
        ("batch", {"guestIds": None}, "eventId"),
        ("batch", {"eventId": 1, "guestIds": []}, "guestIds"),
        ("batch", {"eventId": 1, "guestIds": [1, -2]}, "guestIds.1"),
        ("batch", {"eventId": 1, "guestIds": "all"}, "guestIds"),
        ("batch", {"eventId": 1, "options": {"limit": 0}}, "options.limit"),
        ("batch", {"eventId": 1, "options": {"limit": -5}}, "options.limit"),
        ("batch", {"eventId": 1, "options": {"priority": "urgent"}}, "options.priority"),
        ("batch", {"eventId": 1, "options": {"batchId": "a b"}}, "options.batchId"),
        ("batch", {"eventId": 1, "options": {"batchId": ""}}, "options.batchId"),
        ("batch", {"eventId": 1, "options": {"skipExisting": "no"}}, "options.skipExisting"),
        ("validate", {}, "code"),
        ("validate", {"code": 7}, "code"),
        ("validate", {"code": ""}, "code"),
        ("validate", {"code": "x" * 501}, "code"),
    ],
)
def test_an_invalid_field_is_422_and_named(
    operator: httpx.Client, path: str, body: object, field: str
) -> None:
    refused = operator.post(f"/api/tickets/{path}", json=body)

    assert refused.status_code == 422
    error = refused.json()["error"]
    assert error["code"] == "invalid_request"
    assert any(fault["field"].startswith(field) for fault in error["details"]["fields"])


def test_lone_surrogates_and_nan_are_422_and_quoted(
    operator: httpx.Client,
) -> None:
    odd = b'{"guestId": "\\ud800", "eventId": NaN}'

    refused = operator.post(
        "/api/tickets/generate", content=odd, headers={"Content-Type": "application/json"}
    )

    assert refused.status_code == 422
    values = [fault["value"] for fault in refused.json()["error"]["details"]["fields"]]
    assert values == ['"\\ud800"', "NaN"]


def test_a_missing_field_repeats_nothing_of_the_body(operator: httpx.Client) -> None:
    refused = operator.post("/api/tickets/generate", json={"eventId": True, "data": {"email": "s"}})

    assert refused.json()["error"]["details"]["fields"] == [
        {"field": "guestId", "message": "Field required"},
        {"field": "eventId", "value": "true", "message": "Input should be a valid integer"},
    ]


@pytest.mark.parametrize("event_id", ["nobodys-2026", 999_999, 2**63 - 1])
@pytest.mark.parametrize("path", ["generate", "batch"])
def test_an_unknown_event_is_404(operator: httpx.Client, path: str, event_id: object) -> None:
    asked = {"eventId": event_id} | ({"guestId": 1} if path == "generate" else {})

    refused = operator.post(f"/api/tickets/{path}", json=asked)

    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "unknown_event")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/tickets/999999", 404, "unknown_ticket"),
        ("/api/tickets/999999/pdf", 404, "unknown_ticket"),
        ("/api/tickets/999999/qr", 404, "unknown_ticket"),
        ("/api/tickets/abc", 404, "not_found"),
        ("/api/tickets/-1/pdf", 404, "not_found"),
        (f"/api/tickets/{HUGE}", 422, "invalid_request"),
        ("/api/tickets/1/qr?size=1000000", 422, "invalid_request"),
        ("/api/tickets/1/qr?size=-1", 422, "invalid_request"),
        ("/api/tickets/1/qr?dark=red", 422, "invalid_request"),
        ("/api/tickets/1/qr?light=%22onload", 422, "invalid_request"),
        ("/api/tickets/1/qr?errorCorrectionLevel=X", 422, "invalid_request"),
        ("/api/tickets/1/qr?format=gif", 422, "invalid_request"),
        ("/api/batches/none/status", 404, "unknown_batch"),
        ("/api/batches/a%00b/status", 422, "invalid_request"),
        ("/api/batches/none/status?limit=-1", 422, "invalid_request"),
        ("/api/events/nobodys-2026/missing-tickets", 404, "unknown_event"),
        ("/api/events/nobodys-2026/missing-tickets/count", 404, "unknown_event"),
        ("/api/events/nobodys-2026/tickets.zip", 404, "unknown_event"),
        ("/api/events/nobodys-2026/tickets.pdf", 404, "unknown_event"),
        ("/api/events/wisuda-2026/tickets.pdf?columns=21", 422, "invalid_request"),
        ("/api/events/wisuda-2026/missing-tickets?limit=0", 422, "invalid_request"),
        ("/api/events/wisuda-2026/missing-tickets?offset=-1", 422, "invalid_request"),
        ("/api/events/a%00b/missing-tickets", 422, "invalid_request"),
        ("/no/such/place", 404, "not_found"),
    ],
)
def test_an_unknown_path_is_an_error_envelope(
    operator: httpx.Client, path: str, status: int, code: str
) -> None:
    refused = operator.get(path)

    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/api/tickets/1"), ("GET", "/api/tickets/batch"), ("POST", "/health")],
)
def test_another_method_is_405(operator: httpx.Client, method: str, path: str) -> None:
    refused = operator.request(method, path)

    assert (refused.status_code, refused.json()["error"]["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("path", POSTS)
def test_a_body_too_large_is_413_whether_announced_or_not(
    operator: httpx.Client, path: str
) -> None:
    announced = operator.post(path, content=b" " * (MIB + 1))
    unannounced = operator.post(path, content=(b" " * 65536 for _ in range(17)))

    for refused in (announced, unannounced):
        assert (refused.status_code, refused.json()["error"]["code"]) == (413, "body_too_large")


def test_an_oversized_request_gets_a_response_before_the_connection_closes(
    operator: httpx.Client,
) -> None:
    head = b"POST /api/tickets/generate HTTP/1.1\r\nHost: here\r\nContent-Length: 2097152\r\n\r\n"
    address = operator.base_url.host, operator.base_url.port or 80

    with socket.create_connection(address, timeout=60) as wire, wire.makefile("rb") as answer:
        wire.sendall(head + b" ")
        status = answer.readline()
        wire.sendall(b" " * (2 * MIB - 1))
        rest = answer.read()

    assert status.split()[1] == b"413"
    assert b"body_too_large" in rest


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("https://example.org/poster", "wrong prefix"),
        ("TC1ABC", "malformed"),
        ("TC-2026-ABCDEFGH", "malformed"),
        ("TC-2026-00000000", "malformed"),
        ("TC1" + "A" * 141, "malformed"),
        ("\u0000", "wrong prefix"),
        ("TC-2026-\u0000", "malformed"),
    ],
)
def test_an_unknown_ticket_is_named(operator: httpx.Client, code: str, reason: str) -> None:
    body = operator.post("/api/tickets/validate", json={"code": code}).json()

    assert (body["data"]["valid"], body["data"]["reason"]) == (False, reason)
