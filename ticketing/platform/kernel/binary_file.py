"""Files that appear only when they are complete; rows for spreadsheets are in `csv_writer`."""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from ticketing.platform.kernel.errors import Refused


def write_complete_file(path: Path, parts: Iterable[bytes]) -> int:
    """Write parts to a file and return its size; folders are created, an older file is replaced.

    Until the end there is only `NAME.part`, which the next attempt overwrites. Raises Refused when
    another process is writing the same file, or it cannot be written.
    """
    part = path.parent / f"{path.name}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab") as file:  # not emptied before it is locked
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.truncate(0)
            for content in parts:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
            part.replace(path)
            return file.tell()
    except BlockingIOError as error:
        raise Refused(f"{path} is being written by another process; choose another name") from error
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from error
