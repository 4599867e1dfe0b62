"""Find the header of a roster: the row of column names, below titles and notes.

Works on rows of any source: the cells of a CSV file, or of a sheet.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice

from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.roster.cells.column_mapping import count_known_headers
from ticketing.roster.model import RosterRow

MAX_TITLE_ROWS = 30
_MIN_KNOWN_NAMES = 2  # every importable roster has a name and an id or a contact


def find_header_index(rows: Sequence[list[str]]) -> int:
    """Return the index of the first row with two known column names; 0 if there is none.

    Without one, the first row is the header, whose columns are then mapped by options.
    """
    return next(
        (at for at, cells in enumerate(rows) if count_known_headers(cells) >= _MIN_KNOWN_NAMES), 0
    )


def split_header(
    rows: Iterator[RosterRow], header_row: int | None = None
) -> tuple[RosterRow, Iterator[RosterRow]]:
    """Return the header and the rows below it.

    `header_row` is its line number in the file, from 1, if it is known; rows above are left out.
    """
    if header_row is not None:
        return _header_on_line(rows, header_row), rows
    first = list(islice(rows, MAX_TITLE_ROWS))
    if not first:
        raise UnreadableFile("no header: the file has nothing but blank lines")
    at = find_header_index([row.cells for row in first])
    return first[at], chain(first[at + 1 :], rows)


def _header_on_line(rows: Iterator[RosterRow], line: int) -> RosterRow:
    for row in rows:
        if row.line == line:
            return row
        if row.line > line:
            break
    raise UnreadableFile(f"no header: line {line} is blank, inside another row, or below the last")
