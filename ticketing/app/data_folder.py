"""Permissions of the data folder: it holds secrets, and documents and logs with people's data.

The folder of the embedded PostgreSQL has its own, because for root the server is another user.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

OTHERS = 0o077
_FOLDERS = frozenset({
    "backups", "closing-reports", "dagster", "documents", "inbox", "logs", "mail", "rejected",
    "uploads",
})  # fmt: skip
_FILES = frozenset({"master.secret", "simulators.json", "up.lock"})
_MANAGED_ELSEWHERE = frozenset({"postgres"})


def restrict_new_files() -> None:
    """Make all files and folders that this process creates accessible to its user only."""
    os.umask(OTHERS)


def protect(data_path: Path) -> None:
    """Create the data folder, and take the rights of others from what this project keeps there.

    A folder with other content is somebody else's, too, and is left as it is; so is what belongs to
    another user. `doctor` reports both.
    """
    if not data_path.exists():
        data_path.mkdir(parents=True)
        data_path.chmod(0o777 & ~_rights_of_others())
    entries = sorted(data_path.iterdir())
    ours = [entry for entry in entries if entry.name in _FOLDERS | _FILES]
    if {entry.name for entry in entries} <= _FOLDERS | _FILES | _MANAGED_ELSEWHERE:
        _restrict(data_path, _rights_of_others())
    for entry in (*ours, *(data_path / "logs").glob("*")):
        _restrict(entry, OTHERS)


def list_exposed(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files and folders that exist and that every user of the machine can read."""
    for path in paths:
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & (stat.S_IROTH | stat.S_IWOTH):
            yield path


def _rights_of_others() -> int:
    # root's PostgreSQL is another user, who must find its way to its folder; 0711 shows no names
    return OTHERS if os.geteuid() else OTHERS & ~(stat.S_IXGRP | stat.S_IXOTH)


def _restrict(path: Path, rights: int) -> None:
    found = path.lstat()
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode) or found.st_uid != os.geteuid() or not mode & rights:
        return
    path.chmod(mode & ~rights)
