"""Move refused files of the drop folder to `failed/`, each with a report and an incident.

The incident is open as long as the file is there: deleting the file, or moving it away, closes it.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import IncidentKind, Occurrence
from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.roster.drop_folder.import_file import archive_refused_file
from ticketing.roster.drop_folder.scan import RefusedFile

_CAUSE_PREFIX = "roster:"


def file_refused(
    database: Database, inbox: Path, refused: Iterable[RefusedFile], *, at: datetime
) -> list[str]:
    """Move the files and record their incidents; return a line about each."""
    return [_file_one(database, inbox, one, at=at) for one in refused]


def _file_one(database: Database, inbox: Path, refused: RefusedFile, *, at: datetime) -> str:
    try:
        path = archive_refused_file(refused.path, refused.reason, at=at)
        message = f"{refused.reason}; the file is now {path.relative_to(inbox)}"
    except (OSError, UnreadableFile) as error:
        path = refused.path
        message = f"{refused.reason}; it cannot be moved to failed/: {error}"
    place = path.relative_to(inbox)
    occurrence = Occurrence(
        f"{_CAUSE_PREFIX}{place}", IncidentKind.ROSTER, message, at, event_slug=place.parts[0]
    )
    database.run(incidents.record_occurrence, occurrence)
    return message


def resolve_removed(database: Database, inbox: Path, *, at: datetime) -> int:
    """Close the incidents of files that are not there any more; return their number."""
    with database.transaction() as connection:
        return sum(
            incidents.resolve(connection, incident.cause, at=at)
            for incident in incidents.list_open(connection)
            if incident.kind is IncidentKind.ROSTER
            and not (inbox / incident.cause.removeprefix(_CAUSE_PREFIX)).exists()
        )
