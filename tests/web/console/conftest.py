"""Fixtures of the console's pages: staff of the shop, a paid order, and messages."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import insert, select

from simulators.trust import trusted
from ticketing.access.caller import Role
from ticketing.access.sessions.session_token import SESSION_COOKIE
from ticketing.events.model import Event
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.outbox import outbox as outbox_table

Opener = Callable[..., httpx.Client]


@pytest.fixture
def staff(shop: httpx.Client, session_of: Callable[..., str]) -> Iterator[Opener]:
    """Return a function that signs in to the console of the shop as a new user of a role."""
    with ExitStack() as stack:

        def open_client(role: Role, event_ids: list[int] | None = None) -> httpx.Client:
            headers = {
                "Cookie": f"{SESSION_COOKIE}={session_of(role, event_ids)}",
                "Origin": str(shop.base_url).rstrip("/"),
            }
            client = httpx.Client(
                base_url=shop.base_url, headers=headers, timeout=30, verify=trusted()
            )
            return stack.enter_context(client)

        yield open_client


@pytest.fixture
def messages(database: Database, event: Event) -> list[int]:
    """Insert four messages: two failed, one of them by WhatsApp, one sent, one waiting."""
    at, ids = datetime.now(UTC), list[int]()
    with database.transaction() as connection:
        for address, channel, state in (
            ("a@example.org", "mail", "failed"), ("+628111", "whatsapp", "failed"),
            ("c@example.org", "mail", "sent"), ("d@example.org", "mail", "queued"),
        ):  # fmt: skip
            outbox.enqueue(
                connection, event_id=event.id, purpose=outbox.TICKET_READY, subject=address,
                recipient=address, payload={},
            )  # fmt: skip
            own = select(outbox_table.c.id).where(outbox_table.c.subject == address)
            values = {"outbox_id": own.scalar_subquery(), "event_id": event.id, "channel": channel,
                      "address": address, "state": state, "queued_at": at,
                      "next_attempt_at": at if state == "queued" else None,
                      "last_error": "550 no such mailbox" if state == "failed" else ""}  # fmt: skip
            query = insert(deliveries).values(values).returning(deliveries.c.id)
            ids.append(connection.execute(query).scalar_one())
        connection.execute(outbox_table.update().values(processed_at=at))
    return ids
