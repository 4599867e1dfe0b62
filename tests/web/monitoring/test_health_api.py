"""Tests of liveness, readiness, metrics, CORS and security headers."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import make_url, text

from ticketing.access.sessions.session_token import SESSION_COOKIE, new_token
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.paths import PROJECT_ROOT


def test_liveness_has_the_service_name_and_the_start_time(anonymous_client: httpx.Client) -> None:
    alive = anonymous_client.get("/health")

    data = alive.json()["data"]
    assert (alive.status_code, data["status"], data["service"]) == (200, "healthy", "ticket-assets")
    assert data["uptime"] >= 0
    assert alive.headers["Cache-Control"] == "no-store"


def test_liveness_needs_no_key_and_has_no_rate_limit(anonymous_client: httpx.Client) -> None:
    assert {anonymous_client.get("/health").status_code for _ in range(40)} == {200}


def test_the_address_of_a_client_is_the_one_that_a_trusted_proxy_forwards(
    anonymous_client: httpx.Client,
) -> None:
    forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"}

    seen = anonymous_client.get("/api/client-address", headers=forwarded).json()["data"]

    assert seen == {"address": "203.0.113.9", "untrustedProxy": ""}


def test_readiness_lists_dependencies_as_up(anonymous_client: httpx.Client) -> None:
    detailed = anonymous_client.get("/health/detailed")

    data = detailed.json()["data"]
    assert (detailed.status_code, data["status"]) == (200, "healthy")
    assert data["dependencies"] == {
        "database": "up", "storage": "up", "mail": "up", "whatsapp": "up",
        "gateway": "down",  # nothing listens there, and tickets are issued all the same
    }  # fmt: skip
    idle = {"waiting": 0, "active": 0, "oldestSeconds": None}
    queues = (
        "ticket-generation",
        "inbox",
        "tickets",
        "vouchers",
        "deliveries",
        "webhooks",
        "refunds",
    )
    assert data["queues"] == dict.fromkeys(queues, idle)


@pytest.mark.usefixtures("midtrans")
def test_a_gateway_that_answers_is_up(shop: httpx.Client) -> None:
    detailed = shop.get("/health/detailed").json()["data"]

    assert detailed["dependencies"]["gateway"] == "up"


def test_a_full_disk_fails_readiness_and_not_liveness(
    anonymous_client: httpx.Client, application: Application
) -> None:
    application.settings.min_free_disk = 2**60

    detailed = anonymous_client.get("/health/detailed")

    assert (detailed.status_code, detailed.json()["data"]["status"]) == (503, "unhealthy")
    assert detailed.json()["data"]["dependencies"]["storage"] == "down"
    assert anonymous_client.get("/health").status_code == 200


@pytest.mark.usefixtures("fresh_database_url")
def test_an_unreachable_database_is_503_and_does_not_fail_liveness(
    anonymous_client: httpx.Client, viewer: httpx.Client, database_url: str, server: EmbeddedServer
) -> None:
    name = make_url(database_url).database
    paths = viewer.get("/openapi.json").json()["paths"]
    admin = Database.from_url(server.url("postgres"))
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"),
            {"name": name},
        )
    admin.dispose()

    detailed = anonymous_client.get("/health/detailed")
    asked = viewer.get("/api/events/wisuda-2026/missing-tickets")
    for path in (
        re.sub(r"{.+?}", "1", path)
        for path in paths
        if "stream" not in path and not path.endswith("/events")
    ):
        told = viewer.get(path, headers={"X-Order-Token": "x"}).text
        assert not re.search(rf"PostgreSQL|socket|{server.data_path}|{name}|SELECT", told), told

    session = {"Cookie": f"{SESSION_COOKIE}={new_token()}"}
    assert anonymous_client.get("/health").status_code == 200
    assert anonymous_client.get("/voucher", headers=session).status_code == 503
    assert (detailed.status_code, asked.status_code) == (503, 503)
    assert detailed.json()["data"]["dependencies"]["database"] == "down"
    assert (asked.json()["error"]["code"], asked.headers["Retry-After"]) == ("unavailable", "5")


@pytest.mark.usefixtures("fresh_database_url")
def test_an_unexpected_error_is_an_envelope_and_its_log_has_no_values(
    viewer: httpx.Client, database: Database, log_file: Path
) -> None:
    with database.transaction() as connection:
        connection.execute(text("ALTER TABLE events RENAME TO elsewhere"))

    broken = viewer.get("/api/events/wisuda-2026/missing-tickets")

    assert (broken.status_code, broken.json()["error"]["code"]) == (500, "internal_error")
    assert broken.headers["X-Content-Type-Options"] == "nosniff"
    lines = [json.loads(line) for line in log_file.read_text().splitlines()]
    [said] = [line for line in lines if line["message"] == "request failed"]
    assert said["data"] == {
        "kind": "ProgrammingError", "request_id": broken.headers["X-Request-Id"],
    }  # fmt: skip


@pytest.mark.usefixtures("guests")
def test_log_lines_have_the_request_id(
    operator: httpx.Client, event: Event, guests: list[int], log_file: Path
) -> None:
    made = operator.post("/api/tickets/generate", json={"guestId": guests[0], "eventId": event.id})

    lines = [json.loads(line) for line in log_file.read_text().splitlines()]
    [done] = [line for line in lines if line["message"] == "tickets completed"]
    assert done["data"]["request_id"] == made.headers["X-Request-Id"]
    [rendered] = [line["data"] for line in lines if line["message"] == "ticket rendered"]
    assert rendered["ticketCode"] == made.json()["data"]["ticketCode"]
    assert {"ticketId", "generationTime", "pdfSize"} <= set(rendered)


@pytest.mark.parametrize("name", ["alerts.yaml", "grafana-dashboard.json"])
def test_rules_and_dashboard_use_only_metrics_that_exist(viewer: httpx.Client, name: str) -> None:
    described = set(re.findall(r"# TYPE (\w+)", viewer.get("/metrics").text))
    text = (PROJECT_ROOT / "deploy" / "monitoring" / name).read_text(encoding="utf-8")

    expressions = re.findall(r"expr\"?: (.+)", text)
    named = set()
    for expression in expressions:
        bare = re.sub(r"{[^}]*}|by \([^)]*\)|\[\d+\w\]", "", expression.split('"legend')[0])
        named |= set(re.findall(r"\b[a-z]+(?:_[a-z]+)*\b(?! *\()", bare))

    assert len(expressions) > 8
    assert {one.removesuffix("_bucket") for one in named} - described <= {"up", "and", "or"}


def test_tickets_are_counted_by_event_template_and_outcome(
    operator: httpx.Client, event: Event, guests: list[int]
) -> None:
    operator.post("/api/tickets/generate", json={"guestId": guests[0], "eventId": event.id})
    operator.post("/api/tickets/batch", json={"eventId": event.id, "guestIds": [999]})

    text = operator.get("/metrics").text

    families = {family.name: family for family in text_string_to_metric_families(text)}
    made = {
        frozenset(sample.labels.items()): sample.value
        for sample in families["tickets_generated"].samples
    }
    first = {"event_id": str(event.id), "template_id": "classic", "status": "generated"}
    assert made[frozenset(first.items())] == 1
    durations = families["ticket_generation_duration_seconds"].samples
    bounds = {sample.labels["le"] for sample in durations if sample.name.endswith("_bucket")}
    assert {"0.5", "1", "2", "5", "10", "30"} <= bounds
    assert any(sample.name.endswith("_count") and sample.value == 1 for sample in durations)


def test_requests_are_counted_by_route_and_never_by_path(
    operator: httpx.Client, anonymous_client: httpx.Client
) -> None:
    operator.get("/api/tickets/12345")
    anonymous_client.get("/t/" + "A" * 32)
    anonymous_client.get("/made/up/12345")

    text = operator.get("/metrics").text

    assert 'method="GET",route="/api/tickets/{ticket_id}"' in text
    assert 'route="/t/{link}"' in text
    assert 'code="404",method="GET",route="(none)"' in text
    assert "12345" not in text


def test_every_response_has_a_request_id_and_security_headers(
    anonymous_client: httpx.Client, operator: httpx.Client
) -> None:
    for answer in (
        anonymous_client.get("/health"),
        anonymous_client.get("/none"),
        operator.get("/metrics"),
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert len(answer.headers["X-Request-Id"]) == 32


@pytest.mark.parametrize(
    ("request_id", "is_kept"),
    [("trace-1.a", True), ("a b", False), ("x" * 65, False), ("<b>", False)],
)
def test_a_valid_request_id_of_the_client_is_kept(
    client_with: Callable[..., httpx.Client], request_id: str, is_kept: bool
) -> None:
    answer = client_with().get("/health", headers={"X-Request-Id": request_id})

    assert (answer.headers["X-Request-Id"] == request_id) is is_kept


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("https://school.example.org", True), ("https://evil.example.org", False)],
)
def test_only_the_pages_of_named_origins_may_call(
    anonymous_client: httpx.Client, origin: str, allowed: bool
) -> None:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,idempotency-key",
    }

    answer = anonymous_client.options("/api/tickets/generate", headers=asked)

    assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is allowed


def test_the_api_has_an_openapi_description(viewer: httpx.Client) -> None:
    described = viewer.get("/openapi.json").json()

    paths = described["paths"]
    assert set(paths) >= {
        "/api/tickets/generate", "/api/tickets/batch", "/api/tickets/validate",
        "/api/tickets/{ticket_id}", "/api/tickets/{ticket_id}/pdf", "/api/tickets/{ticket_id}/qr",
        "/api/batches/{batch_id}/status", "/api/events/{event}/tickets.zip",
        "/api/events/{event}/missing-tickets", "/api/events/{event}/missing-tickets/count",
        "/api/events/{event}/ticket-types", "/api/orders", "/api/orders/{order_id}",
        "/api/orders/{order_id}/cancel", "/api/orders/{order_id}/pay", "/api/payment/create",
        "/api/payment/notification", "/events/{slug}", "/orders/{token}",
        "/t/{link}", "/t/{link}/ticket.pdf", "/health", "/health/detailed", "/metrics",
    }  # fmt: skip
    assert set(paths["/api/orders"]["post"]["responses"]) == {
        "201", "400", "404", "409", "413", "415", "422", "429", "503",
    }  # fmt: skip
    assert set(paths["/api/payment/create"]["post"]["responses"]) == {
        "200", "400", "401", "404", "409", "413", "415", "422", "429", "502", "503",
    }  # fmt: skip
    assert set(paths["/api/payment/notification"]["post"]["responses"]) == {
        "200", "400", "403", "413", "503",
    }  # fmt: skip
    assert set(paths["/api/tickets/generate"]["post"]["responses"]) >= {
        "200", "400", "401", "403", "404", "409", "413", "422", "503",
    }  # fmt: skip
    assert set(described["components"]["securitySchemes"]) == {
        "bearer", "header", "order token",
    }  # fmt: skip
    page = viewer.get("/docs")
    for file in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert viewer.get(f"/{file}").status_code == 200
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert "//" not in page.text
