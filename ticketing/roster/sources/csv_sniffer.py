"""Detect the encoding and the delimiter of a roster file from its first megabyte."""

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass

from charset_normalizer import from_bytes

from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.roster.cells.column_mapping import count_known_headers
from ticketing.roster.sources.header_row import find_header_index

SAMPLE_BYTES = 1024 * 1024
DELIMITERS = (",", ";", "\t", "|")
_GUESSED_FROM_BYTES = 64 * 1024
_PREFERRED_GUESS = "cp1252"
_WESTERN_CODE_PAGES = ("cp1252", "cp850")  # of Windows and of DOS
_FEW_LETTERS = 200
_LAST_ASCII_BYTE = 0x7F
# a symbol, a dash or quote inside a word, or three accented letters in a row
_NOT_WESTERN = re.compile(
    r"[^\x00-\x7f\w\u2019\u201c\u201d\u2013\u2014]|[²³¹¼½¾]"
    r"|(?<=\w)[\u201c\u201d\u2013\u2014](?=\w)|[^\x00-\x7f]{3}"
)
_LINES_COMPARED = 20
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAVE_AS_CSV = "save it as CSV UTF-8 first"
_BINARY_SIGNATURES = (
    (b"PK\x03\x04", f"an Excel or OpenDocument workbook; {_SAVE_AS_CSV}"),
    (b"\xd0\xcf\x11\xe0", f"an old Excel workbook; {_SAVE_AS_CSV}"),
    (b"%PDF", "a PDF; export the table it was made from"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first"),
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of a file; the flag marks one that is not certain."""

    name: str
    is_guessed: bool = False


def detect_encoding(sample: bytes, override: str | None = None) -> Encoding:
    """Return the given or detected encoding; refuses binary files."""
    for start, what in _BINARY_SIGNATURES:
        if sample.startswith(start):
            raise UnreadableFile(f"not a text file: it is {what}")
    if override:
        return Encoding(_codec_name(override))
    for mark, name in _BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return Encoding(name)
    if b"\0" in sample:
        raise UnreadableFile(
            "a binary file: it contains NUL bytes; if it is text, set its encoding (utf-16-le?)"
        )
    return Encoding("utf-8") if _is_utf8(sample) else _guess_encoding(sample)


def _codec_name(name: str) -> str:
    try:
        codec = codecs.lookup(name)
    except LookupError as error:
        raise UnreadableFile(
            f"unknown encoding {name!r}; try utf-8, cp1252, utf-16 or gb18030"
        ) from error
    # a mark before UTF-8 text is not part of its first column's name
    return "utf-8-sig" if codec.name == "utf-8" else codec.name


def _is_utf8(sample: bytes) -> bool:
    try:
        # final=False: the sample may end within a character
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=len(sample) < SAMPLE_BYTES)
    except UnicodeDecodeError:
        return False
    return True


def _guess_encoding(sample: bytes) -> Encoding:
    """Return the most likely encoding; if several are equally likely, that of most spreadsheets.

    A few accented letters are too little for statistics, which found Chinese in "José".
    """
    if sum(byte > _LAST_ASCII_BYTE for byte in sample) <= _FEW_LETTERS and (
        western := _guess_western(sample)
    ):
        return Encoding(western, is_guessed=True)
    matches = from_bytes(sample[:_GUESSED_FROM_BYTES])
    best = matches.best()
    if best is None:
        raise UnreadableFile("a binary file, or text in an unknown encoding; set the encoding")
    as_likely = {
        name
        for match in matches
        if (match.chaos, match.coherence) == (best.chaos, best.coherence)
        for name in match.could_be_from_charset
    }
    return Encoding(
        _PREFERRED_GUESS if _PREFERRED_GUESS in as_likely else best.encoding, is_guessed=True
    )


def _guess_western(sample: bytes) -> str | None:
    """Return the first Western code page in which the text has accented letters and no symbols."""
    for name in _WESTERN_CODE_PAGES:
        try:
            text = sample.decode(name)
        except UnicodeDecodeError:
            continue
        if not _NOT_WESTERN.search(text):
            return name
    return None


def detect_delimiter(lines: list[str], override: str | None = None) -> str:
    """Return the given delimiter, or the one detected in the first lines."""
    if override is not None:
        return _parse_delimiter(override)
    if lines and (told := parse_sep_line(lines[0])) in DELIMITERS:
        return told
    return max(DELIMITERS, key=lambda delimiter: _score_delimiter(lines, delimiter))


def parse_sep_line(line: str) -> str:
    """Return the delimiter from Excel's first line `sep=;`, quoted or not; "" if it is another."""
    text = line.removeprefix("\ufeff").strip("\r\n").strip('"')
    return text.removeprefix("sep=") if text.startswith("sep=") else ""


def _parse_delimiter(text: str) -> str:
    names = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
    delimiter = names.get(text.lower(), text)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UnreadableFile(f"no delimiter {text!r}; it is one character, or tab")
    return delimiter


def _score_delimiter(lines: list[str], delimiter: str) -> tuple[int, int, int]:
    """Return known column names, then rows as wide as the header, then the width."""
    rows = list(_parse_lines(lines[:_LINES_COMPARED], delimiter))
    if not rows:
        return 0, 0, 0
    header = rows[find_header_index(rows)]
    alike = sum(len(row) == len(header) for row in rows) if len(header) > 1 else 0
    return count_known_headers(header), alike, len(header)


def detect_width(lines: list[str], delimiter: str) -> int | None:
    """Return the number of columns of the header in the first lines, or None."""
    rows = list(_parse_lines(lines, delimiter))
    return len(rows[find_header_index(rows)]) if rows else None


def _parse_lines(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    try:
        yield from filter(None, csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return
