"""Quarantined rows as a CSV that a person corrects in a spreadsheet and imports again.

Its columns are the roster's own, then what is wrong. UTF-8 with a mark and `;`, as the spreadsheets
of most of the world open without asking.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ticketing.platform.kernel.csv_writer import DELIMITER, atomic_text_file
from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.kernel.text import guard_formula
from ticketing.roster.model import RejectedRow

_PROBLEM_COLUMNS = ("line", "field", "value", "reason")


def write_rejected_rows(path: Path, columns: Sequence[str], rows: Iterable[RejectedRow]) -> int:
    """Write the file, whole or not at all; how many rows it has.

    Raises Misconfigured where nothing can be written.
    """
    # a quarantine file imported again has these columns already: they are replaced
    own = tuple(columns[:-4]) if tuple(columns[-4:]) == _PROBLEM_COLUMNS else tuple(columns)
    written = 0
    with _atomic_file(path) as file:
        sheet = csv.writer(file, delimiter=DELIMITER)
        sheet.writerow([*own, *_PROBLEM_COLUMNS])
        for row in rows:
            cells = [*row.cells[: len(own)], *[""] * (len(own) - len(row.cells))]
            problem = (str(row.line), row.field, row.value, row.reason)
            sheet.writerow([guard_formula(cell) for cell in (*cells, *problem)])
            written += 1
    return written


@contextmanager
def _atomic_file(path: Path) -> Iterator[TextIO]:
    try:
        with atomic_text_file(path) as file:
            yield file
    except OSError as error:
        raise Misconfigured(
            f"the rows that need correcting cannot be written to {path} ({error.strerror});"
            " nothing was imported: name another file, by --quarantine"
        ) from error
