"""Retention: delete the PDFs of past events, and record it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    any_,
    cast,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from ticketing.documents.file_store import DocumentFolder
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.tickets import generated_tickets


@dataclass(frozen=True, slots=True)
class ExpiredDocument:
    """A PDF of a past event."""

    ticket_id: int
    event_id: int
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class ExpiredEventDocuments:
    """A past event, with the number and total size of its PDFs."""

    event_id: int
    event_slug: str
    ended_at: datetime
    count: int
    size: int


def _has_pdf() -> ColumnElement[bool]:
    return and_(
        generated_tickets.c.pdf_file_path.is_not(None), generated_tickets.c.pdf_removed_at.is_(None)
    )


def list_events_with_expired_documents(
    connection: Connection, *, at: datetime, days: int
) -> list[ExpiredEventDocuments]:
    """Return events that ended more than `days` days ago and still have PDFs, oldest first."""
    query = (
        select(
            events.c.id.label("event_id"),
            events.c.slug.label("event_slug"),
            events.c.ends_at.label("ended_at"),
            func.count().label("count"),
            cast(func.coalesce(func.sum(generated_tickets.c.pdf_bytes), 0), BigInteger).label(
                "size"
            ),
        )
        .join_from(generated_tickets, events, events.c.id == generated_tickets.c.event_id)
        .where(_has_pdf(), events.c.ends_at < at - timedelta(days=days))
        .group_by(events.c.id)
        .order_by(events.c.ends_at, events.c.id)
    )
    return [ExpiredEventDocuments(**row) for row in connection.execute(query).mappings()]


def lock_event_documents(
    connection: Connection, event_id: int, *, count: int
) -> list[ExpiredDocument]:
    """Lock and return PDFs of an event, also of revoked tickets, except those locked by others."""
    query = (
        select(
            *generated_tickets.c["id", "event_id", "pdf_file_path", "pdf_bytes"],
        )
        .where(generated_tickets.c.event_id == event_id, _has_pdf())
        .order_by(generated_tickets.c.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    )
    return [ExpiredDocument(*row) for row in connection.execute(query)]


def mark_removed(connection: Connection, ticket_ids: Sequence[int], *, at: datetime) -> None:
    """Record that these PDFs were deleted; path and hash are kept as evidence."""
    connection.execute(
        update(generated_tickets)
        .where(generated_tickets.c.id == any_(literal(list(ticket_ids), ARRAY(BigInteger))))
        .values(pdf_removed_at=at)
    )


CHUNK = 1000


@dataclass(frozen=True, slots=True)
class DocumentRemoval:
    """PDFs of one event deleted, or to be deleted, and their bytes."""

    event_slug: str
    ended_at: datetime
    documents: int
    size: int


def delete_expired_documents(
    database: Database,
    folder: DocumentFolder,
    *,
    at: datetime,
    days: int,
    by: str,
    dry_run: bool = False,
) -> list[DocumentRemoval]:
    """Delete PDFs of events that ended more than `days` days ago; safe to repeat and to kill.

    A file is deleted before its row is updated: after a kill in between the next run finds the row.
    """
    due = database.run(list_events_with_expired_documents, at=at, days=days)
    if dry_run:
        return [
            DocumentRemoval(event.event_slug, event.ended_at, event.count, event.size)
            for event in due
        ]
    return [_delete_event_documents(database, folder, event, at=at, by=by) for event in due]


def _delete_event_documents(
    database: Database,
    folder: DocumentFolder,
    event: ExpiredEventDocuments,
    *,
    at: datetime,
    by: str,
) -> DocumentRemoval:
    removed = size = 0
    while True:
        with database.transaction() as connection:
            chunk = lock_event_documents(connection, event.event_id, count=CHUNK)
            if not chunk:
                break
            freed = sum(folder.delete(document.path) for document in chunk)
            ids = [document.ticket_id for document in chunk]
            mark_removed(connection, ids, at=at)
            audit_log.record(
                connection,
                actor=by,
                action=audit_log.REMOVE_DOCUMENTS_ACTION,
                event_id=event.event_id,
                subject=event.event_slug,
                items=len(chunk),
                details={"bytes": freed},
            )
        removed, size = removed + len(chunk), size + freed
    folder.delete_partial_files(event.event_slug)
    folder.delete_empty_packs(event.event_slug)
    return DocumentRemoval(event.event_slug, event.ended_at, removed, size)
