"""Rotation of log files by size."""

import shutil
from pathlib import Path

MAX_BYTES = 20 * 1024 * 1024
KEPT_FILES = 5


def rotate_logs(folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
    """Move the content of large `*.log` and `*.jsonl` files to `NAME.1`; up to `NAME.5` are kept.

    Writers of `*.jsonl` notice that their file was moved. Processes write their output to `*.log`
    until they end: such a file is copied and emptied, and lines written in between are lost.
    """
    for path in (*folder.glob("*.log"), *folder.glob("*.jsonl")):
        if path.stat().st_size >= max_bytes:
            _rotate(path)


def _rotate(path: Path) -> None:
    for number in range(KEPT_FILES, 1, -1):
        older = _numbered(path, number - 1)
        if older.exists():
            older.replace(_numbered(path, number))
    if path.suffix == ".jsonl":
        path.replace(_numbered(path, 1))
        return
    shutil.copy2(path, _numbered(path, 1))
    with path.open("r+b") as file:
        file.truncate(0)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
