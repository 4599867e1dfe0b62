"""Choose the reader of a roster file by its content, whatever its name says."""

from pathlib import Path

from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.roster.sources.csv_file import RosterFile
from ticketing.roster.sources.workbook_file import RosterWorkbook
from ticketing.roster.sources.workbook_format import is_workbook


def roster_file(path: Path, sheet: str | None = None) -> RosterFile | RosterWorkbook:
    """Return the source that reads this file: a workbook, else delimited text."""
    if is_workbook(path):
        return RosterWorkbook(path, sheet)
    if sheet is not None:
        raise UnreadableFile(f"{path.name} is not a workbook; omit the sheet {sheet!r}")
    return RosterFile(path)
