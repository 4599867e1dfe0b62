"""Sheets for a spreadsheet: UTF-8 with a mark, and `;`, as most of them open without asking."""

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

ENCODING = "utf-8-sig"  # without the mark a spreadsheet reads UTF-8 as something else
DELIMITER = ";"
STDOUT = "-"


class SheetTooLarge(Refused):
    """It is more than there is room for."""


class TextWriter(Protocol):
    """Whatever takes text, piece by piece."""

    def write(self, text: str, /) -> object:
        """One piece more."""
        ...


class InMemorySheet:
    """A sheet as bytes, of at most so many: it refuses the piece that would be too much."""

    def __init__(self, max_bytes: int) -> None:
        """Begin it."""
        self._most = max_bytes
        self._content = bytearray(codecs.BOM_UTF8)

    def write(self, text: str, /) -> None:
        """One piece more."""
        self._content += text.encode()
        if len(self._content) > self._most:
            raise SheetTooLarge(f"the sheet has more than {self._most:,} bytes")

    @property
    def content(self) -> bytes:
        """All of it."""
        return bytes(self._content)


@contextmanager
def atomic_text_file(path: Path) -> Iterator[TextIO]:
    """A file that is there whole or not at all; its folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f"{path.name}.part"
    try:
        with part.open("w", encoding=ENCODING, newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def open_sheet(target: str) -> Iterator[TextIO]:
    """Where a person wants a sheet: a file of that name, or standard output for `-`."""
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
) -> int:
    """Write columns and rows; how many rows. Instants are in that zone, no text is a formula."""
    sheet, written = csv.writer(file, delimiter=DELIMITER), 0
    sheet.writerow(columns)
    for row in rows:
        sheet.writerow([_cell(value, time_zone) for value in row])
        written += 1
    return written


def _cell(value: object, zone: ZoneInfo) -> object:
    """Numbers stay numbers; only texts could be taken for formulas."""
    match value:
        case datetime():
            return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S}"
        case str():
            return guard_formula(value)
    return value
