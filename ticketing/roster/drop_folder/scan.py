"""Decide about every file in the drop folder: import it, wait for it, skip it, or refuse it.

Nothing is ignored silently: what is not imported is listed with the reason.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ticketing.roster.sources.workbook_format import ROSTER_SUFFIXES, has_roster_suffix

MIN_UNCHANGED_TIME = timedelta(seconds=5)
ARCHIVE_FOLDERS = ("done", "failed")
_TEMPORARY_PREFIXES = (".", "~$")  # hidden files, lock files of offices
_TEMPORARY_SUFFIXES = (".part", ".tmp", ".temp", ".crdownload", ".download", ".swp", "~", "#")


@dataclass(frozen=True, slots=True)
class FileSnapshot:
    """A file in a listing of the folder; `changed_at` is aware UTC."""

    path: Path
    size: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that cannot be imported where it is, or under its name."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class DropFolderFiles:
    """The files of the drop folder by what is done with them; complete ones, oldest first."""

    ready: list[Path] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    temporary: list[Path] = field(default_factory=list)
    changing: list[Path] = field(default_factory=list)

    def describe(self) -> str:
        """Return the number of files of each kind, and the names of those that are skipped."""
        names = ", ".join(path.name for path in self.temporary)
        return (
            f"{len(self.ready)} complete, {len(self.changing)} still changing,"
            f" {len(self.refused)} refused, {len(self.temporary)} temporary"
            + (f" and skipped: {names}" if names else "")
        )


def list_snapshots(inbox: Path) -> Iterator[FileSnapshot]:
    """Yield size and time of change of all files, at any depth, except archived ones."""
    for path in _list_files(inbox):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # moved since the listing
        yield FileSnapshot(path, status.st_size, datetime.fromtimestamp(status.st_mtime, tz=UTC))


def _list_files(inbox: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(inbox, followlinks=True):
        folders[:] = sorted(name for name in folders if name not in ARCHIVE_FOLDERS)
        yield from (Path(folder, name) for name in sorted(files))


def sort_files(
    inbox: Path,
    listing: Iterable[FileSnapshot],
    previous: Iterable[FileSnapshot],
    *,
    events: Collection[str],
    now: datetime,
) -> DropFolderFiles:
    """Sort the files by what is done with them.

    A file is complete when it is unchanged since the previous listing and for a while.
    """
    before, files = set(previous), DropFolderFiles()
    for snapshot in sorted(listing, key=lambda one: (one.changed_at, one.path)):
        path = snapshot.path
        if is_temporary_name(path.name):
            files.temporary.append(path)
        elif snapshot not in before or now - snapshot.changed_at < MIN_UNCHANGED_TIME:
            files.changing.append(path)
        elif reason := reason_to_refuse(path.relative_to(inbox), events):
            files.refused.append(RefusedFile(path, reason))
        else:
            files.ready.append(path)
    return files


def is_temporary_name(name: str) -> bool:
    """Return whether a file is hidden, a lock file of an office, or an unfinished download."""
    return name.startswith(_TEMPORARY_PREFIXES) or name.lower().endswith(_TEMPORARY_SUFFIXES)


def reason_to_refuse(place: Path, events: Collection[str]) -> str | None:
    """Return why a file cannot be imported, from its path in the drop folder; None if it can be."""
    folder, name = place.parts[0], place.name
    if len(place.parts) == 1:
        return f"{name} is in no event's folder; move it into a folder named like its event"
    if folder not in events:
        return (
            f"no event {folder!r}; `ticketing events list` prints the names of events,"
            " `ticketing events create` creates one"
        )
    if place.parent != Path(folder):
        return f"{name} is in the folder {place.parent}; move it into {folder}"
    if not has_roster_suffix(name):
        return (
            f"{name} does not end in {', '.join(ROSTER_SUFFIXES)}; save the roster as one of them"
        )
    return None
