"""Plugin: temporary files lie in memory if there is enough; waiting for a disk proves nothing."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")  # noqa: S108 - only the parent of folders with random names
MEMORY_NEEDED = 2 << 30


def _memory_folder() -> Path | None:
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED:
        return MEMORY
    return None


def pytest_configure() -> None:
    """Move this process's temporary files, and those of the processes that it starts."""
    folder = _memory_folder()
    if folder is None or "TMPDIR" in os.environ:
        return
    if not os.statvfs(folder).f_flag & os.ST_NOEXEC:  # tests start copies of programs there
        os.environ["TMPDIR"] = str(folder)
        tempfile.tempdir = None


@pytest.fixture(scope="session")
def memory_folder() -> Path | None:
    """Return a folder in memory with enough space, or None."""
    return _memory_folder()
