"""Excel workbooks of plain tables: texts and numbers, a bold header, nothing else.

Texts are never formulas, because they are stored as texts.
"""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZipFile

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_CELL_LENGTH = 32_767  # of Excel
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_STYLES = (
    f'<styleSheet {_MAIN}><fonts count="2"><font/><font><b/></font></fonts>'
    '<fills count="1"><fill/></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf/><xf fontId="1" applyFont="1"/></cellXfs></styleSheet>'
)

Table = tuple[Sequence[str], Iterable[Sequence[object]]]


def write_workbook(file: BinaryIO, sheets: dict[str, Table]) -> None:
    """Write a sheet for each name, with its header and rows; None is an empty cell."""
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        parts = [f"worksheets/sheet{number}.xml" for number in range(1, len(sheets) + 1)]
        archive.writestr("[Content_Types].xml", _content_types(parts))
        root = {"rId1": ("officeDocument", "xl/workbook.xml")}
        archive.writestr("_rels/.rels", _relationships(root))
        archive.writestr("xl/workbook.xml", _workbook(list(sheets)))
        links = {f"rId{at}": ("worksheet", part) for at, part in enumerate(parts, 1)}
        links["styles"] = ("styles", "styles.xml")
        archive.writestr("xl/_rels/workbook.xml.rels", _relationships(links))
        archive.writestr("xl/styles.xml", _HEAD + _STYLES)
        for part, (header, rows) in zip(parts, sheets.values(), strict=True):
            with archive.open(f"xl/{part}", "w") as sheet:
                sheet.write(f"{_HEAD}<worksheet {_MAIN}><sheetData>".encode())
                sheet.write(_row(header, style=' s="1"').encode())
                for row in rows:
                    sheet.write(_row(row).encode())
                sheet.write(b"</sheetData></worksheet>")


def _row(cells: Sequence[object], style: str = "") -> str:
    return f"<row>{''.join(_cell(cell, style) for cell in cells)}</row>"


def _cell(value: object, style: str) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return f"<c{style}><v>{value}</v></c>"
    text = escape(_FORBIDDEN.sub("\ufffd", str(value))[:MAX_CELL_LENGTH])
    return f'<c{style} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _workbook(names: Sequence[str]) -> str:
    sheets = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{at}" r:id="rId{at}"/>'
        for at, name in enumerate(names, 1)
    )
    return f'{_HEAD}<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets></workbook>'


def _relationships(links: dict[str, tuple[str, str]]) -> str:
    lines = "".join(
        f'<Relationship Id="{key}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for key, (kind, target) in links.items()
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{lines}</Relationships>'


def _content_types(parts: Sequence[str]) -> str:
    kinds = {"workbook.xml": "sheet.main", "styles.xml": "styles"} | dict.fromkeys(
        parts, "worksheet"
    )
    lines = "".join(
        f'<Override PartName="/xl/{part}" ContentType="{_SHEET_TYPE}.{kind}+xml"/>'
        for part, kind in kinds.items()
    )
    rels = "application/vnd.openxmlformats-package.relationships+xml"
    return (
        f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
        f'<Default Extension="rels" ContentType="{rels}"/>{lines}</Types>'
    )
