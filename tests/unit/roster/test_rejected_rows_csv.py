"""Tests of the CSV of rejected rows, which can be corrected and imported again."""

from pathlib import Path

import pytest

from ticketing.platform.kernel.errors import Misconfigured
from ticketing.roster.import_result import write_rejected_rows
from ticketing.roster.model import RejectedRow
from ticketing.roster.sources.csv_file import RosterFile

ROW = RejectedRow(7, "phone", "6.28E+11", "digits are lost", ("1", "=cmd()", "6.28E+11"))
HEADER = ["nim", "nama", "hp"]


def test_the_file_has_the_columns_of_the_roster_and_the_errors(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "aside.csv"

    written = write_rejected_rows(path, HEADER, [ROW])

    with RosterFile(path).open() as reading:
        assert [row.cells for row in reading.rows] == [
            ["1", "'=cmd()", "6.28E+11", "7", "phone", "6.28E+11", "digits are lost"]
        ]
    assert (written, reading.columns) == (1, [*HEADER, "line", "field", "value", "reason"])


def test_the_delimiter_can_be_chosen(tmp_path: Path) -> None:
    write_rejected_rows(tmp_path / "aside.csv", HEADER, [ROW], delimiter=",")

    assert (tmp_path / "aside.csv").read_text("utf-8-sig").startswith("nim,nama,hp,line,")


def test_rejected_rows_of_a_file_of_rejected_rows_have_their_columns_once(tmp_path: Path) -> None:
    path = tmp_path / "aside.csv"
    again = ROW._replace(cells=(*ROW.cells, "3", "email", "x", "old reason"))

    write_rejected_rows(path, [*HEADER, "line", "field", "value", "reason"], [again])

    with RosterFile(path).open() as reading:
        assert next(reading.rows).cells[3:] == ["7", "phone", "6.28E+11", "digits are lost"]


def test_ragged_rows_keep_all_their_cells(tmp_path: Path) -> None:
    path = tmp_path / "aside.csv"

    write_rejected_rows(
        path, HEADER, [ROW._replace(cells=("1",)), ROW._replace(cells=tuple("12345"))]
    )

    with RosterFile(path).open() as reading:
        assert [row.cells[:4] for row in reading.rows] == [
            ["1", "", "", "7"],
            ["1", "2", "3, 4, 5", "7"],
        ]


def test_nothing_unfinished_is_left_behind(tmp_path: Path) -> None:
    write_rejected_rows(tmp_path / "aside.csv", HEADER, [])

    assert [path.name for path in tmp_path.iterdir()] == ["aside.csv"]


def test_an_unwritable_folder_is_named_with_the_remedy(tmp_path: Path) -> None:
    occupied = tmp_path / "a-file"
    occupied.write_text("not a folder")

    with pytest.raises(Misconfigured, match=r"a-file/aside\.csv .*--quarantine"):
        write_rejected_rows(occupied / "aside.csv", HEADER, [ROW])
