"""Map the columns of a roster to fields, by English or Indonesian header or by explicit mapping."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ticketing.platform.kernel.errors import UnreadableFile, UnusableMapping
from ticketing.roster.cells.vocabulary import (
    GIVEN_NAME_HEADERS,
    HEADER_NAMES,
    HEADER_SUFFIXES,
    SCHOOL_CLASS_HEADER,
    SCHOOL_HEADERS,
)
from ticketing.roster.model import RosterField

_NOTE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_NOT_A_LETTER = re.compile(r"[\W_]+")


def header_key(header: str) -> str:
    """Return a header for comparison: `firstName`, `First_Name*` and `FIRST NAME (as in ID)` agree.

    A word such as "aktif" at the end is left out; a header that is only a note is its own name.
    """
    key = _letters(_NOTE.sub(" ", header)) or _letters(header)
    for suffix in HEADER_SUFFIXES:
        key = key.removesuffix(suffix) or key
    return key


def _letters(text: str) -> str:
    return _NOT_A_LETTER.sub("", text).lower()


class _KnownHeader(NamedTuple):
    field: RosterField
    rank: int  # the smallest is used


_KNOWN_HEADERS: dict[str, _KnownHeader] = {
    header_key(name): _KnownHeader(field, rank)
    for field, ranks in HEADER_NAMES.items()
    for rank, names in enumerate(ranks)
    for name in names.split(",")
}
_SCHOOL_KEYS = frozenset(map(header_key, SCHOOL_HEADERS))
_GIVEN_NAME_KEYS = frozenset(map(header_key, GIVEN_NAME_HEADERS))


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The header of a roster, and the column index of each field."""

    header: tuple[str, ...]
    indexes: Mapping[RosterField, int]
    warnings: tuple[str, ...] = ()

    def column_names(self) -> dict[str, str]:
        """Return the column name of each field, for people."""
        return {field.value: self.header[place] for field, place in self.indexes.items()}


def count_known_headers(header: Sequence[str]) -> int:
    """Return the number of cells of a row that are known column names."""
    return sum(header_key(cell) in _KNOWN_HEADERS for cell in header)


def map_columns(
    header: Sequence[str], overrides: Mapping[str, str], ignored: Collection[str] = ()
) -> ColumnMapping:
    """Map every column to its field; explicit mappings (column to field) override names.

    Refuses a first line that is no header, a field with two columns of equal rank, and a roster
    without columns for a name and for an id, e-mail or phone.
    """
    explicit = _apply_overrides(header, overrides)
    if not explicit and not count_known_headers(header):
        raise UnreadableFile(
            f"no header: the first line is {_format_header(header)}; add column names (nama, nim, "
            "email, no hp, …), give the header's line with --header-row, or use --map"
        )
    taken = {*explicit.values(), *(column_index(header, column) for column in ignored)}
    known = [_KNOWN_HEADERS.get(key) for key in _usable_keys(header)]
    found: dict[RosterField, list[int]] = {field: [place] for field, place in explicit.items()}
    for place, named in enumerate(known):
        if named and named.field not in explicit and place not in taken:
            found.setdefault(named.field, []).append(place)
    _use_bare_name_as_given_name(header, found, explicit)
    chosen = {field: _first_ranked(header, field, places, known) for field, places in found.items()}
    _refuse_missing(header, chosen)
    return ColumnMapping(tuple(header), chosen, _second_choices(header, found, chosen))


def _usable_keys(header: Sequence[str]) -> list[str]:
    """Return the keys of a header, empty where the name means something else in this roster."""
    keys = [header_key(name) for name in header]
    if _SCHOOL_KEYS.isdisjoint(keys):
        return keys
    return ["" if key == SCHOOL_CLASS_HEADER else key for key in keys]


def _use_bare_name_as_given_name(
    header: Sequence[str],
    found: dict[RosterField, list[int]],
    explicit: Mapping[RosterField, int],
) -> None:
    """Read "name" beside a column of surnames as a given name, or every surname would be lost."""
    if RosterField.LAST_NAME not in found or RosterField.FIRST_NAME in found:
        return
    names = found.get(RosterField.FULL_NAME, [])
    is_bare = len(names) == 1 and header_key(header[names[0]]) in _GIVEN_NAME_KEYS
    if is_bare and RosterField.FULL_NAME not in explicit:
        found[RosterField.FIRST_NAME] = found.pop(RosterField.FULL_NAME)


def _first_ranked(
    header: Sequence[str],
    field: RosterField,
    places: Sequence[int],
    known: Sequence[_KnownHeader | None],
) -> int:
    """Return the only column of the best rank; refuses two of them."""
    if len(places) == 1:
        return places[0]
    ranks = {place: named.rank for place in places if (named := known[place])}
    best = [place for place in places if ranks[place] == min(ranks.values())]
    if len(best) > 1:
        names = " and ".join(repr(header[place]) for place in best)
        raise UnusableMapping(
            f"two columns for {field}: {names}; choose with --map {header[best[0]]!r}={field}, "
            f"or leave one out with --ignore {header[best[1]]!r}"
        )
    return best[0]


def _second_choices(
    header: Sequence[str],
    found: Mapping[RosterField, Sequence[int]],
    chosen: Mapping[RosterField, int],
) -> tuple[str, ...]:
    """Return a warning for every column that lost against one of a better rank."""
    return tuple(
        f"two columns for {field}: {header[chosen[field]]!r} is used and {header[place]!r} is not; "
        f"--map {header[place]!r}={field} uses the other"
        for field, places in found.items()
        for place in places
        if place != chosen[field]
    )


def _apply_overrides(header: Sequence[str], overrides: Mapping[str, str]) -> dict[RosterField, int]:
    places: dict[RosterField, int] = {}
    for column, field_name in overrides.items():
        if field_name not in set(RosterField):
            raise UnusableMapping(f"no field {field_name!r}; there are: {', '.join(RosterField)}")
        field, place = RosterField(field_name), column_index(header, column)
        if field in places:
            raise UnusableMapping(
                f"two columns for {field}: {header[places[field]]!r} and {header[place]!r}"
            )
        if place in places.values():
            raise UnusableMapping(f"column {column!r} is mapped to two fields")
        places[field] = place
    return places


def column_index(header: Sequence[str], column: str) -> int:
    """Return the index of a column: by its exact name, else by its key."""
    exact = [place for place, name in enumerate(header) if name == column]
    alike = exact or [
        place
        for place, name in enumerate(header)
        if (key := header_key(column)) and header_key(name) == key
    ]
    if not alike:
        raise UnusableMapping(f"no column {column!r}; the file has {_format_header(header)}")
    if len(alike) > 1:
        raise UnusableMapping(f"{len(alike)} columns are called {column!r}; rename one")
    return alike[0]


def _refuse_missing(header: Sequence[str], found: Mapping[RosterField, int]) -> None:
    if not {RosterField.FULL_NAME, RosterField.FIRST_NAME} & found.keys():
        raise UnusableMapping(
            f"missing column: a name (nama, full name, or first name); the file has "
            f"{_format_header(header)}"
        )
    if not {RosterField.EXTERNAL_ID, RosterField.EMAIL, RosterField.PHONE} & found.keys():
        raise UnusableMapping(
            "missing column: an id (for example nim), an e-mail address or a phone number; "
            f"the file has {_format_header(header)}"
        )


def _format_header(header: Sequence[str]) -> str:
    shown = [repr(cell[:40]) for cell in header[:12]]
    return ", ".join(shown) + (", …" if len(header) > len(shown) else "")
