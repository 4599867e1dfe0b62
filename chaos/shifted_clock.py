"""`python -m chaos.shifted_clock FILE COMMAND …`: run `ticketing` with a clock that can jump.

The file has the seconds to add, read at each look at the clock. PostgreSQL keeps the right time, as
on a host whose clock alone is wrong. Times that libraries read themselves do not change.
"""

import runpy
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ticketing.platform.cli import console
from ticketing.platform.http import services


def install(file: Path) -> None:
    """Replace the clocks of the command line and the web service; modules import them later."""

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=read_shift(file))

    console.now = services.now = now


def read_shift(file: Path) -> float:
    """Return the seconds to add; 0 without a file, or while it is written."""
    try:
        return float(file.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0.0


if __name__ == "__main__":
    install(Path(sys.argv[1]))
    sys.argv[1:] = sys.argv[2:]
    runpy.run_module("ticketing", run_name="__main__", alter_sys=True)
