"""Periods as sources write them: academic years, semesters and months of an academic year."""

import re

from ticketing.billing.sources.mapping.errors import BadRecord
from ticketing.billing.sources.mapping.paths import is_blank, word
from ticketing.billing.sources.strict_json import shorten

_YEARS = re.compile(r"(?P<first>[0-9]{4})[/ -]{0,3}(?P<last>[0-9]{4})")
_SEMESTER = re.compile(r"(?P<year>[0-9]{4})[/-]?(?P<half>[123])")
_FIRST_MONTH = 7  # an academic year begins in July
_MONTH_NAMES = (
    ("januari", "january", "jan"), ("februari", "february", "feb", "peb", "pebruari"),
    ("maret", "march", "mar"), ("april", "apr"), ("mei", "may"), ("juni", "june", "jun"),
    ("juli", "july", "jul"), ("agustus", "august", "agu", "agt", "ags", "agust", "aug"),
    ("september", "sep", "sept"), ("oktober", "october", "okt", "oct"),
    ("november", "nov", "nop", "nopember"), ("desember", "december", "des", "dec"),
)  # fmt: skip
_MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, 1) for name in names}


def academic_year(value: object) -> str:
    """Return `2025/2026`. Raises BadRecord unless the years follow each other."""
    first, last = _academic_years(value)
    return f"{first}/{last}"


def academic_month(year: object, month: object) -> str:
    """Return `2025-07`; months from July on are in the first year. Without month: `2025/2026`."""
    first, last = _academic_years(year)
    if is_blank(month):
        return f"{first}/{last}"
    number = month_number(month)
    return f"{first if number >= _FIRST_MONTH else last}-{number:02d}"


def semester(value: object) -> str:
    """Return `2025/2026-1` for `20251`."""
    found = _SEMESTER.fullmatch(word(value))
    if not found:
        raise BadRecord(f"{shorten(value)} is no semester such as 20251")
    first = int(found["year"])
    return f"{first}/{first + 1}-{found['half']}"


def calendar_month(year: object, month: object) -> str:
    """Return `2026-02` for a calendar year and a month, or only the year without month."""
    text = word(year)
    if not re.fullmatch("[0-9]{4}", text):
        raise BadRecord(f"{shorten(year)} is no year of four digits")
    return text if is_blank(month) else f"{text}-{month_number(month):02d}"


def month_number(value: object) -> int:
    """Return 1 to 12 for a number or an Indonesian or English name. Raises BadRecord."""
    text = word(value).lower().rstrip(".")
    number = int(text) if re.fullmatch("[0-9]{1,2}", text) else _MONTHS.get(text, 0)
    if not 1 <= number <= len(_MONTH_NAMES):
        raise BadRecord(f"{shorten(value)} is no month")
    return number


def _academic_years(value: object) -> tuple[str, str]:
    found = _YEARS.fullmatch(word(value))
    if not found or int(found["last"]) != int(found["first"]) + 1:
        raise BadRecord(f"{shorten(value)} is no academic year such as 2025/2026")
    return found["first"], found["last"]
