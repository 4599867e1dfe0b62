"""Fixtures: two issued tickets of an event, one of each type."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import pytest
from sqlalchemy import select

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.issuing.issue import issue_tickets

AddGuests = Callable[..., list[int]]


class Issued(NamedTuple):
    """An issued ticket: its code and QR text."""

    id: int
    guest_id: int
    code: str
    qr_text: str
    token_id: bytes


@pytest.fixture
def tickets(
    *,
    database: Database,
    event: Event,
    add_guests: AddGuests,
    job_id: int,
    keys: KeyRing,
    now: datetime,
) -> list[Issued]:
    """Issue two tickets of the event."""
    add_guests(event, 2, seat="A-1")
    issue_tickets(database, event, keys=keys, job_id=job_id, at=now, by="test")
    query = select(
        generated_tickets.c.id,
        generated_tickets.c.guest_id,
        generated_tickets.c.ticket_code,
        generated_tickets.c.qr_code_data,
        generated_tickets.c.token_id,
    ).order_by(generated_tickets.c.id)
    with database.transaction() as connection:
        return [Issued(*row) for row in connection.execute(query)]
