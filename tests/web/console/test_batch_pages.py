"""Tests of the console's batches and jobs: retry one or all, take off the list, notifications."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import Connection, insert, select, update

from tests.plugins.waiting import ASK_EVERY_SECONDS, PATIENCE_SECONDS
from ticketing.access.caller import Role
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.tickets import batches, generated_tickets, ticket_generation_logs
from ticketing.tickets.generate import GenerationRequest

Opener = Callable[..., httpx.Client]
PATH, JOBS = "/console/batches", "/console/jobs"


def hidden(html: str, name: str) -> str:
    """Return the value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]+)"', html)
    assert found is not None
    return found[1]


@pytest.fixture
def failed_batches(database: Database, event: Event, guests: list[int]) -> dict[str, int]:
    """Insert four batches: for one guest, with a failed guest, a reissue, and a completed one."""
    at, ids = datetime.now(UTC), dict[str, int]()
    chosen = GenerationRequest(by="api", at=at, guest_ids=guests[:1]).options()
    everybody = GenerationRequest(by="api", at=at).options()
    with database.transaction() as connection:
        for key, state, options, failed in (
            ("one", "cancelled", chosen, 0), ("some", "completed", everybody, 1),
            ("reissue-ab12", "failed", everybody, 0), ("whole", "completed", everybody, 0),
        ):  # fmt: skip
            row = {
                "batch_key": key, "event_id": event.id, "state": state, "template_id": "classic",
                "options": options, "requested_by": "api", "started_at": at, "completed_at": at,
                "failed_count": failed, "guest_ids": guests[:1] if key == "one" else None,
            }  # fmt: skip
            query = insert(batches).values(row).returning(batches.c.id)
            ids[key] = connection.execute(query).scalar_one()
        failure = {"job_id": ids["some"], "event_id": event.id, "guest_id": guests[1]}
        connection.execute(
            insert(ticket_generation_logs).values(
                failure | {"status": "failed", "message": "no <font> has it", "details": {}}
            )
        )
    return ids


def wait_until_ended(client: httpx.Client, path: str) -> None:
    """Wait until the page of a batch no longer loads itself again."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while 'http-equiv="refresh"' in client.get(path).text:
        assert time.monotonic() < deadline
        time.sleep(ASK_EVERY_SECONDS)


def keys(client: httpx.Client, **query: str) -> list[str]:
    """Return the keys of the listed batches, from the newest."""
    return re.findall(r'href="/console/batches/([\w-]+)"', client.get(PATH, params=query).text)


def holders(connection: Connection) -> list[int]:
    """Return the guests with a ticket."""
    return sorted(connection.execute(select(generated_tickets.c.guest_id)).scalars())


@pytest.mark.usefixtures("failed_batches")
def test_batches_of_the_own_events_are_listed_and_filtered(signed_in: Opener, event: Event) -> None:
    clients = [signed_in(role) for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN)]
    own, other = (signed_in(Role.OPERATOR, [number]) for number in (event.id, event.id + 1))
    everything = ["whole", "reissue-ab12", "some", "one"]

    for client in (*clients, own):
        assert keys(client) == keys(client, event=event.slug) == everything
        assert keys(client, failed="true") == everything[1:]
        assert keys(client, state="completed") == ["whole", "some"]
    assert keys(other) == []
    assert other.get(PATH, params={"event": event.slug}).status_code == 403
    assert "Queues" not in own.get(PATH).text
    assert ">Retry<" not in clients[0].get(PATH).text
    assert "no &lt;font&gt; has it" in clients[0].get(f"{PATH}/some").text


@pytest.mark.usefixtures("failed_batches")
def test_a_batch_is_retried_for_whom_it_was_requested_or_failed_and_once(
    signed_in: Opener, guests: list[int], database: Database
) -> None:
    operator = signed_in(Role.OPERATOR)
    page = operator.get(PATH).text
    fields = {"token": hidden(page, "token"), "key": hidden(page, "key")}

    one = operator.post(f"{PATH}/one/retry", data=fields)
    first, again = (operator.post(f"{PATH}/some/retry", data=fields) for _ in range(2))
    reissue = operator.post(f"{PATH}/reissue-ab12/retry", data=fields)
    whole = operator.post(f"{PATH}/whole/retry", data=fields)
    for answer in (one, first):
        wait_until_ended(operator, answer.headers["Location"])

    assert one.headers["Location"] == f"{PATH}/one"
    assert first.headers["Location"] == again.headers["Location"] == f"{PATH}/{fields['key']}"
    assert (reissue.status_code, "--plan ab12" in reissue.text) == (422, True)
    assert whole.status_code == 409
    assert keys(operator, failed="true") == ["reissue-ab12"]
    with database.transaction() as connection:
        assert holders(connection) == sorted(guests[:2])


def test_all_batches_are_retried_or_dismissed_as_many_as_the_page_said(
    signed_in: Opener, event: Event, failed_batches: dict[str, int], database: Database
) -> None:
    operator, viewer, own = (
        signed_in(Role.OPERATOR), signed_in(Role.VIEWER), signed_in(Role.OPERATOR, [event.id])
    )  # fmt: skip
    of_event = f"/console/events/{event.slug}/batches"
    fields = {"token": hidden(operator.get(PATH).text, "token"), "count": "3"}
    own_fields = fields | {"token": hidden(own.get(PATH).text, "token")}

    refused = [
        viewer.post(f"{JOBS}/batches/dismiss", data=fields),
        own.post(f"{JOBS}/batches/dismiss", data=own_fields),
        operator.post(f"{JOBS}/batches/dismiss", data={"count": "3"}),
        operator.post(f"{JOBS}/batches/dismiss", data=fields | {"count": "2"}),
        operator.post(f"{JOBS}/batches/nonsense", data=fields),
    ]
    with database.transaction() as connection:
        reissue = batches.c.id == failed_batches["reissue-ab12"]
        connection.execute(update(batches).where(reissue).values(state="completed"))
    retried = own.post(f"{of_event}/retry", data=own_fields | {"count": "2", "key": "again"})
    wait_until_ended(own, f"{PATH}/one")
    wait_until_ended(own, f"{PATH}/again-1")
    with database.transaction() as connection:
        connection.execute(update(batches).where(reissue).values(state="failed"))
    dismissed = operator.post(f"{JOBS}/batches/dismiss", data=fields | {"count": "1"})

    assert [one.status_code for one in refused] == [403, 403, 403, 409, 422]
    assert (retried.status_code, dismissed.status_code) == (303, 303)
    assert keys(operator, failed="true") == []
    assert "Nothing waits for a person." in operator.get("/console").text
    with database.transaction() as connection:
        actions = connection.execute(select(audit_log.c.action, audit_log.c.subject)).all()
    assert [subject for action, subject in actions if action == "batches.dismiss"] == [
        "some", "reissue-ab12"
    ]  # fmt: skip


def test_stuck_notifications_are_processed_again_or_taken_off_the_list(
    signed_in: Opener, database: Database
) -> None:
    at = datetime.now(UTC)
    later = at + timedelta(days=1)
    rows = [
        {"processed_at": None, "outcome": "", "attempt_count": 3, "claimed_until": later},
        {"processed_at": at, "outcome": "quarantined", "attempt_count": 1, "claimed_until": None},
        {"processed_at": at, "outcome": "quarantined", "attempt_count": 1, "claimed_until": None},
        {"processed_at": at, "outcome": "applied", "attempt_count": 1, "claimed_until": None},
    ]  # fmt: skip
    with database.transaction() as connection:
        for number, row in enumerate(rows):
            values = row | {
                "provider": "midtrans", "unique_key": str(number), "body": b"{}",
                "external_reference": f"ORD-{number}", "received_at": at, "reason": "no <order>",
            }  # fmt: skip
            connection.execute(insert(inbound_webhooks).values(values))
        ids = connection.execute(select(inbound_webhooks.c.id).order_by("id")).scalars().all()
    operator, viewer = signed_in(Role.OPERATOR), signed_in(Role.VIEWER)
    page = operator.get(PATH).text
    fields, form = {"token": hidden(page, "token")}, f"{JOBS}/notifications"

    answers = [
        viewer.post(f"{form}/{ids[0]}/retry", data=fields),
        operator.post(f"{form}/{ids[0]}/dismiss", data=fields),  # it is tried again by itself
        operator.post(f"{form}/{ids[3]}/retry", data=fields),
        operator.post(f"{form}/retry", data=fields | {"count": "2"}),
        operator.post(f"{form}/{ids[1]}/dismiss", data=fields),
        operator.post(f"{form}/{ids[2]}/retry", data=fields),
        operator.post(f"{form}/retry", data=fields | {"count": "1"}),
    ]

    assert "no &lt;order&gt;" in page
    assert "Process all 3 now" in page
    assert [one.status_code for one in answers] == [403, 409, 409, 409, 303, 303, 303]
    with database.transaction() as connection:
        table = inbound_webhooks.c
        states = connection.execute(
            select(table.outcome, table.attempt_count, table.claimed_until).order_by(table.id)
        ).all()
    assert [tuple(one) for one in states] == [
        ("", 0, None), ("dismissed", 1, None), ("", 0, None), ("applied", 1, None)
    ]  # fmt: skip
    assert "Payment notifications that were not applied" not in operator.get(PATH).text
