"""Tests of authorisation: missing, wrong and revoked API keys, and roles."""

from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import select

from ticketing.access.caller import Role
from ticketing.access.keys.key_queries import (
    UnusableKey,
    add_key,
    find_caller,
    list_all,
    revoke_key,
    rotate_key,
)
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.access import api_keys
from ticketing.platform.db.tables.operations import audit_log

GUARDED = [
    ("POST", "/api/tickets/generate"),
    ("POST", "/api/tickets/batch"),
    ("POST", "/api/tickets/validate"),
    ("GET", "/api/batches/some/status"),
    ("GET", "/api/tickets/1"),
    ("GET", "/api/tickets/1/pdf"),
    ("GET", "/api/tickets/1/qr"),
    ("GET", "/api/events/wisuda-2026/tickets.zip"),
    ("GET", "/api/events/wisuda-2026/missing-tickets"),
    ("GET", "/api/events/wisuda-2026/missing-tickets/count"),
    ("GET", "/metrics"),
]
FOR_OPERATORS = [
    ("POST", "/api/tickets/generate"),
    ("POST", "/api/tickets/batch"),
    ("GET", "/api/tickets/1"),
    ("GET", "/api/tickets/1/pdf"),
    ("GET", "/api/tickets/1/qr"),
    ("GET", "/api/events/wisuda-2026/tickets.zip"),
]


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_keys_every_request_is_refused(
    client_with: Callable[..., httpx.Client], method: str, path: str
) -> None:
    stranger = client_with()

    without = stranger.request(method, path, content=b"{not json")
    invented = stranger.request(method, path, headers={"Authorization": "Bearer tk_invented"})
    empty = stranger.request(method, path, headers={"X-API-Key": ""})

    for refused in (without, invented, empty):
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "not_known")
        assert refused.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), FOR_OPERATORS)
def test_a_viewer_may_not_make_or_fetch_tickets(
    viewer: httpx.Client, method: str, path: str
) -> None:
    refused = viewer.request(method, path)

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_allowed")


@pytest.mark.usefixtures("event")
def test_an_admin_has_the_rights_of_an_operator(
    client_with: Callable[..., httpx.Client], key_of: Callable[[Role], str]
) -> None:
    admin = client_with(**{"X-API-Key": key_of(Role.ADMIN)})

    assert admin.get("/api/events/wisuda-2026/tickets.zip").status_code == 200
    assert admin.get("/api/events/wisuda-2026/missing-tickets/count").status_code == 200


@pytest.mark.usefixtures("event")
def test_a_revoked_key_is_refused_by_the_next_request(
    viewer: httpx.Client, database: Database
) -> None:
    assert viewer.get("/api/events/wisuda-2026/missing-tickets").status_code == 200

    revoke_key(database, name="the viewer", by="test")

    assert viewer.get("/api/events/wisuda-2026/missing-tickets").status_code == 401


def test_only_the_hash_of_a_key_is_stored(database: Database) -> None:
    made = add_key(database, name="school", role=Role.VIEWER, by="test")

    with database.transaction() as connection:
        [row] = connection.execute(select(api_keys)).all()
    assert made.secret not in repr(row)
    assert made.secret not in repr(made)
    assert len(row.key_sha256) == 32


def test_a_name_is_unique_even_after_its_key_was_revoked(database: Database) -> None:
    add_key(database, name="school", role=Role.VIEWER, by="test")
    revoke_key(database, name="school", by="test")

    with pytest.raises(UnusableKey, match="choose another name"):
        add_key(database, name="school", role=Role.ADMIN, by="test")
    with pytest.raises(UnusableKey, match="no valid API key"):
        revoke_key(database, name="school", by="test")


@pytest.mark.parametrize("name", ["", "  ", "a\nb"])
def test_a_key_needs_a_name_that_can_be_read(database: Database, name: str) -> None:
    with pytest.raises(UnusableKey, match="is not an API key name"):
        add_key(database, name=name, role=Role.VIEWER, by="test")


def test_creating_and_revoking_keys_is_audited(database: Database) -> None:
    add_key(database, name="school", role=Role.OPERATOR, by="cli:root")
    revoke_key(database, name="school", by="cli:root")

    with database.transaction() as connection:
        traces = connection.execute(
            select(audit_log.c.actor, audit_log.c.action, audit_log.c.subject).order_by(
                audit_log.c.id
            )
        ).all()
    assert traces == [
        ("cli:root", "api key added", "school"),
        ("cli:root", "api key revoked", "school"),
    ]


def test_roles_include_those_before_them() -> None:
    assert Role.ADMIN.includes(Role.VIEWER)
    assert Role.OPERATOR.includes(Role.OPERATOR)
    assert not Role.VIEWER.includes(Role.OPERATOR)


@pytest.mark.usefixtures("guests")
def test_a_viewer_can_list_missing_tickets(viewer: httpx.Client, event: Event) -> None:
    page = viewer.get(
        f"/api/events/{event.id}/missing-tickets", params={"limit": 1, "offset": 1}
    ).json()["data"]
    count = viewer.get("/api/events/wisuda-2026/missing-tickets/count").json()["data"]

    assert (page["totalCount"], count["count"]) == (3, 3)
    assert [guest["fullName"] for guest in page["guests"]] == ["Budi Santoso"]
    assert page["guests"][0]["seat"] == "B-12"


def test_a_rotated_key_is_valid_beside_the_old_one_until_the_overlap_ends(
    database: Database, now: datetime
) -> None:
    old = add_key(database, name="school", role=Role.VIEWER, by="test")

    new = rotate_key(database, name="school", overlap=timedelta(hours=1), by="test", at=now)

    def works(secret: str, at: datetime) -> bool:
        return database.run(find_caller, secret, at=at) is not None

    assert (works(old.secret, now), works(new.secret, now)) == (True, True)
    later = now + timedelta(hours=1)
    assert (works(old.secret, later), works(new.secret, later)) == (False, True)
    revoke_key(database, name="school", by="test")
    assert (works(old.secret, now), works(new.secret, now)) == (False, False)
    with pytest.raises(UnusableKey, match="no valid API key"):
        rotate_key(database, name="school", overlap=timedelta(0), by="test", at=now)


def test_a_key_expires_and_its_last_use_is_known_to_the_minute(
    database: Database, now: datetime
) -> None:
    expires_at = now + timedelta(days=1)
    key = add_key(database, name="gate", role=Role.VIEWER, by="test", expires_at=expires_at)
    for seconds in (0, 59, 61):
        database.run(find_caller, key.secret, at=now + timedelta(seconds=seconds))

    [stored] = database.run(list_all)
    assert stored.last_used_at == now + timedelta(seconds=61)
    assert database.run(find_caller, key.secret, at=expires_at) is None
