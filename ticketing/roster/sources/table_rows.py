"""Read all rows of a file as written, for tables whose header is not that of a roster."""

from collections.abc import Iterator
from pathlib import Path

from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.roster.model import RosterRow
from ticketing.roster.sources.csv_records import read_records
from ticketing.roster.sources.csv_sniffer import SAMPLE_BYTES, detect_encoding
from ticketing.roster.sources.text_lines import LineReader
from ticketing.roster.sources.workbook_file import iter_sheet
from ticketing.roster.sources.workbook_format import is_workbook


def iter_table(
    path: Path, *, delimiter: str, sheet: str | None = None, encoding: str | None = None
) -> Iterator[RosterRow]:
    """Yield every row that is not blank, of delimited text or of a sheet.

    Raises UnreadableFile for files that are no table or change while they are read.
    """
    if not path.is_file():
        raise UnreadableFile(f"{path}: no such file")
    if is_workbook(path):
        yield from iter_sheet(path, sheet)
        return
    if sheet is not None:
        raise UnreadableFile(f"{path.name} is not a workbook; omit the sheet {sheet!r}")
    with path.open("rb") as file:
        lines = LineReader(file, detect_encoding(file.read(SAMPLE_BYTES), encoding))
        yield from read_records(lines, delimiter, None)
        lines.digest()  # refuses a file that changed
