"""The file that marks a data folder whose restore has begun and not ended."""

import json
from pathlib import Path
from uuid import UUID

from ticketing.platform.kernel.errors import Misconfigured

JOURNAL_FILE = "restore.json"


def write_journal(data_path: Path, uid: UUID) -> None:
    """Mark the data folder, before anything is restored into it."""
    data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = data_path / f"{JOURNAL_FILE}.new"
    draft.write_text(json.dumps({"uid": str(uid)}), encoding="utf-8")
    draft.replace(data_path / JOURNAL_FILE)


def read_journal(data_path: Path) -> UUID | None:
    """Return the backup whose restore was begun here and not ended, or None."""
    try:
        return UUID(json.loads((data_path / JOURNAL_FILE).read_text(encoding="utf-8"))["uid"])
    except (FileNotFoundError, NotADirectoryError):
        return None


def require_no_open_restore(data_path: Path) -> None:
    """Raise Misconfigured while a restore was interrupted here: data would be missing."""
    if read_journal(data_path) is not None:
        raise Misconfigured(
            f"a restore into {data_path} was interrupted: run the same `ticketing restore FILE`"
            " again, it continues"
        )
