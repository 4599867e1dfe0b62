"""Read a roster from a sheet of a workbook: Excel (.xlsx, .xls) or OpenDocument (.ods)."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.platform.kernel.text import normalise_text
from ticketing.roster.model import RosterRow
from ticketing.roster.sources.csv_file import OpenRoster
from ticketing.roster.sources.header_row import split_header
from ticketing.roster.sources.text_lines import MAX_RECORD_LENGTH
from ticketing.roster.sources.workbook_format import require_workbook

_READER = "ticketing.roster.sources.workbook_reader"


@dataclass(frozen=True, slots=True)
class RosterWorkbook:
    """A workbook; without a sheet, the only visible one with rows. The "line" is the row number.

    This process holds one row at a time. The reader's process holds the sheet: 0.6 GiB for
    1,048,576 rows of six columns.
    """

    path: Path
    sheet: str | None
    name: str  # for the import history
    kind: ClassVar[str] = "file"

    @contextmanager
    def open(
        self,
        *,
        encoding: str | None = None,
        delimiter: str | None = None,
        header_row: int | None = None,
    ) -> Iterator[OpenRoster]:
        """Open the sheet as rows of text; refuses an encoding or a delimiter, it has neither."""
        if encoding or delimiter:
            raise UnreadableFile("a workbook has no encoding and no delimiter; omit both options")
        require_workbook(self.path)
        found, digest = self.path.stat(), _digest(self.path)
        with _start_reader(self.path, self.sheet) as output:
            sheet = output.read_sheet_name()
            header, rows = split_header(output.rows(), header_row)
            columns = [normalise_text(cell) for cell in header.cells]
            rows = self._finish_reading(rows, len(columns), found)
            yield OpenRoster(columns, rows, digest=digest, sheet=sheet)

    def _finish_reading(
        self, rows: Iterator[RosterRow], width: int, found: os.stat_result
    ) -> Iterator[RosterRow]:
        """Yield the rows, at least as wide as the header; refuses a file that changed meanwhile."""
        for row in rows:
            row.cells.extend([""] * (width - len(row.cells)))
            yield row
        now = self.path.stat()
        if (now.st_size, now.st_mtime_ns) != (found.st_size, found.st_mtime_ns):
            raise UnreadableFile("the file changed while it was read; wait until it is complete")


def iter_sheet(path: Path, sheet: str | None = None) -> Iterator[RosterRow]:
    """Yield every row of a sheet that is not blank, as written."""
    require_workbook(path)
    with _start_reader(path, sheet) as output:
        output.read_sheet_name()
        yield from output.rows()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _start_reader(path: Path, sheet: str | None) -> Iterator["_ReaderOutput"]:
    """Run the reader while the context is open."""
    command = [sys.executable, "-m", _READER, str(path), *([] if sheet is None else [sheet])]
    with subprocess.Popen(  # noqa: S603 - ourselves
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, encoding="ascii"
    ) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe, see above
        try:
            yield _ReaderOutput(process.stdout)
        finally:
            process.kill()  # it has ended, unless our reading was interrupted


@dataclass(frozen=True, slots=True)
class _ReaderOutput:
    """The lines that the reader prints."""

    lines: IO[str]

    def read_sheet_name(self) -> str:
        """Return the name of the sheet. Raises UnreadableFile with the reader's error."""
        first = self._parse_next()
        if not isinstance(first, dict) or "sheet" not in first:
            raise UnreadableFile(first["error"] if isinstance(first, dict) else "no sheet")
        return str(first["sheet"])

    def rows(self) -> Iterator[RosterRow]:
        """Yield the rows, without the empty cells at their end."""
        while isinstance(row := self._parse_next(), RosterRow):
            line, cells = row.line, row.cells
            while cells and not cells[-1]:
                cells.pop()
            if sum(map(len, cells)) > MAX_RECORD_LENGTH:
                raise UnreadableFile(f"row {line}: more than {MAX_RECORD_LENGTH:,} characters")
            yield row

    def _parse_next(self) -> dict[str, str] | RosterRow:
        line = self.lines.readline()
        if not line.endswith("\n"):
            raise UnreadableFile(
                "the workbook is broken, or its sheet too large to be read: delete what lies below"
                " and beside the table, or save it as CSV UTF-8"
            )
        parsed: dict[str, str] | list[Any] = json.loads(line)
        return parsed if isinstance(parsed, dict) else RosterRow(*parsed)
