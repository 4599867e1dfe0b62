"""Choose the reader of a roster file by its content, whatever its name says."""

from pathlib import Path

from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.roster.sources.csv_file import RosterFile
from ticketing.roster.sources.workbook_file import RosterWorkbook
from ticketing.roster.sources.workbook_format import is_web_page, is_workbook


def roster_file(
    path: Path, sheet: str | None = None, *, name: str = ""
) -> RosterFile | RosterWorkbook:
    """Return the source that reads this file: a workbook, else delimited text.

    `name` is the name for the import history, if it is not that of the path.
    """
    if is_workbook(path):
        return RosterWorkbook(path, sheet, name or path.name)
    if is_web_page(path):
        raise UnreadableFile(
            f"{name or path.name} is a web page (HTML or XML), even if it is named like a workbook;"
            " open it in a spreadsheet and save it as .xlsx"
        )
    if sheet is not None:
        raise UnreadableFile(f"{name or path.name} is not a workbook; omit the sheet {sheet!r}")
    return RosterFile(path, name)
