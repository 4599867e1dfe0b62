"""Fixtures: guests without tickets, and the dependencies of issuing."""

from collections.abc import Callable
from datetime import datetime
from itertools import count

import pytest
from sqlalchemy import insert, select, text

from ticketing.crypto.keyring import KeyRing
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events as events_table
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.tickets.batches import queries as batch_queries


@pytest.fixture
def keys() -> KeyRing:
    """Return the key ring of a fixed master secret."""
    return KeyRing(bytes(range(32)))


@pytest.fixture
def add_guests(database: Database) -> Callable[..., list[int]]:
    """Return a function that adds guests named Guest 1, Guest 2 … and returns their ids."""
    numbers = count(1)

    def add_people(event: Event, how_many: int, **entitlement: object) -> list[int]:
        guest_ids = []
        with database.transaction() as connection:
            kind = (
                connection.execute(
                    select(ticket_types.c.id).where(ticket_types.c.event_id == event.id)
                ).scalar()
                or connection.execute(
                    insert(ticket_types)
                    .values(event_id=event.id, name="Graduate")
                    .returning(ticket_types.c.id)
                ).scalar_one()
            )
            for number in (next(numbers) for _ in range(how_many)):
                guest_id = connection.execute(
                    insert(guests)
                    .values(
                        event_id=event.id,
                        natural_key=f"id:S{number:05}",
                        external_id=f"S{number:05}",
                        first_name="Guest",
                        last_name=str(number),
                        full_name=f"Guest {number}",
                        email=f"guest{number}@example.org",
                        phone=f"+62811{number:07}",
                    )
                    .returning(guests.c.id)
                ).scalar_one()
                connection.execute(
                    insert(entitlements).values(
                        event_id=event.id, guest_id=guest_id, ticket_type_id=kind, **entitlement
                    )
                )
                guest_ids.append(guest_id)
        return guest_ids

    return add_people


@pytest.fixture
def other_event(database: Database) -> Event:
    """Create a second event a week after the first."""
    with database.transaction() as connection:
        connection.execute(
            insert(events_table).from_select(
                ["slug", "name", "starts_at", "ends_at", "time_zone", "locale", "venue", "region"],
                text(
                    "VALUES ('reuni-2026', 'Reuni', timestamptz '2026-12-19 01:00Z',"
                    " timestamptz '2026-12-19 05:00Z', 'Asia/Jakarta', 'id', 'Aula', 'ID')"
                ).columns(),
            )
        )
        return event_queries.get(connection, "reuni-2026")


@pytest.fixture
def new_job(database: Database, now: datetime) -> Callable[..., int]:
    """Return a function that opens a batch and returns its job id."""
    numbers = count(1)

    def open_job(event: Event) -> int:
        with database.transaction() as connection:
            return batch_queries.get_or_create_batch(
                connection,
                key=f"batch-{next(numbers)}",
                event=event,
                template_id="classic",
                options={},
                by="operator",
                at=now,
            ).id

    return open_job


@pytest.fixture
def job_id(new_job: Callable[..., int], event: Event) -> int:
    """Open a batch of the event."""
    return new_job(event)
