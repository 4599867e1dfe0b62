"""Queries for stored closing reports."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.closing import closing_reports
from ticketing.platform.db.tables.events import events


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A stored closing report without its file."""

    number: int
    sha256: str
    created_at: datetime
    created_by: str


def lock_chain(connection: Connection, event_id: int) -> StoredReport | None:
    """Return the last report; no other transaction adds one until this one ends."""
    connection.execute(
        select(events.c.id).where(events.c.id == event_id).with_for_update(key_share=True)
    )
    stored = list_for_event(connection, event_id)
    return stored[-1] if stored else None


def list_for_event(connection: Connection, event_id: int) -> list[StoredReport]:
    """Return the reports of an event, oldest first."""
    query = (
        select(*columns_of(StoredReport, closing_reports))
        .where(closing_reports.c.event_id == event_id)
        .order_by(closing_reports.c.number)
    )
    return [StoredReport(**row) for row in connection.execute(query).mappings()]


def find_file(connection: Connection, event_id: int, number: int) -> bytes | None:
    """Return the file of a report, or None."""
    query = select(closing_reports.c.file).where(
        closing_reports.c.event_id == event_id, closing_reports.c.number == number
    )
    return connection.execute(query).scalar()


def insert_report(connection: Connection, event_id: int, stored: StoredReport, file: bytes) -> None:
    """Store a report."""
    connection.execute(
        insert(closing_reports).values(
            event_id=event_id,
            number=stored.number,
            sha256=stored.sha256,
            file=file,
            created_at=stored.created_at,
            created_by=stored.created_by,
        )
    )
