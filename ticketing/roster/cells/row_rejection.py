"""The rejection of a row: one reason for all errors of its cells."""

from collections.abc import Sequence

from ticketing.roster.cells.cell_values import TOTAL_ROW_REASON, CellError
from ticketing.roster.model import RosterRow, RowRejection


def reject_unreadable(row: RosterRow) -> RowRejection:
    """Return the rejection of a record that the source could not read."""
    return RowRejection("", "", "", row.problem)


def combine_errors(key: str, problems: Sequence[CellError]) -> RowRejection:
    """Return one rejection for all errors; a total is only that, whatever its other cells say."""
    totals = [problem for problem in problems if problem.reason == TOTAL_ROW_REASON]
    if totals:
        # an id that nobody has: the row is nobody who could be missed
        return RowRejection(f"id:{totals[0].value}", *_columns(totals[0]))
    if len(problems) == 1:
        return RowRejection(key, *_columns(problems[0]))
    field, value, _ = _columns(problems[0])
    reasons = "; ".join(f"{problem.field}: {problem.reason}" for problem in problems)
    return RowRejection(key, field, value, reasons)


def _columns(problem: CellError) -> tuple[str, str, str]:
    return problem.field, problem.value, problem.reason
