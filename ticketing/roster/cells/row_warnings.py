"""Collect the warnings about accepted rows, and sum up those that matter only together."""

from collections import Counter
from collections.abc import Iterable, Iterator

from ticketing.roster.cells.clean_row import DECODED_WRONGLY_REASON
from ticketing.roster.cells.mojibake import undo_mojibake
from ticketing.roster.erased_contacts import ERASED_REASON
from ticketing.roster.model import CellWarning, RosterField, RowWarning

MAX_STORED_WARNINGS = 1000  # in the import history; all of them are counted
_MAX_VALUE_LENGTH = 200
_MAX_EXAMPLES = 3
_MAX_STATUS_VALUES = 20


class RowWarnings:
    """The warnings of one import: their number, the first of them, and summaries."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[RowWarning] = []
        self._unknown_statuses: Counter[str] = Counter()
        self._erased_lines: set[int] = set()
        self._wrong_names = 0
        self._wrong_name_examples: list[str] = []

    def add(self, line: int, found: Iterable[CellWarning]) -> None:
        """Add the warnings of one row."""
        for warning in found:
            self.count += 1
            if len(self.first) < MAX_STORED_WARNINGS:
                shown = warning.value[:_MAX_VALUE_LENGTH]
                self.first.append(RowWarning(line, warning.field, shown, warning.reason))
            self._sum_up(line, warning)

    def listed(self, limit: int) -> list[RowWarning]:
        """Return the first warnings, those that no summary counts before the others."""
        return sorted(self.first, key=_is_summed_up)[:limit]

    def _sum_up(self, line: int, warning: CellWarning) -> None:
        if warning.reason == ERASED_REASON:
            self._erased_lines.add(line)
        if not _is_summed_up(warning):
            return
        if warning.field == RosterField.STATUS:
            self._unknown_statuses[warning.value] += 1
        else:
            self._wrong_names += 1
            if len(self._wrong_name_examples) < _MAX_EXAMPLES:
                decoded = undo_mojibake(warning.value)
                self._wrong_name_examples.append(f"{warning.value!r} for {decoded!r}")

    def summaries(self) -> Iterator[str]:
        """Yield what the warnings say about the file as a whole."""
        if number := len(self._erased_lines):
            rows = "1 row brings" if number == 1 else f"{number:,} rows bring"
            yield (
                f"{rows} back people whose data were erased on request; remove them from the file,"
                " or see `ticketing people allow`"
            )
        if self._unknown_statuses:
            values = self._unknown_statuses.most_common(_MAX_STATUS_VALUES)
            counted = ", ".join(f"{value!r} ({count:,})" for value, count in values)
            yield f"unknown values in the status column hold nobody: {counted}"
        if self._wrong_names:
            names = "name looks" if self._wrong_names == 1 else "names look"
            yield (
                f"{self._wrong_names:,} {names} decoded wrongly:"
                f" {', '.join(self._wrong_name_examples)}; export the file as UTF-8 again"
            )


def _is_summed_up(warning: CellWarning | RowWarning) -> bool:
    return warning.field == RosterField.STATUS or warning.reason.startswith(DECODED_WRONGLY_REASON)
