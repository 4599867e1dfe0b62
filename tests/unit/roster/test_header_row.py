"""Tests of finding the row of column names below titles and notes."""

import pytest

from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.roster.model import RosterRow
from ticketing.roster.sources.header_row import find_header_index, split_header

TITLES = [["DAFTAR WISUDAWAN PERIODE DESEMBER 2026", ""], ["Fakultas Teknik", ""]]
HEADER = ["nim", "nama"]
PERSON = ["1", "Budi"]


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        ([HEADER, PERSON], 0),
        ([*TITLES, HEADER, PERSON], 2),
        ([["Wer", "Kennung"], PERSON], 0),  # mapped by options
        ([["Nama", "Kennung"], PERSON], 0),
        ([], 0),
    ],
)
def test_the_header_is_the_first_row_with_two_known_names(
    rows: list[list[str]], index: int
) -> None:
    assert find_header_index(rows) == index


@pytest.mark.parametrize("header_row", [None, 5])
def test_the_rows_below_the_header_follow(header_row: int | None) -> None:
    lines = (1, 3, 5, 6)
    rows = map(RosterRow, lines, [*TITLES, HEADER, PERSON])

    header, below = split_header(rows, header_row)

    assert (header, list(below)) == (RosterRow(5, HEADER), [RosterRow(6, PERSON)])


@pytest.mark.parametrize(("header_row", "reason"), [(2, "line 2 is blank"), (9, "below the last")])
def test_a_line_that_cannot_be_the_header_is_refused(header_row: int, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        split_header(iter([RosterRow(1, HEADER), RosterRow(3, PERSON)]), header_row)
