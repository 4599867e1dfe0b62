"""An event's sheets for spreadsheets: written at once, or left to be mailed to the organiser."""

from collections.abc import Collection
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from ticketing.actions.missing import is_over
from ticketing.domain.events import Event
from ticketing.domain.exports import Export
from ticketing.gateways.sheet_file import Takes, write_sheet
from ticketing.store import audit, events, exports, outbox
from ticketing.store.database import Database

DAY = timedelta(days=1)


def write_export(
    database: Database, event: Event, export: Export, file: Takes, *, at: datetime
) -> int:
    """Write the sheet as it is now; how many rows. Memory stays flat however many there are."""
    with database.transaction() as connection:
        return write_rows(connection, event, export, file, at=at)


def write_rows(
    connection: Connection, event: Event, export: Export, file: Takes, *, at: datetime
) -> int:
    """The same, within a transaction."""
    with exports.sheet(connection, event.id, export, over=is_over(event, at)) as sheet:
        return write_sheet(file, sheet.columns, sheet.rows, zone=ZoneInfo(event.time_zone))


def mail_export(database: Database, event: Event, export: Export, *, at: datetime, by: str) -> bool:
    """Leave a mail with the sheet to the organiser; False when this day's was left already.

    What is in it is read when it is sent.
    """
    day = f"{at.astimezone(ZoneInfo(event.time_zone)):%Y-%m-%d}"
    with database.transaction() as connection:
        is_new = outbox.add(
            connection,
            event_id=event.id,
            purpose=outbox.EXPORT,
            subject=f"{event.slug} {export} {day}",
            recipient=outbox.ORGANISER,
            payload={"export": export, "asked": at.isoformat()},
        )
        if is_new:
            audit.record(
                connection, actor=by, action=exports.MAILED, event_id=event.id, subject=export
            )
        return is_new


def mail_daily_exports(
    database: Database, wanted: Collection[Export], *, near: timedelta, at: datetime, by: str
) -> int:
    """Leave these for every event so near in time of which anything changed in a day; how many."""
    with database.transaction() as connection:
        slugs = exports.changed(connection, since=at - DAY, near=(at - near, at + near))
        found = [events.get(connection, slug) for slug in slugs]
    return sum(
        mail_export(database, event, export, at=at, by=by) for event in found for export in wanted
    )
