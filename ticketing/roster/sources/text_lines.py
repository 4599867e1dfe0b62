"""Read the lines of a text file in blocks, checked, and hash its bytes, in constant memory."""

import codecs
import csv
import hashlib
import io
import os
from collections.abc import Sequence
from typing import BinaryIO, Self

from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.roster.sources.csv_sniffer import Encoding

MAX_RECORD_LENGTH = 256 * 1024  # characters; far above any real row
MAX_RECORD_LINES = 100  # of a quoted cell; more means that its closing quote is missing
REPLACEMENT_CHARACTER = "\ufffd"
_BLOCK_BYTES = 64 * 1024
_MAX_UNQUOTED_LENGTH = 128 * 1024 - 1  # characters; csv.reader refuses longer cells


class LineReader:
    """The physical lines of a file, each no longer than the limit of a record.

    A record of too many lines or characters raises csv.Error: a quote was not closed.
    """

    def __init__(self, file: BinaryIO, encoding: Encoding) -> None:
        file.seek(0)
        self.encoding = encoding
        self.replaced = 0  # lines with a replacement character
        self.record: list[str] = []  # lines since `start_record`
        self._length = 0  # characters of the record
        self._number = 0  # of the last line that was returned
        self._lines: list[str] = []  # the current block; those before `_at` have been returned
        self._at = 0
        self._is_unquoted = False  # the current block has no quotation mark
        self._rest = ""  # the incomplete last line of the block
        self._file = file
        self._found = os.fstat(file.fileno())
        self._decoder = codecs.getincrementaldecoder(encoding.name)()
        self._sha256 = hashlib.sha256()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        if self.is_block_read and not self._read_block():
            raise StopIteration
        line = self._lines[self._at]
        self._at += 1
        self._number += 1
        self._length += len(line)
        self.record.append(line)
        if self._length >= MAX_RECORD_LENGTH or len(self.record) > MAX_RECORD_LINES:
            self._refuse_long_record()
        return line

    @property
    def is_block_read(self) -> bool:
        """Return whether all lines of the current block have been returned."""
        return self._at == len(self._lines)

    def take_unquoted(self) -> list[str]:
        """Return the other lines of the block if each is a whole record; else nothing.

        A line is one if no line of the block has a quotation mark.
        """
        if (self.is_block_read and not self._read_block()) or not self._is_unquoted:
            return []
        lines = self._lines[self._at :]
        self._at = len(self._lines)
        self._number += len(lines)
        return lines

    def start_record(self) -> int:
        """End the current record; return the line number of the next one."""
        self.record.clear()
        self._length = 0
        return self._number + 1

    def reread(self, lines: Sequence[str]) -> None:
        """Return these last lines once more."""
        self._lines[: self._at] = lines
        self._at = 0
        self._number -= len(lines)
        self._is_unquoted = False

    def digest(self) -> str:
        """Return the SHA-256 of all bytes read; refuses a file that changed during reading."""
        now = os.fstat(self._file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self._found.st_size, self._found.st_mtime_ns):
            raise UnreadableFile("the file changed while it was read; wait until it is complete")
        return self._sha256.hexdigest()

    def _refuse_long_record(self) -> None:
        if len(self.record) > 1:
            raise csv.Error("more lines than a cell can have")
        raise UnreadableFile(
            f"line {self._number}: more than {MAX_RECORD_LENGTH:,} characters in one row; "
            "this is not a table of people, or it has no line ends"
        )

    def _read_block(self) -> bool:
        """Replace the block, of which every line was returned; return whether there is another."""
        text, end, is_last = self._rest, 0, False
        while not (end or is_last):
            decoded, is_last = self._decode_more()
            text += decoded
            end = _end_of_last_line(text)
            if is_last or (not end and len(text) >= MAX_RECORD_LENGTH):
                end = len(text)
        block, self._rest = text[:end], text[end:]
        self._lines, self._at = list(io.StringIO(block, newline="")), 0
        self._is_unquoted = '"' not in block and len(block) <= _MAX_UNQUOTED_LENGTH
        self._check_block(block)
        return bool(block)

    def _decode_more(self) -> tuple[str, bool]:
        """Return the next characters of the file, and whether they are the last."""
        try:
            data = self._file.read(_BLOCK_BYTES)
            self._sha256.update(data)
            return self._decoder.decode(data, not data), not data
        except UnicodeDecodeError as error:
            raise UnreadableFile(self._undecodable()) from error
        except OSError as error:
            raise UnreadableFile(f"after line {self._number}: {error.strerror}") from error

    def _check_block(self, block: str) -> None:
        if "\0" in block:
            at = next(at for at, line in enumerate(self._lines, self._number + 1) if "\0" in line)
            raise UnreadableFile(f"line {at}: a NUL byte; this is not a text file")
        if REPLACEMENT_CHARACTER in block:
            self.replaced += sum(REPLACEMENT_CHARACTER in line for line in self._lines)

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


def _end_of_last_line(text: str) -> int:
    """Return where the last complete line ends; a final return may be the half of a line end."""
    return max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1
