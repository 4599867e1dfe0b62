"""Tests of check-ins over HTTP: a phone is paired, scans on- and offline, and is shut out."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from ticketing.access.caller import Role
from ticketing.access.users.manage import NewUser, create_user
from ticketing.access.users.user import UnusableUser
from ticketing.crypto.document_signature import is_document_signed
from ticketing.crypto.ticket_token import decode_token
from ticketing.crypto.verify import verify_signature
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.checkins import gate_pairings
from ticketing.platform.db.tables.tickets import generated_tickets

Post = Callable[..., Any]


@pytest.fixture
def tickets(
    operator: httpx.Client, event: Event, guests: list[int], database: Database
) -> list[str]:
    """Generate tickets; return the texts of their QR codes, by guest."""
    for guest in guests:
        body = {"guestId": guest, "eventId": event.id}
        operator.post("/api/tickets/generate", json=body).raise_for_status()
    with database.transaction() as connection:
        query = select(generated_tickets.c.qr_code_data).order_by(generated_tickets.c.id)
        return list(connection.execute(query).scalars())


@pytest.fixture
def code(operator: httpx.Client, event: Event) -> str:
    """Create a pairing code for a phone."""
    paired = operator.post(f"/api/events/{event.slug}/gates", json={"name": "Gate 2"})
    assert "/gate/#pair=" in paired.json()["data"]["url"]
    return str(paired.json()["data"]["code"])


@pytest.fixture
def gate(
    anonymous_client: httpx.Client, client_with: Callable[..., httpx.Client], code: str
) -> httpx.Client:
    """Pair a phone; return its client."""
    key = anonymous_client.post("/api/gates/pair", json={"code": code}).json()["data"]["key"]
    return client_with(Authorization=f"Bearer {key}")


@pytest.fixture
def scan(gate: httpx.Client, event: Event) -> Post:
    """Return a function that sends a scan of the phone."""

    def send(nonce: str, **fields: object) -> Any:  # noqa: ANN401 - JSON
        body = {"eventId": event.slug, "nonce": nonce, **fields}
        answer = gate.post("/api/checkins", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    return send


def token_id_of(qr_text: str) -> str:
    """Return the id of a token as a gate stores it."""
    return urlsafe_b64encode(decode_token(qr_text).claims.token_id).rstrip(b"=").decode()


def test_a_phone_admits_a_ticket_once_and_its_scans_carry_its_name(
    scan: Post, tickets: list[str]
) -> None:
    first = scan("nonce-0001", code=tickets[0])
    second = scan("nonce-0002", code=tickets[0])
    repeated = scan("nonce-0001", code=tickets[0])

    assert (first["verdict"], first["ticket"]["fullName"]) == ("admitted", "Ayu Lestari")
    assert first["gate"].startswith("Gate 2 (")
    assert (second["verdict"], second["reason"]) == ("refused", "already used")
    assert second["related"]["gate"] == first["gate"]
    assert repeated == first


def test_scans_made_without_network_are_sent_together_and_again_without_doubles(
    gate: httpx.Client, event: Event, tickets: list[str]
) -> None:
    at = datetime.now(UTC).isoformat()
    scans = [
        {"nonce": f"offline-{number}", "tokenId": token_id_of(text), "at": at, "offline": True}
        for number, text in enumerate([tickets[0], tickets[1], tickets[0]])
    ]
    body = {"eventId": event.slug, "scans": scans}

    sent = gate.post("/api/checkins/batch", json=body).json()["data"]["checkins"]
    again = gate.post("/api/checkins/batch", json=body).json()["data"]["checkins"]
    counts = gate.get(f"/api/events/{event.slug}/checkins/counts").json()["data"]

    assert [one["verdict"] for one in sent] == ["admitted", "admitted", "conflict"]
    assert again == sent
    entrance = counts["lists"][0]
    assert (entrance["entered"], entrance["inside"], entrance["conflicts"]) == (2, 2, 1)
    assert [one["nonce"] for one in counts["conflicts"]] == ["offline-2"]
    assert counts["gates"][0]["entries"] == 2


def test_an_undone_scan_lets_the_ticket_in_again(
    gate: httpx.Client, scan: Post, event: Event, tickets: list[str]
) -> None:
    scan("nonce-0001", code=tickets[0])
    undone = gate.post(
        "/api/checkins/nonce-0001/undo", json={"eventId": event.slug, "reason": "wrong person"}
    )

    assert undone.json()["data"]["undoneAt"] is not None
    assert scan("nonce-0002", code=tickets[0])["verdict"] == "admitted"


def test_a_person_without_a_ticket_is_found_by_name(
    gate: httpx.Client, scan: Post, event: Event, tickets: list[str]
) -> None:
    scan("nonce-0001", code=tickets[0])
    search = f"/api/events/{event.slug}/checkins/search"

    [found] = gate.get(search, params={"q": "lestari AYU"}).json()["data"]["tickets"]

    assert (found["fullName"], found["enteredGate"]) == (
        "Ayu Lestari",
        scan("n" * 8, code="TC-x")["gate"],
    )
    assert gate.get(search, params={"q": "%%"}).json()["data"]["tickets"] == []


def test_the_pack_lets_a_gate_decide_without_network(
    gate: httpx.Client, scan: Post, event: Event, tickets: list[str]
) -> None:
    scan("nonce-0001", code=tickets[0])

    answer = gate.get(f"/api/events/{event.slug}/gate-pack", params={"names": True}).json()["data"]

    pack = json.loads(answer["pack"])
    public_key, signature = (_decode(answer[name]) for name in ("publicKey", "signature"))
    ids = _split(pack["tickets"]["ids"])
    token = decode_token(tickets[1])
    keys = {int(number): _decode(key) for number, key in pack["keys"].items()}
    assert is_document_signed(answer["pack"].encode(), signature, public_key)
    assert not is_document_signed(answer["pack"].encode() + b" ", signature, public_key)
    assert verify_signature(token, keys).is_valid
    assert ids == sorted(ids)
    assert pack["tickets"]["names"][ids.index(token.claims.token_id)] == "Budi Santoso"
    assert _split(pack["lists"][0]["used"]) == [decode_token(tickets[0]).claims.token_id]
    assert pack["refused"] == ""


def test_a_pairing_code_works_once_and_for_minutes(
    anonymous_client: httpx.Client, operator: httpx.Client, database: Database, event: Event,
    code: str,
) -> None:  # fmt: skip
    other = operator.post(f"/api/events/{event.slug}/gates", json={"name": "Gate 3"}).json()
    with database.transaction() as connection:
        late = update(gate_pairings).where(gate_pairings.c.gate == "Gate 3")
        connection.execute(late.values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))

    answers = [
        anonymous_client.post("/api/gates/pair", json={"code": each}).status_code
        for each in (code, code, other["data"]["code"])
    ]

    assert answers == [201, 404, 404]


def test_a_lost_phone_is_shut_out_at_once(
    operator: httpx.Client, gate: httpx.Client, event: Event
) -> None:
    gates = f"/api/events/{event.slug}/gates"
    [listed] = operator.get(gates).json()["data"]["gates"]

    shut = operator.post(f"{gates}/shut-out", json={"name": listed["name"]}).json()["data"]["gates"]

    assert shut[0]["revokedAt"] is not None
    assert gate.get(f"/api/events/{event.slug}/checkin-lists").status_code == 401
    assert operator.post(f"{gates}/shut-out", json={"name": "Gate 9"}).status_code == 404


def test_the_key_of_a_phone_opens_nothing_but_the_check_in_of_its_event(
    gate: httpx.Client, event: Event, database: Database
) -> None:
    answers = [
        gate.get(f"/api/events/{event.slug}/missing-tickets").status_code,
        gate.get(f"/api/events/{event.slug}/gates").status_code,
        gate.get("/api/events/another-event/checkin-lists").status_code,
        gate.post("/api/tickets/validate", json={"code": "x", "eventId": event.slug}).status_code,
    ]

    assert answers == [403] * 4
    with pytest.raises(UnusableUser, match="paired with `ticketing checkin pair`"):
        create_user(database, NewUser("doorman", Role.GATE), "a long pass phrase", by="test")


def test_a_list_for_some_ticket_types_is_created_once(operator: httpx.Client, event: Event) -> None:
    lists, body = f"/api/events/{event.slug}/checkin-lists", {"name": "Lounge", "ticketTypes": []}

    made, again = (operator.post(lists, json=body).status_code for _ in range(2))
    unknown = operator.post(lists, json={"name": "Backstage", "ticketTypes": ["Crew"]})

    assert (made, again, unknown.status_code) == (201, 409, 422)
    names = [one["name"] for one in operator.get(lists).json()["data"]["lists"]]
    assert names == ["Entrance", "Lounge"]


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _split(ids: str) -> list[bytes]:
    joined = _decode(ids)
    return [joined[start : start + 10] for start in range(0, len(joined), 10)]
