"""Files that may name a person: copies of rosters, rejected rows, mails stored by a rehearsal."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ticketing.platform.settings import Settings

_READABLE = frozenset({".csv", ".tsv", ".txt", ".json", ".eml"})
_WORKBOOKS = frozenset({".xlsx", ".xls", ".ods"})
_IMPORTED = ("done", "failed")  # in a drop folder; what waits there is not imported yet


@dataclass(frozen=True, slots=True)
class CopyFolders:
    """The folders with copies of what is in the database."""

    folders: Sequence[Path]

    @classmethod
    def of(cls, settings: Settings) -> "CopyFolders":
        """Return the folders of the settings."""
        dropped = (path for name in _IMPORTED for path in settings.inbox.glob(f"*/{name}"))
        own = (settings.rejected_rows_folder, settings.uploads, settings.mail_folder)
        return cls((*own, *sorted(dropped)))

    def find(self, pattern: str) -> list[Path]:
        """Return the files that match, in order; without a pattern none."""
        return [path for path in self._files(_READABLE) if pattern and _matches(path, pattern)]

    def list_unsearched(self) -> list[Path]:
        """Return the workbooks, which are compressed and therefore not searched."""
        return list(self._files(_WORKBOOKS))

    def list_older(self, before: float) -> list[Path]:
        """Return the files whose last change is before a time in seconds since 1970."""
        files = self._files(_READABLE | _WORKBOOKS)
        return [path for path in files if path.stat().st_mtime < before]

    def _files(self, suffixes: frozenset[str]) -> Iterator[Path]:
        for folder in self.folders:
            for path in sorted(folder.rglob("*")):
                if path.suffix.lower() in suffixes and path.is_file():
                    yield path


def delete_files(paths: Iterable[Path]) -> None:
    """Delete the files; a missing one was deleted before."""
    for path in paths:
        path.unlink(missing_ok=True)


def _matches(path: Path, pattern: str) -> bool:
    """Return whether a file names the person; contacts are ASCII, in UTF-16 with zeros between."""
    content = path.read_bytes().replace(b"\0", b"")
    return re.search(pattern, content.decode("latin-1"), re.IGNORECASE) is not None
