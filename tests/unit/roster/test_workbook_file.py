"""Tests of reading workbooks: three formats, values as text, the choice of a sheet, refusals."""

import io
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.workbooks import Cell, WriteWorkbook, compound_file, ods, xls, xlsx
from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.roster.model import RosterRow
from ticketing.roster.sources.csv_file import OpenRoster, RosterFile
from ticketing.roster.sources.roster_file import roster_file
from ticketing.roster.sources.workbook_cells import CellValue, cell_text
from ticketing.roster.sources.workbook_errors import iter_error_cells

HEADER = ("nim", "nama", "no hp")
SITI: tuple[Cell, ...] = (13520001, "Siti  Aminah", 81234567890)


def read(path: Path, sheet: str | None = None) -> tuple[OpenRoster, list[RosterRow]]:
    """Return an open roster and all its rows."""
    with roster_file(path, sheet).open() as reading:
        return reading, list(reading.rows)


@pytest.mark.parametrize("name", ["roster.xlsx", "roster.ods", "roster.xls"])
def test_a_workbook_of_each_format_is_read_with_numbers_as_text(
    write_workbook: WriteWorkbook, name: str
) -> None:
    reading, rows = read(write_workbook(name, HEADER, SITI))

    assert (reading.columns, reading.sheet) == (list(HEADER), "Peserta")
    assert rows == [RosterRow(2, ["13520001", "Siti  Aminah", "81234567890"])]


def test_the_content_decides_about_the_reader_and_not_the_name(
    write_workbook: WriteWorkbook, tmp_path: Path
) -> None:
    renamed = write_workbook("roster.xlsx", HEADER, SITI).rename(tmp_path / "roster.csv")

    assert read(renamed)[1][0].cells[0] == "13520001"


def test_text_named_like_a_workbook_is_read_as_text(tmp_path: Path) -> None:
    path = tmp_path / "roster.xls"
    path.write_text("nim,nama\n1,Siti\n")

    assert isinstance(roster_file(path), RosterFile)


def test_blank_rows_are_skipped_and_lines_are_row_numbers(write_workbook: WriteWorkbook) -> None:
    _, rows = read(write_workbook("a.xlsx", (), HEADER, (None,), (1, "Siti"), (), (2, "Budi")))

    assert rows == [RosterRow(4, ["1", "Siti", ""]), RosterRow(6, ["2", "Budi", ""])]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345678.0, "12345678"),
        (-3.0, "-3"),
        (3.5, "3.5"),
        (0.1 + 0.2, "0.3"),
        (True, "TRUE"),
        (date(2026, 12, 1), "2026-12-01"),
        (datetime(2026, 12, 1), "2026-12-01"),  # noqa: DTZ001 - cells have no zone
        (datetime(2026, 12, 1, 8, 30), "2026-12-01 08:30:00"),  # noqa: DTZ001
        (time(8, 30), "08:30:00"),
        (timedelta(hours=30), "1 day, 6:00:00"),
        ("a\0b", "ab"),
    ],
)
def test_a_value_becomes_the_text_that_a_person_sees(value: CellValue, text: str) -> None:
    assert cell_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3201011223344556.0, "3201011223344556"),  # written by a program
        (3201011223344560.0, "3.20101122334456E+15"),  # cut by a spreadsheet
        (12345678901234567000.0, "1.23456789012346E+19"),
    ],
)
def test_a_number_that_lost_digits_is_not_taken_for_a_complete_one(value: float, text: str) -> None:
    assert cell_text(value) == text


def test_the_header_is_found_below_a_title(write_workbook: WriteWorkbook) -> None:
    reading, rows = read(write_workbook("a.xlsx", ("Daftar Peserta",), (), HEADER, SITI))

    assert (reading.columns, rows[0].line) == (list(HEADER), 4)


def test_an_error_value_stays_visible_in_its_cell(write_workbook: WriteWorkbook) -> None:
    _, rows = read(write_workbook("a.xlsx", HEADER, (1, "#N/A", "#REF!"), ("#DIV/0!", "Budi")))

    assert [row.cells for row in rows] == [["1", "#N/A", "#REF!"], ["#DIV/0!", "Budi", ""]]


@given(st.integers(1, 400))
def test_an_error_value_is_found_wherever_a_block_of_the_file_ends(size: int) -> None:
    text = b'<row><c r="A1" t="e"><f>x/0</f><v>#N/A</v></c><c r="B12" t="e"><v>&lt;x</v></c></row>'
    blocks = (text[at : at + size] for at in range(0, len(text), size))

    assert dict(iter_error_cells(blocks)) == {(0, 0): "#N/A", (11, 1): "<x"}


def test_several_sheets_with_rows_are_refused_by_name_until_one_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "two.xlsx"
    rows = [HEADER, SITI]
    path.write_bytes(xlsx({"S1": rows, "Kosong": [], "S2": rows, "Kode": rows}, hidden=["Kode"]))

    with pytest.raises(UnreadableFile, match="'S1', 'S2'; choose one with --sheet"):
        read(path)
    assert read(path, "S2")[0].sheet == "S2"
    with pytest.raises(UnreadableFile, match="no sheet 'S3'; the workbook has 'S1', 'Kosong'"):
        read(path, "S3")


def archive(**files: str) -> bytes:
    """Return a ZIP archive of these files."""
    content = io.BytesIO()
    with ZipFile(content, "w") as opened:
        for name, text in files.items():
            opened.writestr(name, text)
    return content.getvalue()


ENCRYPTED = compound_file({"EncryptionInfo": b"", "EncryptedPackage": b""})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ENCRYPTED, "password"),
        (ods({}, encrypted=True), "password"),
        (xls({"A": []}, encrypted=True), "password"),
        (xlsx({"A": [HEADER]})[:300], "broken or incomplete"),
        (compound_file({"Workbook": b"nonsense"}), "broken"),
        (compound_file({"WordDocument": b""}), "without a workbook"),
        (archive(note="x"), "without a workbook"),
        (archive(**{"content.xml": "x"}), "broken"),
        (archive(**{"xl/workbook.xml": "x"}), "broken"),
        (b"\xef\xbb\xbf\r\n<html><table><tr><td>nim", "roster.xlsx is a web page"),
        (xlsx({"A": []}), "no header"),
        (xlsx({"A": [], "B": []}), "no visible sheet with rows"),
    ],
)
def test_what_is_no_readable_workbook_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "roster.xlsx"
    path.write_bytes(content)

    with pytest.raises(UnreadableFile, match=reason):
        read(path)


def test_a_cell_far_outside_of_the_table_is_refused_and_ends_only_the_reader(
    tmp_path: Path,
) -> None:
    far = tmp_path / "far.xlsx"
    with ZipFile(io.BytesIO(xlsx({"A": [HEADER, SITI]}))) as source, ZipFile(far, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(b'r="C2"', b'r="XFD1048576"'))

    with pytest.raises(UnreadableFile, match="too large to be read"):
        read(far)


def test_a_sheet_is_refused_for_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "roster.csv"
    path.write_text("nim,nama\n1,Siti\n")

    with pytest.raises(UnreadableFile, match="not a workbook; omit the sheet 'A'"):
        roster_file(path, "A")
