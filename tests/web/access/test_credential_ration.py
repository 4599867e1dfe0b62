"""Tests that wrong keys and sessions are rationed before the database is asked."""

import re
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine
from sqlalchemy import event as engine_event

from ticketing.access.credential_ration import MAX_REMEMBERED, WRONG_A_MINUTE, CredentialRation
from ticketing.access.keys.key_queries import revoke_key
from ticketing.access.sessions.session_token import SESSION_COOKIE, new_token
from ticketing.platform.db.database import Database
from ticketing.platform.http.errors import TooManyRequests

GUARDED = "/api/events/wisuda-2026/missing-tickets/count"
ASKED = re.compile(r"FROM (api_keys|sessions)")


@pytest.fixture
def questions() -> Iterator[list[str]]:
    """Collect the statements about keys and sessions of every engine."""
    found: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if ASKED.search(statement):
            found.append(statement)

    engine_event.listen(Engine, "before_cursor_execute", note)
    yield found
    engine_event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.usefixtures("event")
def test_wrong_keys_of_a_network_are_refused_without_a_query_and_right_ones_go_on(
    anonymous_client: httpx.Client, viewer: httpx.Client, questions: list[str]
) -> None:
    assert viewer.get(GUARDED).status_code == 200
    questions.clear()

    def try_key(key: str) -> httpx.Response:
        return anonymous_client.get(GUARDED, headers={"X-API-Key": key})

    wrong = [try_key(f"tk_{new_token()}") for _ in range(WRONG_A_MINUTE + 5)]

    assert {answer.status_code for answer in wrong[:WRONG_A_MINUTE]} == {401}
    assert wrong[-1].status_code == 429
    assert int(wrong[-1].headers["Retry-After"]) >= 1
    assert len(questions) <= WRONG_A_MINUTE + 1  # a token flows back in two seconds
    assert viewer.get(GUARDED).status_code == 200


def test_what_cannot_be_a_key_and_a_repeated_wrong_one_ask_nothing(
    anonymous_client: httpx.Client, questions: list[str]
) -> None:
    repeated = f"tk_{new_token()}"
    keys = ["tk_invented", "x" * 46, f"{repeated}x", "tk_" + "é" * 43, *[repeated] * 50]

    statuses = {
        anonymous_client.get(GUARDED, headers={b"X-API-Key": key.encode()}).status_code
        for key in keys
    }

    assert (statuses, len(questions)) == ({401}, 1)


def test_wrong_sessions_are_rationed_as_well(
    anonymous_client: httpx.Client, questions: list[str]
) -> None:
    statuses = [
        anonymous_client.get(
            "/health", headers={"Cookie": f"{SESSION_COOKIE}={new_token()}"}
        ).status_code
        for _ in range(WRONG_A_MINUTE + 5)
    ]

    assert (statuses[0], statuses[-1]) == (200, 429)
    assert len(questions) <= WRONG_A_MINUTE + 1


@pytest.mark.usefixtures("event")
def test_a_key_that_was_right_and_is_revoked_counts_as_wrong(
    viewer: httpx.Client, database: Database, questions: list[str]
) -> None:
    assert viewer.get(GUARDED).status_code == 200
    revoke_key(database, name="the viewer", by="test")
    questions.clear()

    statuses = {viewer.get(GUARDED).status_code for _ in range(3)}

    assert (statuses, len(questions)) == ({401}, 1)


def test_right_credentials_use_up_no_ration_however_many_there_are() -> None:
    ration = CredentialRation()
    network = "198.51.100.7"

    for token in (new_token() for _ in range(WRONG_A_MINUTE * 2)):
        assert ration.reserve(network, token)
        ration.note_right(network, token)
        ration.note_right(network, token)

    assert all(ration.limiter.wait_seconds(network) == 0 for _ in range(WRONG_A_MINUTE))
    with pytest.raises(TooManyRequests, match="wait"):
        ration.reserve(network, new_token())


def test_remembered_credentials_take_a_limited_memory() -> None:
    ration = CredentialRation()
    tokens = [new_token() for _ in range(MAX_REMEMBERED + 1)]

    for token in tokens:
        ration.note_wrong(token)

    assert ration.reserve("198.51.100.7", tokens[0])  # forgotten
    assert not ration.reserve("198.51.100.7", tokens[-1])
