"""Read a roster file as a stream of rows, in constant memory."""

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, ClassVar

from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.platform.kernel.text import normalise_text
from ticketing.roster.model import RosterRow
from ticketing.roster.sources.csv_records import read_records
from ticketing.roster.sources.csv_sniffer import (
    SAMPLE_BYTES,
    detect_delimiter,
    detect_encoding,
    detect_width,
    parse_sep_line,
)
from ticketing.roster.sources.header_row import split_header
from ticketing.roster.sources.text_lines import REPLACEMENT_CHARACTER, LineReader

_SNIFFED_LINES = 50
_SHOWN_CELLS = 3


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
    lines = LineReader(file, found)
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
    rows: Iterator[RosterRow], lines: LineReader, reading: OpenRoster
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
            f"{lines.replaced} lines contain {REPLACEMENT_CHARACTER} (U+FFFD):"
            " another program lost characters "
            "before this file was written"
        )
