"""Rejected rows as a CSV file, to be corrected in a spreadsheet and imported again.

The columns are those of the roster and the error. UTF-8 with a byte order mark and `;`, which
most spreadsheets open without a question.
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
    """Write the file atomically; return the number of rows.

    Raises Misconfigured if the file cannot be written.
    """
    # a corrected file that is imported again has these columns already: they are replaced
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
            " nothing was imported: choose another file with --quarantine"
        ) from error
