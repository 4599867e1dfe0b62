"""CSV exports of an event: written to a file, or mailed to the organiser."""

from collections.abc import Collection
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db import audit_log, outbox
from ticketing.platform.db.database import Database
from ticketing.platform.export_names import ExportKind
from ticketing.platform.kernel.csv_writer import DELIMITER, TextWriter, write_sheet
from ticketing.reporting import export_queries
from ticketing.tickets.guest_filter import EVERYBODY, GuestFilter
from ticketing.tickets.missing import is_event_over

DAY = timedelta(days=1)


def write_export(
    database: Database,
    event: Event,
    export: ExportKind,
    file: TextWriter,
    *,
    at: datetime,
    delimiter: str = DELIMITER,
    wanted: GuestFilter = EVERYBODY,
) -> int:
    """Write the current rows and return their number. Memory use is constant."""
    with database.transaction() as connection:
        return write_export_rows(
            connection, event, export, file, at=at, delimiter=delimiter, wanted=wanted
        )


def write_export_rows(
    connection: Connection,
    event: Event,
    export: ExportKind,
    file: TextWriter,
    *,
    at: datetime,
    delimiter: str = DELIMITER,
    wanted: GuestFilter = EVERYBODY,
) -> int:
    """Write the rows within the caller's transaction; return their number."""
    with export_queries.open_sheet(
        connection, event.id, export, wanted, is_over=is_event_over(event, at)
    ) as (columns, rows):
        return write_sheet(
            file, columns, rows, time_zone=ZoneInfo(event.time_zone), delimiter=delimiter
        )


def queue_export_mail(
    database: Database, event: Event, export: ExportKind, *, at: datetime, by: str
) -> bool:
    """Enqueue a mail with the export to the organiser; return False if it was enqueued this day.

    The rows are read when the mail is sent.
    """
    day = f"{at.astimezone(ZoneInfo(event.time_zone)):%Y-%m-%d}"
    with database.transaction() as connection:
        is_new = outbox.enqueue(
            connection,
            event_id=event.id,
            purpose=outbox.EXPORT_READY,
            subject=f"{event.slug} {export} {day}",
            recipient=outbox.ORGANISER,
            payload={"export": export, "asked": at.isoformat()},
        )
        if is_new:
            audit_log.record(
                connection,
                actor=by,
                action=export_queries.EXPORT_MAILED_ACTION,
                event_id=event.id,
                subject=export,
            )
        return is_new


def queue_daily_export_mails(
    database: Database, kinds: Collection[ExportKind], *, window: timedelta, at: datetime, by: str
) -> int:
    """Enqueue these exports for events near `at` that changed within a day; return their number."""
    with database.transaction() as connection:
        slugs = export_queries.list_changed_events(
            connection, since=at - DAY, between=(at - window, at + window)
        )
        found = [event_queries.get(connection, slug) for slug in slugs]
    return sum(
        queue_export_mail(database, event, export, at=at, by=by)
        for event in found
        for export in kinds
    )
