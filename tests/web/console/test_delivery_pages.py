"""Tests of the console's pages of messages: filters, retries with their number first, opt-outs."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import Connection, insert, select

from ticketing.access.caller import Role
from ticketing.console.deliveries import ledger_queries
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.notifications import (
    channel_circuit_breakers,
    deliveries,
    opt_outs,
)
from ticketing.platform.db.tables.operations import audit_log

Opener = Callable[..., httpx.Client]
PATH = "/console/deliveries"


def token_of(client: httpx.Client) -> str:
    """Return the token of the forms of a session."""
    found = re.search(r'name="token" value="([^"]+)"', client.get(PATH).text)
    assert found is not None
    return found[1]


def addresses(client: httpx.Client, **query: str) -> list[str]:
    """Return the addresses that the ledger shows, from the newest."""
    return re.findall(r"<span>([\w.]+@[\w.]+|\+\d+) <small", client.get(PATH, params=query).text)


def states_of(connection: Connection) -> dict[int, str]:
    """Return the state of each delivery by its id."""
    rows = connection.execute(select(deliveries.c.id, deliveries.c.state))
    return {row.id: row.state for row in rows}


@pytest.mark.usefixtures("messages")
def test_messages_are_filtered_and_paged_from_the_newest(
    signed_in: Opener, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, other = signed_in(Role.VIEWER), signed_in(Role.VIEWER, [event.id + 1])
    everything = ["d@example.org", "c@example.org", "+628111", "a@example.org"]

    assert addresses(viewer) == addresses(viewer, event=event.slug) == everything
    assert addresses(viewer, failed="true") == everything[2:]
    assert addresses(viewer, channel="mail", state="failed") == everything[3:]
    assert addresses(viewer, channel="pigeon") == everything
    assert addresses(other) == []
    assert "550 no such mailbox" in viewer.get(PATH).text
    monkeypatch.setattr(ledger_queries, "PAGE", 3)
    before = re.search(r"before=(\d+)", viewer.get(PATH).text)
    assert before is not None
    assert addresses(viewer) + addresses(viewer, before=before[1]) == everything


def test_failed_messages_of_a_filter_are_sent_again_as_many_as_the_plan_said(
    signed_in: Opener, event: Event, messages: list[int], database: Database
) -> None:
    operator, form = signed_in(Role.OPERATOR), f"/console/events/{event.slug}/deliveries/resend"
    fields = {"token": token_of(operator)}

    mails = operator.post(f"{form}/plan", data=fields | {"channel": "mail"}).text
    everything = operator.post(f"{form}/plan", data=fields).text
    wrong = operator.post(form, data=fields | {"count": "3"})
    unsaid = operator.post(form, data=fields)
    done = operator.post(form, data=fields | {"count": "1", "channel": "mail"})

    assert "Send 1 messages again now" in mails
    assert "Send 2 messages again now" in everything
    assert [one.status_code for one in (wrong, unsaid, done)] == [409, 409, 303]
    with database.transaction() as connection:
        states = states_of(connection)
        entries = connection.execute(select(*audit_log.c["action", "items"])).all()
    assert [states[one] for one in messages] == ["queued", "failed", "sent", "queued"]
    assert [(action, items) for action, items in entries if "resend" in action] == [
        ("deliveries.resend_failed", 1)
    ]


def test_one_message_is_sent_again_another_cancelled_and_no_stranger_may(
    signed_in: Opener, event: Event, messages: list[int], database: Database
) -> None:
    operator, viewer = signed_in(Role.OPERATOR), signed_in(Role.VIEWER)
    own, other = (signed_in(Role.OPERATOR, [number]) for number in (event.id, event.id + 1))
    failed, _, sent, waiting = messages

    def post(client: httpx.Client, form: str, token: str) -> int:
        return client.post(f"{PATH}/{form}", data={"token": token}).status_code

    token = token_of(operator)
    for client in (viewer, other, operator):
        for form in (f"{failed}/resend", f"{waiting}/cancel", "channels/mail/resume", "opt-outs"):
            assert post(client, form, "0" * 64) == 403
    assert other.get(f"{PATH}/opt-outs").status_code == 403
    assert post(own, f"{failed}/resend", token_of(own)) == 303
    assert post(operator, f"{waiting}/cancel", token) == 303
    assert post(operator, f"{sent}/cancel", token) == 422
    assert post(operator, "channels/mail/resume", token) == 422
    with database.transaction() as connection:
        states = states_of(connection)
    assert states[failed] == "queued"


def test_a_paused_channel_is_shown_with_its_reason_and_resumed(
    signed_in: Opener, database: Database
) -> None:
    at, operator = datetime.now(UTC), signed_in(Role.OPERATOR)
    with database.transaction() as connection:
        connection.execute(
            insert(channel_circuit_breakers).values(
                channel="whatsapp", paused_until=at, stopped_at=at, reason="16 of the last 50"
            )
        )
    before = operator.get(PATH).text

    done = operator.post(f"{PATH}/channels/whatsapp/resume", data={"token": token_of(operator)})

    assert "16 of the last 50" in before
    assert done.status_code == 303
    assert "16 of the last 50" not in operator.get(PATH).text


def test_an_excluded_address_is_found_and_taken_back(signed_in: Opener, database: Database) -> None:
    operator, path = signed_in(Role.OPERATOR), f"{PATH}/opt-outs"
    token = {"token": token_of(operator)}

    wrong = operator.post(path, data=token | {"address": "nobody"})
    operator.post(path, data=token | {"address": "Budi@Example.org"})
    listed = operator.get(path, params={"q": "BUDI"}).text
    operator.post(path, data=token | {"address": "budi@example.org", "answer": "undo"})

    assert (wrong.status_code, 'value="nobody"' in wrong.text) == (422, True)
    assert "budi@example.org" in listed
    with database.transaction() as connection:
        assert connection.execute(select(opt_outs.c.address)).all() == []
        rows = connection.execute(select(audit_log.c.action).order_by(audit_log.c.id)).scalars()
        assert [*rows][-2:] == ["messages.opt_out", "messages.opt_out_undone"]
