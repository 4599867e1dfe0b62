"""Queries for requests to import an uploaded roster.

A request is claimed by the process that has the file from its first row on. If that process has
ended before the request did, it was interrupted: nobody else has the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, and_, case, insert, select, update

from ticketing.platform.db.lease_holder import holder_number, is_abandoned
from ticketing.platform.db.tables.roster import import_requests


class ImportRequestState(StrEnum):
    """State of a request; `interrupted` is not stored, it follows from the end of the process."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """A request; `result` is that of the import, empty before its end."""

    id: int
    event_id: int
    file_name: str
    dry_run: bool
    state: ImportRequestState
    import_id: int | None
    result: Mapping[str, object]
    error_code: str
    message: str
    requested_by: str
    requested_at: datetime
    completed_at: datetime | None


_table = import_requests.c
_IS_OPEN = _table.state.in_([ImportRequestState.QUEUED, ImportRequestState.RUNNING])
_IS_INTERRUPTED = and_(_IS_OPEN, is_abandoned(_table.claimed_by))
_STATE = case((_IS_INTERRUPTED, ImportRequestState.INTERRUPTED), else_=_table.state)


def insert_request(
    connection: Connection, event_id: int, *, file_name: str, dry_run: bool, by: str, at: datetime
) -> int:
    """Store a request that this process has the file of; return its id."""
    request_id: int = connection.execute(
        insert(import_requests)
        .values(event_id=event_id, file_name=file_name, dry_run=dry_run)
        .values(requested_by=by, requested_at=at, claimed_by=holder_number(connection))
        .returning(_table.id)
    ).scalar_one()
    return request_id


def find_request(connection: Connection, event_id: int, request_id: int) -> ImportRequest | None:
    """Return a request of an event, or None."""
    names = [name for name in ImportRequest.__dataclass_fields__ if name != "state"]
    query = select(_STATE.label("state"), *(_table[name] for name in names)).where(
        _table.id == request_id, _table.event_id == event_id
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    return ImportRequest(**dict(row) | {"state": ImportRequestState(row["state"])})


def list_open_ids(connection: Connection) -> set[int]:
    """Return the requests of living processes that have not ended."""
    return set(connection.execute(select(_table.id).where(_IS_OPEN, ~_IS_INTERRUPTED)).scalars())


def mark_running(connection: Connection, request_id: int) -> None:
    """Mark a request as running."""
    connection.execute(
        update(import_requests)
        .where(_table.id == request_id, _IS_OPEN)
        .values(state=ImportRequestState.RUNNING)
    )


def mark_completed(
    connection: Connection,
    request_id: int,
    *,
    import_id: int | None,
    result: Mapping[str, object],
    at: datetime,
) -> None:
    """Store the result of a request."""
    connection.execute(
        update(import_requests)
        .where(_table.id == request_id, _IS_OPEN)
        .values(state=ImportRequestState.COMPLETED, import_id=import_id, result=dict(result))
        .values(completed_at=at)
    )


def mark_failed(
    connection: Connection, request_id: int, *, code: str, message: str, at: datetime
) -> None:
    """Store the error of a request."""
    connection.execute(
        update(import_requests)
        .where(_table.id == request_id, _IS_OPEN)
        .values(state=ImportRequestState.FAILED, error_code=code, message=message)
        .values(completed_at=at)
    )
