"""Fixtures: import a roster in one call, issue tickets, and read guests and holders."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import literal_column, select

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.roster.import_result import ImportOptions, ImportResult
from ticketing.roster.import_roster import import_roster
from ticketing.roster.sources.csv_file import RosterFile
from ticketing.tickets.issuing.issue import issue_tickets

Import = Callable[..., ImportResult]
ReadGuests = Callable[[], dict[str, dict[str, str | None]]]


@pytest.fixture
def import_csv(database: Database, event: Event, now: datetime, tmp_path: Path) -> Import:
    """Return a function that imports lines as a file; keywords are options.

    `after_plan` is called once, between the plan and the first write.
    """

    def import_lines(
        *lines: str, after_plan: Callable[[], object] | None = None, **options: object
    ) -> ImportResult:
        waiting = [after_plan] if after_plan else []
        path = tmp_path / "roster.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return import_roster(
            database,
            event,
            RosterFile(path),
            options=ImportOptions(**options),  # type: ignore[arg-type]  # options by name
            at=now,
            by="operator",
            progress=lambda *_: waiting and waiting.pop()(),
        )

    return import_lines


@pytest.fixture
def read_guests(database: Database, event: Event) -> ReadGuests:
    """Return a function that reads guests by natural key with their roster entitlement."""
    query = (
        select(
            guests.c.natural_key,
            guests.c.external_id,
            guests.c.first_name,
            guests.c.last_name,
            guests.c.full_name,
            guests.c.email,
            guests.c.phone,
            ticket_types.c.name.label("ticket_type"),
            entitlements.c.seat,
            entitlements.c.hold_reason,
            entitlements.c.state,
        )
        .join(entitlements, entitlements.c.guest_id == guests.c.id)
        .join(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
        .where(guests.c.event_id == event.id)
        .order_by(guests.c.id)
    )

    def by_key() -> dict[str, dict[str, str | None]]:
        with database.transaction() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return {row.pop("natural_key"): row for row in rows}

    return by_key


@pytest.fixture
def issue(
    database: Database, event: Event, keys: KeyRing, job_id: int, now: datetime
) -> Callable[[], int]:
    """Return a function that issues the missing tickets and returns their number."""

    def issue_missing() -> int:
        return issue_tickets(
            database, event, keys=keys, job_id=job_id, at=now, by="operator"
        ).created

    return issue_missing


@pytest.fixture
def read_holders(database: Database) -> Callable[[], dict[str, tuple[str, str]]]:
    """Return a function that reads natural key and name of the holder of each live ticket."""
    query = (
        select(generated_tickets.c.ticket_code, guests.c.natural_key, guests.c.full_name)
        .join(guests, guests.c.id == generated_tickets.c.guest_id)
        .where(generated_tickets.c.state == "live")
        .order_by(generated_tickets.c.id)
    )

    def by_code() -> dict[str, tuple[str, str]]:
        with database.transaction() as connection:
            return {code: (key, name) for code, key, name in connection.execute(query)}

    return by_code


@pytest.fixture
def read_row_versions(database: Database) -> Callable[[], list[tuple[str, int, str]]]:
    """Return a function that reads each row's last transaction, to prove that none wrote."""

    def row_versions() -> list[tuple[str, int, str]]:
        with database.transaction() as connection:
            return [
                (table.name, row.id, row.version)
                for table in (guests, entitlements)
                for row in connection.execute(
                    select(table.c.id, literal_column("xmin::text").label("version")).order_by(
                        table.c.id
                    )
                )
            ]

    return row_versions
