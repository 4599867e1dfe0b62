"""Tests of idempotency keys: a repeated POST has one effect for a day."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import func, select, update

from ticketing.access.caller import Role
from ticketing.access.keys.key_queries import add_key
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.idempotency_keys import (
    IdempotentRequest,
    KeyInUse,
    KeyReused,
    StoredResponse,
    claim_key,
)
from ticketing.platform.db.tables.access import idempotency_keys
from ticketing.platform.db.tables.tickets import batches

KEY = {"Idempotency-Key": "3f1c-order-7"}
BATCH = "/api/tickets/batch"


@pytest.fixture
def keyed_request(database: Database) -> IdempotentRequest:
    """Return a request with an idempotency key."""
    owner = add_key(database, name="school", role=Role.OPERATOR, by="test").key
    return IdempotentRequest(f"api:{owner.id}", "k", b"x" * 32)


@pytest.mark.usefixtures("guests")
def test_a_repeated_request_gets_the_same_response_without_an_effect(
    operator: httpx.Client, event: Event, database: Database
) -> None:
    body = {"eventId": event.id}
    first = operator.post(BATCH, json=body, headers=KEY)

    again = operator.post(BATCH, json=body, headers=KEY)

    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    with database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(batches)) == 1


@pytest.mark.usefixtures("guests")
def test_the_same_key_for_another_request_is_409(operator: httpx.Client, event: Event) -> None:
    operator.post(BATCH, json={"eventId": event.id}, headers=KEY)

    other_body = operator.post(BATCH, json={"eventId": event.slug}, headers=KEY)
    other_path = operator.post("/api/tickets/validate", json={"code": "x"}, headers=KEY)

    for refused in (other_body, other_path):
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "key_reused")


@pytest.mark.usefixtures("guests")
def test_a_key_belongs_to_its_sender(
    operator: httpx.Client,
    client_with: Callable[..., httpx.Client],
    key_of: Callable[[Role], str],
    event: Event,
) -> None:
    another = client_with(**{"X-API-Key": key_of(Role.ADMIN)})
    operator.post(BATCH, json={"eventId": event.id}, headers=KEY)

    theirs = another.post(BATCH, json={"eventId": event.slug}, headers=KEY)

    assert theirs.status_code == 202


def test_a_refused_request_is_not_stored(
    operator: httpx.Client, event: Event, guests: list[int]
) -> None:
    refused = operator.post(
        "/api/tickets/generate", json={"guestId": 999, "eventId": event.id}, headers=KEY
    )
    mended = operator.post(
        "/api/tickets/generate", json={"guestId": guests[0], "eventId": event.id}, headers=KEY
    )

    assert (refused.status_code, mended.status_code) == (404, 200)


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
def test_an_invalid_key_is_422(operator: httpx.Client, event: Event, key: str) -> None:
    refused = operator.post(BATCH, json={"eventId": event.id}, headers={"Idempotency-Key": key})

    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "unusable_idempotency_key"


def test_the_same_key_is_refused_during_the_first_request(
    database: Database, keyed_request: IdempotentRequest, now: datetime
) -> None:
    with (
        claim_key(database, keyed_request, at=now),
        pytest.raises(KeyInUse),
        claim_key(database, keyed_request, at=now),
    ):
        pass


def test_a_failed_request_releases_its_key(
    database: Database, keyed_request: IdempotentRequest, now: datetime
) -> None:
    with suppress(ZeroDivisionError), claim_key(database, keyed_request, at=now) as first:
        first.store(StoredResponse(200, b"{}"), at=now)
        raise ZeroDivisionError

    with claim_key(database, keyed_request, at=now) as second:
        assert second.response is None


def test_a_key_can_be_reused_after_a_day(
    database: Database, keyed_request: IdempotentRequest, now: datetime
) -> None:
    with claim_key(database, keyed_request, at=now) as first:
        first.store(StoredResponse(200, b"old"), at=now)
    other = IdempotentRequest(keyed_request.caller, keyed_request.key, b"y" * 32)
    with pytest.raises(KeyReused), claim_key(database, other, at=now + timedelta(hours=23)):
        pass

    tomorrow = now + timedelta(hours=24)
    with claim_key(database, other, at=tomorrow) as again:
        assert again.response is None
        again.store(StoredResponse(200, b"new"), at=tomorrow)

    with claim_key(database, other, at=tomorrow) as third:
        assert third.response == StoredResponse(200, b"new")


def test_old_responses_are_deleted(
    database: Database, keyed_request: IdempotentRequest, now: datetime
) -> None:
    with claim_key(database, keyed_request, at=now) as old:
        old.store(StoredResponse(200, b"{}"), at=now)
    with database.transaction() as connection:
        connection.execute(update(idempotency_keys).values(created_at=now - timedelta(days=2)))

    with claim_key(
        database, IdempotentRequest(keyed_request.caller, "new", b"x" * 32), at=now
    ) as claim:
        claim.store(StoredResponse(200, b"{}"), at=now)

    with database.transaction() as connection:
        assert list(connection.scalars(select(idempotency_keys.c.key))) == ["new"]
