"""Dates of statements; a date without a year takes it from the period above the table."""

import re
from collections.abc import Sequence
from datetime import date, datetime

from ticketing.billing.bank_statements.bank_mapping import Formats
from ticketing.platform.kernel.errors import UnreadableFile

_LEAP_YEAR = 2000  # with it, 29 February can be read before the year is known


class BookingDates:
    """Reads the dates of one statement."""

    def __init__(self, formats: Formats, above: Sequence[str]) -> None:
        self._formats = formats
        self._period = None if formats.has_year else _find_period(formats, above)

    def parse(self, written: str) -> date | None:
        """Return the date, or None if the text is none. Raises UnreadableFile outside the period.

        December of a statement from December to January is in the earlier year.
        """
        found = self._parse(written) if written.isascii() else None
        if found is None or self._period is None:
            return found
        first, last = self._period
        for year in range(first.year, last.year + 1):
            try:
                dated = found.replace(year=year)
            except ValueError:
                continue
            if first <= dated <= last:
                return dated
        raise UnreadableFile(f"the date {written} is outside of the period {first} to {last}")

    def _parse(self, written: str) -> date | None:
        form = self._formats.date
        try:
            if form == "iso":
                return datetime.fromisoformat(written).date()
            if self._period is not None:
                written, form = f"{written} {_LEAP_YEAR}", f"{form} %Y"
            return datetime.strptime(written, form).date()  # noqa: DTZ007 - a day of the bank
        except ValueError:
            return None


def _find_period(formats: Formats, above: Sequence[str]) -> tuple[date, date]:
    found = re.search(formats.period or "", "\n".join(above), re.IGNORECASE)
    try:
        if found is None:
            raise ValueError("nothing fits")  # noqa: TRY301 - the same error as a wrong date
        first, last = (
            datetime.strptime(each, formats.period_date).date()  # noqa: DTZ007 - a day
            for each in found.groups()
        )
    except (ValueError, TypeError) as error:
        raise UnreadableFile(
            "the lines above the table have no period; correct `formats.period` and"
            f" `formats.period_date` of the mapping file ({error})"
        ) from error
    return first, last
