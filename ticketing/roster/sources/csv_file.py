"""Read a roster file as a stream of rows, in constant memory."""

import codecs
import csv
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, ClassVar, Self

from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.platform.kernel.text import normalise_text
from ticketing.roster.model import RosterRow
from ticketing.roster.sources.csv_records import MAX_RECORD_LINES, read_records
from ticketing.roster.sources.csv_sniffer import (
    SAMPLE_BYTES,
    Encoding,
    detect_delimiter,
    detect_encoding,
    detect_width,
    parse_sep_line,
)
from ticketing.roster.sources.header_row import split_header

MAX_RECORD_LENGTH = 256 * 1024  # characters; far above any real row
_BLOCK_BYTES = 256 * 1024
_SNIFFED_LINES = 50
_SHOWN_CELLS = 3
_REPLACEMENT_CHARACTER = "\ufffd"


@dataclass(slots=True)
class OpenRoster:
    """An open roster. `rows` can be iterated once; digest and warnings are complete afterwards."""

    columns: list[str]
    rows: Iterator[RosterRow]
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""  # of a workbook
    digest: str = ""  # SHA-256 of the content, in hex
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RosterFile:
    """A text file with delimited columns and a header."""

    path: Path
    uploaded_as: str = ""  # its name, if that is not the path's
    kind: ClassVar[str] = "file"

    @property
    def name(self) -> str:
        """Return the name for the import history."""
        return self.uploaded_as or self.path.name

    @contextmanager
    def open(
        self,
        *,
        encoding: str | None = None,
        delimiter: str | None = None,
        header_row: int | None = None,
    ) -> Iterator[OpenRoster]:
        """Open the file as rows; refuses files that are no text tables or change meanwhile."""
        with _open(self.path) as file:
            yield _start_reading(file, encoding, delimiter, header_row)


def _open(path: Path) -> BinaryIO:
    if not path.is_file():
        raise UnreadableFile(f"{path}: no such file")
    try:
        return path.open("rb")
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}") from error


def _start_reading(
    file: BinaryIO, encoding: str | None, delimiter: str | None, header_row: int | None
) -> OpenRoster:
    sample = file.read(SAMPLE_BYTES)
    if not sample.strip():
        raise UnreadableFile("the file is empty")
    found = detect_encoding(sample, encoding)
    first_lines = _first_lines(sample, found.name)
    chosen = detect_delimiter(first_lines, delimiter)
    lines = _LineReader(file, found)
    if parse_sep_line(first_lines[0]):
        next(lines)
    width = None if header_row else detect_width(first_lines, chosen)
    header, records = split_header(read_records(lines, chosen, width), header_row)
    reading = OpenRoster(
        [normalise_text(cell) for cell in header.cells], records, found.name, chosen
    )
    reading.rows = _finish_reading(records, lines, reading)
    return reading


def _first_lines(sample: bytes, encoding: str) -> list[str]:
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample)
    return list(islice(io.StringIO(text, newline=""), _SNIFFED_LINES)) or [""]


def _collect_guessed_cells(rows: Iterator[RosterRow], shown: list[str]) -> Iterator[RosterRow]:
    """Yield the rows, and collect the first few cells that another encoding would change."""
    for row in rows:
        if len(shown) < _SHOWN_CELLS:
            guessed = (cell.strip() for cell in row.cells if not cell.isascii())
            shown.extend(islice(guessed, _SHOWN_CELLS - len(shown)))
        yield row


def _finish_reading(
    rows: Iterator[RosterRow], lines: "_LineReader", reading: OpenRoster
) -> Iterator[RosterRow]:
    """Yield the rows; then set the digest and the warnings about the file."""
    if lines.encoding.is_guessed:
        shown: list[str] = []
        yield from _collect_guessed_cells(rows, shown)
        reading.warnings.append(
            f"the encoding was guessed: {lines.encoding.name}; if {' or '.join(map(repr, shown))}"
            " is wrong, set another encoding with --encoding"
        )
    else:
        yield from rows
    reading.digest = lines.digest()
    if lines.replaced:
        reading.warnings.append(
            f"{lines.replaced} lines contain {_REPLACEMENT_CHARACTER} (U+FFFD):"
            " another program lost characters "
            "before this file was written"
        )


class _LineReader:
    """The physical lines of a file, each no longer than the limit of a record.

    A record of too many lines or characters raises csv.Error: a quote was not closed.
    """

    def __init__(self, file: BinaryIO, encoding: Encoding) -> None:
        file.seek(0)
        self.encoding = encoding
        self.replaced = 0  # lines with a replacement character
        self.record: list[str] = []  # lines since `start_record`
        self._again: list[str] = []  # lines to be read once more, the last one first
        self._number = 0
        self._length = 0
        self._file = file
        self._found = os.fstat(file.fileno())
        self._bytes = _HashingFile(file)
        self._text = io.TextIOWrapper(
            io.BufferedReader(self._bytes, _BLOCK_BYTES), encoding=encoding.name, newline=""
        )

    def start_record(self) -> int:
        """End the current record; return the line number of the next one."""
        self.record.clear()
        self._length = 0
        return self._number + 1

    def reread(self, lines: Sequence[str]) -> None:
        """Return these last lines once more."""
        self._again.extend(reversed(lines))
        self._number -= len(lines)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._again.pop() if self._again else self._read_line()
        self._number += 1
        self._length += len(line)
        self.record.append(line)
        if self._length >= MAX_RECORD_LENGTH or len(self.record) > MAX_RECORD_LINES:
            self._refuse_long_record()
        return line

    def _refuse_long_record(self) -> None:
        if len(self.record) > 1:
            raise csv.Error("more lines than a cell can have")
        raise UnreadableFile(
            f"line {self._number}: more than {MAX_RECORD_LENGTH:,} characters in one row; "
            "this is not a table of people, or it has no line ends"
        )

    def _read_line(self) -> str:
        """Return the next line of the file, checked."""
        try:
            line = self._text.readline(MAX_RECORD_LENGTH)
        except UnicodeDecodeError as error:
            raise UnreadableFile(self._undecodable()) from error
        except OSError as error:
            raise UnreadableFile(f"line {self._number + 1}: {error.strerror}") from error
        if not line:
            raise StopIteration
        if "\0" in line:
            raise UnreadableFile(f"line {self._number + 1}: a NUL byte; this is not a text file")
        if _REPLACEMENT_CHARACTER in line:
            self.replaced += 1
        return line

    def digest(self) -> str:
        """Return the SHA-256 of all bytes read; refuses a file that changed during reading."""
        now = os.fstat(self._file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self._found.st_size, self._found.st_mtime_ns):
            raise UnreadableFile("the file changed while it was read; wait until it is complete")
        return self._bytes.sha256.hexdigest()

    def _undecodable(self) -> str:
        """Describe the undecodable line; it is searched again, since decoding reads ahead."""
        self._file.seek(0)
        decoder = codecs.getincrementaldecoder(self.encoding.name)()
        line_ends = 0
        while block := self._file.read(_BLOCK_BYTES):
            try:
                line_ends += decoder.decode(block).count("\n")
            except UnicodeDecodeError as error:
                good, bad = error.object[: error.start], error.object[error.start : error.end]
                line_ends += good.decode(self.encoding.name, "ignore").count("\n")
                return (
                    f"line {line_ends + 1}: the bytes {bad[:4].hex(' ')} are not "
                    f"{self.encoding.name}; set the file's encoding (cp1252?), or correct the line"
                )
        return f"the file ends within a character of {self.encoding.name}"


class _HashingFile(io.RawIOBase):
    """A file that hashes every byte read, so that the digest is that of the imported content."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io hands a view
        block = self._file.read(len(buffer))
        self.sha256.update(block)
        buffer[: len(block)] = block
        return len(block)
