"""Import of dropped files: a file in `<inbox>/<event>/` is imported and moved away with its report.

A file is moved to `done/` or `failed/` only after its import has ended. After a crash in between
it is imported again, changes nothing, and is moved then. `drop_folder_scan.py` chooses the files.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Refused, UnreadableFile
from ticketing.platform.kernel.wall_clock import format_clock
from ticketing.roster import import_queries
from ticketing.roster.erased_contacts import ErasedContacts
from ticketing.roster.import_result import ImportOptions, ImportResult, format_import_report
from ticketing.roster.import_roster import ProgressCallback, import_roster
from ticketing.roster.sources.roster_file import roster_file


@dataclass(frozen=True, slots=True)
class DroppedFileResult:
    """The result of a dropped file and its new place. `result` None means nothing was imported."""

    succeeded: bool
    message: str
    archived_path: Path
    result: ImportResult | None = None


def import_dropped_file(
    database: Database,
    event: Event,
    path: Path,
    *,
    options: ImportOptions,
    at: datetime,
    by: str,
    progress: ProgressCallback | None = None,
    erased: ErasedContacts | None = None,
) -> DroppedFileResult:
    """Import one dropped file and move it away with its report.

    A refused file is moved to `failed/`; on Unavailable it stays. The same content as the event's
    latest import is not imported again.
    """
    digest = _digest(path)
    stamp = _archive_stamp(path, digest, at)
    if (earlier := _find_unchanged_import(database, event, digest)) is not None:
        message = f"already imported on {_event_time(event, earlier)}, nothing to do"
        return _archive_file(path, stamp, DroppedFileResult(True, message, path))
    try:
        result = import_roster(
            database,
            event,
            roster_file(path),
            options=replace(options, quarantine_path=_quarantine_path(path, stamp)),
            at=at,
            by=by,
            progress=progress,
            erased=erased,
        )
    except Refused as error:
        return _archive_file(path, stamp, DroppedFileResult(False, str(error), path))
    return _archive_file(
        path,
        stamp,
        DroppedFileResult(True, format_import_report(result).partition("\n")[2], path, result),
    )


def _event_time(event: Event, record: import_queries.ImportRecord) -> str:
    return format_clock(record.started_at, ZoneInfo(event.time_zone))


def archive_refused_file(path: Path, reason: str, *, at: datetime) -> Path:
    """Move a file that is not imported to `failed/` with its report; return its new path."""
    stamp = _archive_stamp(path, _digest(path), at)
    return _archive_file(path, stamp, DroppedFileResult(False, reason, path)).archived_path


def _archive_stamp(path: Path, digest: str, at: datetime) -> str:
    return f"{path.stem}.{at:%Y%m%dT%H%M%SZ}.{digest[:12]}"


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}") from error


def _find_unchanged_import(
    database: Database, event: Event, digest: str
) -> import_queries.ImportRecord | None:
    """Return the event's latest import if it has this content; an older one may be overwritten."""
    with database.transaction() as connection:
        import_record = import_queries.find_completed_by_digest(connection, event.id, digest)
        latest = import_queries.find_latest_completed(connection, event.id)
    return import_record if import_record and latest and import_record.id == latest.id else None


def _archive_file(path: Path, stamp: str, outcome: DroppedFileResult) -> DroppedFileResult:
    """Write the report, then move the file to a unique name."""
    folder = path.parent / ("done" if outcome.succeeded else "failed")
    folder.mkdir(parents=True, exist_ok=True)
    target = _create_unique_path(folder, stamp, path.suffix)
    found = {"file": path.name, "succeeded": outcome.succeeded, "message": outcome.message}
    if outcome.result:
        found |= {"import": outcome.result.as_dict()}
    report = json.dumps(found, ensure_ascii=False, indent=2, default=str)
    target.with_suffix(".report.json").write_text(report, encoding="utf-8")
    target.with_suffix(".report.txt").write_text(
        f"{path.name}\n{outcome.message}\n", encoding="utf-8"
    )
    if _quarantine_path(path, stamp).exists():
        _quarantine_path(path, stamp).replace(target.with_suffix(".rejected.csv"))
    path.replace(target)
    return replace(outcome, archived_path=target)


def _quarantine_path(path: Path, stamp: str) -> Path:
    """Return the hidden path of the rejected rows until the destination folder is known."""
    return path.with_name(f".{stamp}.rejected.csv")


def _create_unique_path(folder: Path, stamp: str, suffix: str) -> Path:
    """Create an empty file with an unused name, so that no older file is overwritten."""
    for number in count(1):
        target = folder / (f"{stamp}{suffix}" if number == 1 else f"{stamp}.{number}{suffix}")
        try:
            target.touch(exist_ok=False)
        except FileExistsError:
            continue
        return target
    raise AssertionError("count() does not end")
