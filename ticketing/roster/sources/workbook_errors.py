"""Find the error values of an .xlsx sheet: `#N/A`, `#REF!` and others.

calamine for Python returns them as empty cells. An empty id means that a guest is found by e-mail,
an error in its place must reject the row.
"""

import re
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from posixpath import join
from zipfile import ZipFile

from ticketing.roster.sources.workbook_format import WorkbookFormat, require_workbook

_BLOCK_BYTES = 1024 * 1024
_ATTRIBUTE = re.compile(r'([\w:]+)="([^"]*)"')
_ERROR_CELL = re.compile(rb'<c\b([^>]*\bt="e"[^>]*)>(?:<f.*?(?:</f>|/>))?<v>([^<]*)</v>', re.DOTALL)
_CELL_START = b"<c "

Place = tuple[int, int]  # row and column, counted from 0


def find_error_cells(path: Path, sheet: str) -> Mapping[Place, str]:
    """Return the error values of a sheet by their place; none for other formats than .xlsx."""
    if require_workbook(path) is not WorkbookFormat.EXCEL:
        return {}
    with ZipFile(path) as archive:
        part = _find_worksheet(archive, sheet)
        if part not in archive.namelist():
            return {}
        with archive.open(part) as content:
            blocks = iter(lambda: content.read(_BLOCK_BYTES), b"")
            return dict(iter_error_cells(blocks))


def _find_worksheet(archive: ZipFile, sheet: str) -> str:
    """Return the name of the archive's file with this sheet; empty for a binary workbook."""
    names = archive.namelist()
    if "xl/workbook.xml" not in names or "xl/_rels/workbook.xml.rels" not in names:
        return ""
    targets = {
        found.get("Id", ""): found.get("Target", "")
        for found in _iter_elements(archive.read("xl/_rels/workbook.xml.rels"), "Relationship")
    }
    for found in _iter_elements(archive.read("xl/workbook.xml"), "sheet"):
        if unescape(found.get("name", "")) == sheet:
            return join("/xl", targets.get(found.get("r:id", ""), "")).removeprefix("/")
    return ""


def _iter_elements(document: bytes, tag: str) -> Iterator[dict[str, str]]:
    """Yield the attributes of all elements of this name."""
    for start in re.finditer(rf"<(?:\w+:)?{tag}\b([^>]*)>", document.decode("utf-8", "replace")):
        yield dict(_ATTRIBUTE.findall(start[1]))


def iter_error_cells(blocks: Iterator[bytes]) -> Iterator[tuple[Place, str]]:
    """Yield place and value of every cell with an error; a cell can be cut by a block's end."""
    rest = b""
    for block in blocks:
        text = rest + block
        cut = max(text.rfind(_CELL_START), 0)
        yield from _parse_error_cells(text[:cut])
        rest = text[cut:]
    yield from _parse_error_cells(rest)


def _parse_error_cells(text: bytes) -> Iterator[tuple[Place, str]]:
    if b't="e"' not in text:
        return
    for cell in _ERROR_CELL.finditer(text):
        place = _parse_place(dict(_ATTRIBUTE.findall(cell[1].decode())).get("r", ""))
        if place is not None:
            yield place, unescape(cell[2].decode())


def _parse_place(name: str) -> Place | None:
    """Return the place of a cell: `B3` is (2, 1)."""
    if not (parts := re.fullmatch(r"([A-Z]{1,3})(\d+)", name)):
        return None
    column = 0
    for letter in parts[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(parts[2]) - 1, column - 1
