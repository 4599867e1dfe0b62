"""Filter and sort order of a list of guests, as written: `extra.faculty=Law`, `-seat`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ticketing.platform.kernel.errors import Refused
from ticketing.platform.kernel.text import normalise_text

EXTRA_PREFIX = "extra."  # of a kept column of the roster


class UnusableFilter(Refused):
    """A filter or sort order is malformed, or names an unknown column; the message lists them."""


class SortColumn(NamedTuple):
    """A column of a sort order."""

    name: str
    is_descending: bool


@dataclass(frozen=True, slots=True)
class GuestFilter:
    """The accepted values of each filtered column, and the sort order. Empty means all guests."""

    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sort: tuple[SortColumn, ...] = ()

    @property
    def columns(self) -> frozenset[str]:
        """Return the names of all columns used."""
        return frozenset(self.where) | {column.name for column in self.sort}


EVERYBODY = GuestFilter()


def parse_filter(where: Sequence[str] | None, sort: Sequence[str] | None = None) -> GuestFilter:
    """Return the filter; several values of one column are alternatives. Raises UnusableFilter."""
    values: dict[str, tuple[str, ...]] = {}
    for condition in where or ():
        name, separator, value = normalise_text(condition).partition("=")
        if not separator or not name.strip():
            raise UnusableFilter(f"filter {condition!r}: write COLUMN=VALUE, such as seat=A1")
        values[name.strip()] = (*values.get(name.strip(), ()), value.strip())
    return GuestFilter(values, tuple(map(_parse_sort_column, sort or ())))


def _parse_sort_column(text: str) -> SortColumn:
    name = normalise_text(text)
    if not name.removeprefix("-"):
        raise UnusableFilter(f"sort order {text!r}: write COLUMN, or -COLUMN for descending order")
    return SortColumn(name.removeprefix("-"), name.startswith("-"))
