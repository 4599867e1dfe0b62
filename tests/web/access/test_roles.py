"""Tests of roles and events: every operation of the API with each role, against the table."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from ticketing.access.admin_actions import WAYS
from ticketing.access.caller import Role
from ticketing.access.keys.key_queries import add_key
from ticketing.events.model import Event
from ticketing.platform.db.database import Database

READS_BY_POST = {"POST /api/tickets/validate"}
ENDLESS = {"/voucher/api/stream", "/admin/sync-pembayaran/events"}


def _refused(
    client: httpx.Client, document: dict[str, Any], body: dict[str, object]
) -> Iterator[str]:
    """Yield the operations with authentication that this client's role may not use."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "bearer" not in str(operation.get("security")) or path in ENDLESS:
                continue
            url = path.replace("{event}", "wisuda-2026")
            url = re.sub(r"{\w+}", "1", url)
            answer = client.request(method, url, json=None if method == "get" else body)
            if answer.status_code == 403:
                yield f"{method.upper()} {path}"


@pytest.mark.usefixtures("event")
@pytest.mark.parametrize("kind", ["keys", "users"])
def test_only_admins_do_what_the_table_lists_and_only_operators_change_anything(
    client_with: Callable[..., httpx.Client],
    key_of: Callable[[Role], str],
    signed_in: Callable[..., httpx.Client],
    kind: str,
) -> None:
    clients = {
        role: signed_in(role) if kind == "users" else client_with(**{"X-API-Key": key_of(role)})
        for role in Role
        if kind == "keys" or role is not Role.GATE  # phones at an entrance have keys
    }
    document = clients[Role.VIEWER].get("/openapi.json").json()
    listed = [way for way in WAYS.values() if way.operation]

    by_viewer = set(_refused(clients[Role.VIEWER], document, {}))
    by_operator = set(_refused(clients[Role.OPERATOR], document, {}))
    for way in listed:
        body = {way.only_with: "0" * 64} if way.only_with else {}
        by_operator |= {
            one for one in _refused(clients[Role.OPERATOR], document, body) if one == way.operation
        }

    assert by_operator == {way.operation for way in listed}
    assert set(_refused(clients[Role.ADMIN], document, {"planHash": "0" * 64})) == set()
    changing = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method != "get" and "bearer" in str(operation.get("security"))
    }
    assert changing - READS_BY_POST <= by_viewer


@pytest.mark.usefixtures("guests")
def test_a_restricted_caller_reaches_its_events_and_nothing_that_names_none(
    signed_in: Callable[..., httpx.Client],
    client_with: Callable[..., httpx.Client],
    database: Database,
    event: Event,
) -> None:
    new = add_key(database, name="gate", role=Role.ADMIN, by="test", event_ids=[event.id])
    key = client_with(**{"X-API-Key": new.secret})
    elsewhere = signed_in(Role.ADMIN, [event.id + 1])
    own, code = f"/api/events/{event.slug}/missing-tickets", {"code": "TC-2026-7K3M9QXA"}

    def statuses(client: httpx.Client) -> list[int]:
        answers = [
            client.get(own),
            client.post("/api/tickets/validate", json=code | {"eventId": event.slug}),
            client.post("/api/tickets/validate", json=code),
            client.post("/voucher/api/cleanup-expired", json={"eventId": event.slug}),
            client.get("/voucher/api/payments", params={"eventId": event.slug}),
            client.get("/api/tickets/1"),
        ]
        return [one.status_code for one in answers]

    assert statuses(key) == [200, 200, 403, 403, 403, 403]
    assert statuses(elsewhere) == [403] * 6
