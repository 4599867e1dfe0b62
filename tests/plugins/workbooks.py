"""Writers of small workbooks in the formats .xlsx, .ods and .xls, and of an .xlsx in a stream."""

import io
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

Cell = str | float | bool | date | None
Sheets = Mapping[str, Sequence[Sequence[Cell]]]
WriteWorkbook = Callable[..., Path]

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_DAY_ZERO = date(1899, 12, 30)
_SECTOR = 512
_END_OF_CHAIN, _FREE, _FAT_SECTOR = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def xlsx(sheets: Sheets, hidden: Sequence[str] = ()) -> bytes:
    """Return an Excel workbook."""
    content = io.BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as archive:
        archive.writestr("_rels/.rels", _relations({"w": ("officeDocument", "xl/workbook.xml")}))
        archive.writestr("xl/workbook.xml", _workbook_xml(sheets, hidden))
        archive.writestr(
            "xl/styles.xml",
            f'<styleSheet {_MAIN}><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
            "</styleSheet>",
        )
        targets = {
            f"r{at}": ("worksheet", f"worksheets/sheet{at}.xml") for at in range(len(sheets))
        }
        archive.writestr(
            "xl/_rels/workbook.xml.rels", _relations(targets | {"s": ("styles", "styles.xml")})
        )
        for at, rows in enumerate(sheets.values()):
            archive.writestr(f"xl/worksheets/sheet{at}.xml", _worksheet_xml(rows))
    return content.getvalue()


def _relations(targets: Mapping[str, tuple[str, str]]) -> str:
    lines = (
        f'<Relationship Id="{key}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for key, (kind, target) in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(lines)}</Relationships>'


def _workbook_xml(sheets: Sheets, hidden: Sequence[str]) -> str:
    lines = (
        f'<sheet name={quoteattr(name)} sheetId="{at + 1}" r:id="r{at}"'
        f"{STATE_HIDDEN if name in hidden else ''}/>"
        for at, name in enumerate(sheets)
    )
    return f'<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>{"".join(lines)}</sheets></workbook>'


STATE_HIDDEN = ' state="hidden"'


def _worksheet_xml(rows: Sequence[Sequence[Cell]]) -> str:
    lines = (
        f'<row r="{number}">'
        + "".join(_xlsx_cell(f"{chr(65 + at)}{number}", cell) for at, cell in enumerate(row))
        + "</row>"
        for number, row in enumerate(rows, 1)
    )
    return f"<worksheet {_MAIN}><sheetData>{''.join(lines)}</sheetData></worksheet>"


def _xlsx_cell(place: str, cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return f'<c r="{place}" t="b"><v>{int(cell)}</v></c>'
        case date():
            return f'<c r="{place}" s="1"><v>{(cell - _DAY_ZERO).days}</v></c>'
        case str() if cell.startswith("#"):
            return f'<c r="{place}" t="e"><v>{cell}</v></c>'
        case str():
            return f'<c r="{place}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
    return f'<c r="{place}"><v>{cell!r}</v></c>'


def ods(sheets: Sheets, *, encrypted: bool = False) -> bytes:
    """Return an OpenDocument spreadsheet."""
    content = io.BytesIO()
    entry = "<m:encryption-data/>" if encrypted else ""
    tables = "".join(
        f"<table:table table:name={quoteattr(name)}>{''.join(map(_ods_row, rows))}</table:table>"
        for name, rows in sheets.items()
    )
    with ZipFile(content, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "META-INF/manifest.xml",
            f'<m:manifest xmlns:m="{_OASIS}:manifest:1.0">'
            f'<m:file-entry m:full-path="content.xml">{entry}</m:file-entry></m:manifest>',
        )
        archive.writestr(
            "content.xml",
            f'<office:document-content xmlns:office="{_OASIS}:office:1.0"'
            f' xmlns:table="{_OASIS}:table:1.0" xmlns:text="{_OASIS}:text:1.0"><office:body>'
            f"<office:spreadsheet>{tables}</office:spreadsheet></office:body>"
            "</office:document-content>",
        )
    return content.getvalue()


def _ods_row(row: Sequence[Cell]) -> str:
    return f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>"


def _ods_cell(cell: Cell) -> str:
    match cell:
        case None:
            return "<table:table-cell/>"
        case date():
            return f'<table:table-cell office:value-type="date" office:date-value="{cell}"/>'
        case str():
            return (
                '<table:table-cell office:value-type="string">'
                f"<text:p>{escape(cell)}</text:p></table:table-cell>"
            )
    return f'<table:table-cell office:value-type="float" office:value="{cell!r}"/>'


def xls(sheets: Sheets, *, encrypted: bool = False) -> bytes:
    """Return a workbook of Excel 97."""
    bodies = [_xls_sheet(rows) for rows in sheets.values()]
    start = _xls_record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0))
    if encrypted:
        start += _xls_record(0x2F, bytes(6))
    offset = len(start) + sum(12 + 2 * len(name) for name in sheets) + 4
    for name, body in zip(sheets, bodies, strict=True):
        head = struct.pack("<IBBBB", offset, 0, 0, len(name), 1)
        start += _xls_record(0x85, head + name.encode("utf-16-le"))
        offset += len(body)
    return compound_file({"Workbook": start + _xls_record(0x0A) + b"".join(bodies)})


def _xls_sheet(rows: Sequence[Sequence[Cell]]) -> bytes:
    cells = b"".join(
        _xls_cell(row, column, cell)
        for row, line in enumerate(rows)
        for column, cell in enumerate(line)
    )
    start = _xls_record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0))
    return start + cells + _xls_record(0x0A)


def _xls_cell(row: int, column: int, cell: Cell) -> bytes:
    if isinstance(cell, str):
        text = cell.encode("utf-16-le")
        return _xls_record(0x204, struct.pack("<HHHHB", row, column, 0, len(cell), 1) + text)
    assert isinstance(cell, float | int)
    return _xls_record(0x203, struct.pack("<HHHd", row, column, 0, cell))


def _xls_record(kind: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def compound_file(streams: Mapping[str, bytes]) -> bytes:
    """Return a compound file, the container of old Office documents and of encrypted new ones."""
    chains: list[int] = []
    content = b""
    entries = [("Root Entry", 5, _FREE, 1, _END_OF_CHAIN, 0)]
    for number, (name, stream) in enumerate(streams.items(), 1):
        following = number + 1 if number < len(streams) else _FREE
        size = max(4096, len(stream))
        entries.append((name, 2, following, _FREE, len(chains), size))
        content += _chain(chains, stream.ljust(size, b"\0"))
    folder = len(chains)
    content += _chain(chains, b"".join(_folder_entry(*entry) for entry in entries))
    table = len(chains)
    chains += [_FAT_SECTOR, *[_FREE] * (_SECTOR // 4 - table - 1)]
    return _compound_header(folder, table) + content + struct.pack("<128I", *chains)


def _chain(chains: list[int], stream: bytes) -> bytes:
    """Add the sectors of a stream to the table of chains; return its content in whole sectors."""
    count, first = -(-len(stream) // _SECTOR), len(chains)
    chains += [*range(first + 1, first + count), _END_OF_CHAIN]
    return stream.ljust(count * _SECTOR, b"\0")


def _folder_entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0"
    links = struct.pack("<HBBIII", len(text), kind, 1, _FREE, right, child)
    return text.ljust(64, b"\0") + links + bytes(36) + struct.pack("<IQ", start, size)


def _compound_header(folder: int, table: int) -> bytes:
    sizes = struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
    starts = (0, 1, folder, 0, 4096, _END_OF_CHAIN, 0, _END_OF_CHAIN, 0)
    numbers = struct.pack("<118I", *starts, table, *[_FREE] * 108)
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + sizes + bytes(6) + numbers


@pytest.fixture
def write_workbook(tmp_path: Path) -> WriteWorkbook:
    """Return a function that writes rows as a workbook; the ending of the name is the format."""
    writers = {".xlsx": xlsx, ".ods": ods, ".xls": xls}

    def write(name: str, *rows: Sequence[Cell], sheet: str = "Peserta", **more: object) -> Path:
        path = tmp_path / name
        path.write_bytes(writers[path.suffix]({sheet: rows}, **more))  # type: ignore[operator]
        return path

    return write
