"""CSV files for spreadsheets: UTF-8 with a byte order mark, by default with `;`.

Where the comma is the decimal sign, as in Indonesia, Excel opens only files with `;` as a table.
"""

import codecs
import csv
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Protocol, TextIO
from zoneinfo import ZoneInfo

from ticketing.platform.kernel.errors import Refused
from ticketing.platform.kernel.text import guard_formula
from ticketing.platform.kernel.wall_clock import zone_name

ENCODING = "utf-8-sig"  # without the byte order mark a spreadsheet misreads UTF-8
DELIMITER = ";"
STDOUT = "-"


class SheetTooLarge(Refused):
    """The CSV file exceeds its size limit."""


class TextWriter(Protocol):
    """An object that text can be written to."""

    def write(self, text: str, /) -> object:
        """Append text."""
        ...


class InMemorySheet:
    """A CSV file in memory with a maximum size in bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._content = bytearray(codecs.BOM_UTF8)

    def write(self, text: str, /) -> None:
        """Append text."""
        self._content += text.encode()
        if len(self._content) > self._max_bytes:
            raise SheetTooLarge(f"the CSV file exceeds {self._max_bytes:,} bytes")

    @property
    def content(self) -> bytes:
        """Return the content written so far."""
        return bytes(self._content)


@contextmanager
def atomic_text_file(path: Path, *, encoding: str = ENCODING) -> Iterator[TextIO]:
    """Open a file that appears only when it is complete; its folders are created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f"{path.name}.part"
    try:
        with part.open("w", encoding=encoding, newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def open_sheet(target: str) -> Iterator[TextIO]:
    """Open the destination of a CSV file: a path, or `-` for standard output."""
    if target == STDOUT:
        file = TextIOWrapper(sys.stdout.buffer, ENCODING, newline="")
        try:
            yield file
        finally:
            file.detach()
        return
    try:
        with atomic_text_file(Path(target)) as opened:
            yield opened
    except OSError as error:
        raise Refused(f"{target} cannot be written: {error.strerror}") from error


def write_sheet(
    file: TextWriter,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    time_zone: ZoneInfo,
    delimiter: str = DELIMITER,
) -> int:
    """Write a header and rows, and return the number of rows.

    Instants are written in the zone with its name, and no text as a formula.
    """
    sheet, written = csv.writer(file, delimiter=delimiter), 0
    sheet.writerow([_cell(column, time_zone) for column in columns])
    for row in rows:
        sheet.writerow([_cell(value, time_zone) for value in row])
        written += 1
    return written


def _cell(value: object, zone: ZoneInfo) -> object:
    """Return the cell's value; numbers stay numbers, texts are guarded against formulas."""
    match value:
        case datetime():
            local = value.astimezone(zone)
            return f"{local:%Y-%m-%d %H:%M:%S} {zone_name(local)}"
        case str():
            return guard_formula(value)
    return value
