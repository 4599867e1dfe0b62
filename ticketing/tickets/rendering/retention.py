"""Retention: delete the PDFs of past events, and record it."""

from dataclasses import dataclass
from datetime import datetime

from ticketing.documents.file_store import DocumentFolder
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.tickets.rendering import retention_queries
from ticketing.tickets.rendering.retention_queries import ExpiredEventDocuments

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
    due = database.run(retention_queries.list_events_with_expired_documents, at=at, days=days)
    if dry_run:
        return [_planned_removal(event) for event in due]
    return [_delete_event_documents(database, folder, event, at=at, by=by) for event in due]


def _planned_removal(event: ExpiredEventDocuments) -> DocumentRemoval:
    return DocumentRemoval(event.event_slug, event.ended_at, event.count, event.size)


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
            chunk = retention_queries.lock_event_documents(connection, event.event_id, count=CHUNK)
            if not chunk:
                break
            freed = sum(folder.delete(document.path) for document in chunk)
            ids = [document.ticket_id for document in chunk]
            retention_queries.mark_removed(connection, ids, at=at)
            audit_log.record(
                connection,
                actor=by,
                action="documents.remove",
                event_id=event.event_id,
                subject=event.event_slug,
                items=len(chunk),
                details={"bytes": freed},
            )
        removed, size = removed + len(chunk), size + freed
    folder.delete_partial_files(event.event_slug)
    return DocumentRemoval(event.event_slug, event.ended_at, removed, size)
