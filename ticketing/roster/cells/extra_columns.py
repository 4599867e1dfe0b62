"""Columns of a roster that are kept as they are, for templates (`extra.faculty`) and exports."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ticketing.platform.kernel.errors import UnusableMapping
from ticketing.roster.cells.column_mapping import column_index

_NOT_A_LETTER = re.compile(r"[\W_]+")


class ExtraColumn(NamedTuple):
    """A kept column: its name in templates, and its place in the row, from 0."""

    name: str
    place: int


def extra_name(header: str) -> str:
    """Return the name of a kept column: `Program Studi` is `program_studi`."""
    name = _NOT_A_LETTER.sub("_", header).strip("_").lower()
    return f"_{name}" if name[:1].isdecimal() else name


def find_extra_columns(header: Sequence[str], kept: Sequence[str]) -> tuple[ExtraColumn, ...]:
    """Return the columns to keep; refuses unknown ones, and two of the same name."""
    found: dict[str, int] = {}
    for column in kept:
        index = column_index(header, column)
        name = extra_name(header[index])
        if not name or found.get(name, index) != index:
            raise UnusableMapping(
                f"--keep {column!r}: its name in templates would be {name!r}, which is empty or "
                "that of another kept column; rename the column"
            )
        found[name] = index
    return tuple(ExtraColumn(*item) for item in found.items())


def encode_extra(values: dict[str, str]) -> str:
    """Return the values as JSON for the database, without empty ones; "" if there are none."""
    stated = {name: value for name, value in values.items() if value}
    return json.dumps(stated, ensure_ascii=False) if stated else ""


def split_extra(values: Mapping[str, str]) -> dict[str, str]:
    """Return the values with `extra.NAME` for each value in the JSON of `extra`."""
    extra = json.loads(values.get("extra") or "{}")
    others = {name: value for name, value in values.items() if name != "extra"}
    return others | {f"extra.{name}": value for name, value in extra.items()}
