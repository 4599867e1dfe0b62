"""Values of workbook cells as the text that a person sees."""

from datetime import date, datetime, time, timedelta

CellValue = float | str | bool | date | datetime | time | timedelta
_SPREADSHEET_DIGITS = 15  # what a spreadsheet keeps of a number
_EXACT_INTEGERS = 2**53  # floats below hold every integer


def cell_text(value: CellValue) -> str:
    """Return a value as text: numbers without `.0`, dates as ISO 8601."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return _number_text(value)
    match value:
        case str():
            return value.replace("\0", "")
        case bool():
            return str(value).upper()
        case datetime() if value.time() == time():
            return str(value.date())
        case datetime() | time():
            return str(value.replace(microsecond=0))
    return str(value)


def _number_text(value: float) -> str:
    """Return a number; one that has lost digits is in scientific notation, which is rejected.

    A spreadsheet replaces the digits after the fifteenth by zeros. Other programs write more, and
    a whole number that does not end in zero is complete.
    """
    if not float(value).is_integer():
        return f"{value:.{_SPREADSHEET_DIGITS}g}"
    whole = int(value)
    if abs(whole) < 10**_SPREADSHEET_DIGITS or (abs(whole) < _EXACT_INTEGERS and whole % 10):
        return str(whole)
    return f"{value:.{_SPREADSHEET_DIGITS - 1}E}"
