"""A program that prints one sheet of a workbook as lines of JSON; `workbook_file.py` starts it.

    python -m ticketing.roster.sources.workbook_reader FILE [SHEET]

It is a process of its own because calamine holds the whole sheet, and a cell far outside of the
table makes it ask for more memory than there is, which ends the process. The first line is an
object with the sheet's name or with an error, then come the rows that are not blank, each an
array of its number and its cells. The last line is an empty object: without it the output is
incomplete.
"""

import json
import resource
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetVisibleEnum,
    WorksheetNotFound,
)

from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.roster.sources.workbook_cells import cell_text
from ticketing.roster.sources.workbook_errors import Place, find_error_cells

MAX_MEMORY_BYTES = 4 * 1024**3


def main() -> None:
    """Print the sheet named by the arguments, or the only one with rows."""
    file, *sheet = sys.argv[1:]
    _limit_memory()
    try:
        with Path(file).open("rb") as content, CalamineWorkbook.from_filelike(content) as workbook:
            chosen = choose_sheet(workbook, sheet[0] if sheet else None)
            _print_sheet(chosen, find_error_cells(Path(file), chosen.name))
    except UnreadableFile as error:
        _print_line({"error": str(error)})
    except CalamineError as error:
        _print_line({"error": f"the workbook is broken ({error}); open it and save it again"})


def _limit_memory() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = MAX_MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MAX_MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def choose_sheet(workbook: CalamineWorkbook, name: str | None) -> CalamineSheet:
    """Return the named sheet, or the only visible one with rows."""
    if name is not None:
        return _get_sheet(workbook, name)
    filled = list(_filled_sheets(workbook))
    if not filled:
        raise UnreadableFile("the workbook has no visible sheet with rows")
    if len(filled) > 1:
        raise UnreadableFile(f"several sheets have rows: {_quote(filled)}; choose one with --sheet")
    return workbook.get_sheet_by_name(filled[0])


def _get_sheet(workbook: CalamineWorkbook, name: str) -> CalamineSheet:
    try:
        return workbook.get_sheet_by_name(name)
    except WorksheetNotFound as error:
        raise UnreadableFile(
            f"no sheet {name!r}; the workbook has {_quote(workbook.sheet_names)}"
        ) from error


def _filled_sheets(workbook: CalamineWorkbook) -> Iterator[str]:
    """Yield the visible sheets that have cells; a single one is not read twice."""
    visible = [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.visible == SheetVisibleEnum.Visible
    ]
    if len(visible) == 1:
        yield from visible
        return
    for name in visible:
        if workbook.get_sheet_by_name(name).height:
            yield name


def _quote(names: list[str]) -> str:
    return ", ".join(map(repr, names))


def _print_sheet(sheet: CalamineSheet, errors: Mapping[Place, str]) -> None:
    _print_line({"sheet": sheet.name})
    errors_by_row = _group_by_row(errors, first_column=sheet.start[1] if sheet.start else 0)
    for row, values in enumerate(sheet.iter_rows()):
        cells = [cell_text(value) for value in values]
        for at, error in errors_by_row.get(row, ()):
            cells[at] = error
        if "".join(cells).strip():
            _print_line([row + 1, cells])
    _print_line({})


def _group_by_row(
    errors: Mapping[Place, str], *, first_column: int
) -> dict[int, list[tuple[int, str]]]:
    """Return the errors of each row; rows are printed from the sheet's first used column on."""
    grouped: dict[int, list[tuple[int, str]]] = {}
    for (row, column), error in errors.items():
        grouped.setdefault(row, []).append((column - first_column, error))
    return grouped


def _print_line(value: object) -> None:
    sys.stdout.write(json.dumps(value))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
