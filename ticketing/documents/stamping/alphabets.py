"""Characters that the shared fonts of a page have, so that most tickets need no font of their own.

They depend on the field and the language only: the same ticket has the same bytes wherever it is
stamped, whatever was stamped before.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ticketing.documents.printed_page import PrintedPage
from ticketing.platform.kernel.local_dates import format_instant

_ASCII = "".join(map(chr, range(0x20, 0x7F)))
# Latin letters of Europe, Africa's standards and Viet Nam, and punctuation of names
_LATIN_RANGES = (
    (0xA1, 0x17F), (0x1A0, 0x1A1), (0x1AF, 0x1B0), (0x218, 0x21B), (0x1EA0, 0x1EF9),
)  # fmt: skip
_LATIN = "".join(chr(point) for first, last in _LATIN_RANGES for point in range(first, last + 1))
_PUNCTUATION = "–—‘’"  # noqa: RUF001  # as names are typed
_LIGATURES = "ff fi fl ffi ffl fj"
_HALF_A_DAY = timedelta(hours=12)
_NAME_FIELDS = ("fullName", "firstName", "lastName")


def alphabet_of(field: str, printed: PrintedPage) -> Iterator[str]:
    """Yield texts with the characters of a field; a blank between them prevents ligatures."""
    yield " ".join(_ASCII)
    yield _LIGATURES
    if field in _NAME_FIELDS:
        yield " ".join(_LATIN + _PUNCTUATION)
    if field == "generatedAt":
        for month in range(1, 13):
            moment = datetime(2026, month, 10 + month, month, 5 * month - 1, tzinfo=UTC)
            yield format_instant(moment, printed.event.time_zone, printed.event.locale)
            yield format_instant(
                moment + _HALF_A_DAY, printed.event.time_zone, printed.event.locale
            )
