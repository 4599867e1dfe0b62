"""Import uploaded rosters: store the file, import it, keep the result and the rejected rows.

An uploaded file exists until its import has ended. After a kill it is useless, the same file can be
sent again: importing it changes only what is missing.
"""

import json
import shutil
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import NotFound, TicketingError
from ticketing.roster.erased_contacts import ErasedContacts
from ticketing.roster.import_result import ImportOptions, ImportResult
from ticketing.roster.import_roster import ProgressCallback, import_roster
from ticketing.roster.sources.roster_file import roster_file
from ticketing.roster.uploads import import_request_queries as queries
from ticketing.roster.uploads.import_request_queries import ImportRequest

UPLOAD_SUFFIX = ".upload"
REJECTED_SUFFIX = ".rejected.csv"


class UnknownImport(NotFound):
    """The event has no import with that id."""


class ImportStopped(BaseException):
    """The process is told to stop during an import.

    Not an `Exception`, so that no handler of a failed import catches it.
    """


@dataclass(frozen=True, slots=True)
class UploadedRoster:
    """A file as it was uploaded, and how to import it."""

    file_name: str
    file: BinaryIO
    sheet: str | None
    options: ImportOptions


@dataclass(frozen=True, slots=True)
class AcceptedImport:
    """An accepted request; its file is in the folder of uploads."""

    id: int
    event: Event
    file_name: str
    sheet: str | None
    options: ImportOptions
    by: str


def accept_upload(
    database: Database, folder: Path, event: Event, upload: UploadedRoster, *, at: datetime, by: str
) -> AcceptedImport:
    """Store the request and its file; nobody sees a request without its file."""
    folder.mkdir(parents=True, exist_ok=True)
    with database.transaction() as connection:
        request_id = queries.insert_request(
            connection,
            event.id,
            file_name=upload.file_name,
            dry_run=upload.options.dry_run,
            by=by,
            at=at,
        )
        with upload_path(folder, request_id).open("wb") as stored:
            shutil.copyfileobj(upload.file, stored)
    options = replace(upload.options, quarantine_path=rejected_path(folder, request_id))
    return AcceptedImport(request_id, event, upload.file_name, upload.sheet, options, by)


def run_accepted(
    database: Database,
    folder: Path,
    accepted: AcceptedImport,
    *,
    at: datetime,
    progress: ProgressCallback,
    erased: ErasedContacts | None = None,
) -> None:
    """Import the file and store the result, or the error."""
    path = upload_path(folder, accepted.id)
    database.run(queries.mark_running, accepted.id)
    try:
        result = _import_file(database, path, accepted, at=at, progress=progress, erased=erased)
    except TicketingError as error:
        _fail(database, accepted, error.code, str(error), at=at)
    except ImportStopped:
        message = "interrupted: the service was stopped; send the file again"
        _fail(database, accepted, "interrupted", message, at=at)
        raise
    except Exception as error:
        # messages of other exceptions could contain personal data
        _fail(database, accepted, "internal_error", type(error).__name__, at=at)
        raise
    else:
        database.run(
            queries.mark_completed,
            accepted.id,
            import_id=result.import_id,
            result=json.loads(json.dumps(result.as_dict(), default=str)),
            at=at + timedelta(seconds=result.seconds),
        )
    finally:
        path.unlink(missing_ok=True)


def _import_file(
    database: Database,
    path: Path,
    accepted: AcceptedImport,
    *,
    at: datetime,
    progress: ProgressCallback,
    erased: ErasedContacts | None,
) -> ImportResult:
    source = roster_file(path, accepted.sheet, name=accepted.file_name)
    return import_roster(
        database, accepted.event, source, options=accepted.options, at=at, by=accepted.by,
        progress=progress, erased=erased,
    )  # fmt: skip


def _fail(
    database: Database, accepted: AcceptedImport, code: str, message: str, *, at: datetime
) -> None:
    database.run(queries.mark_failed, accepted.id, code=code, message=message, at=at)


def get_import_request(database: Database, event: Event, request_id: int) -> ImportRequest:
    """Return a request of the event. Raises UnknownImport."""
    found = database.run(queries.find_request, event.id, request_id)
    if found is None:
        raise UnknownImport(f"event {event.slug!r} has no import {request_id}", importId=request_id)
    return found


def upload_path(folder: Path, request_id: int) -> Path:
    """Return the path of an uploaded file."""
    return folder / f"{request_id}{UPLOAD_SUFFIX}"


def rejected_path(folder: Path, request_id: int) -> Path:
    """Return the path of the rejected rows of an uploaded file."""
    return folder / f"{request_id}{REJECTED_SUFFIX}"


def remove_old_files(database: Database, folder: Path, *, before: datetime) -> None:
    """Delete files of interrupted imports, and rejected rows that are older than `before`."""
    is_open = {str(number) for number in database.run(queries.list_open_ids)}
    for path in folder.glob(f"*{UPLOAD_SUFFIX}"):
        if path.name.removesuffix(UPLOAD_SUFFIX) not in is_open:
            path.unlink(missing_ok=True)
    for path in folder.glob(f"*{REJECTED_SUFFIX}"):
        if path.stat().st_mtime < before.timestamp():
            path.unlink(missing_ok=True)
