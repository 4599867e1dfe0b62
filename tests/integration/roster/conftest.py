"""Fixtures: import a roster in one call, and read the event's guests."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import literal_column, select

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.roster.import_result import ImportOptions, ImportResult
from ticketing.roster.import_roster import import_roster
from ticketing.roster.sources.csv_file import RosterFile

Import = Callable[..., ImportResult]
ReadGuests = Callable[[], dict[str, dict[str, str | None]]]


@pytest.fixture
def import_csv(database: Database, event: Event, now: datetime, tmp_path: Path) -> Import:
    """Return a function that imports lines as a file; keywords are options."""

    def import_lines(*lines: str, **options: object) -> ImportResult:
        path = tmp_path / "roster.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return import_roster(
            database,
            event,
            RosterFile(path),
            options=ImportOptions(**options),  # type: ignore[arg-type]  # options by name
            at=now,
            by="operator",
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
