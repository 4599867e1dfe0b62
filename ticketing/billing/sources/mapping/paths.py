"""Find values in a document by dotted paths, and walk nested lists."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from ticketing.billing.sources.mapping.errors import BadRecord

Scope = Mapping[str, object]
MISSING = object()
_BLANK_WORDS = frozenset({
    "", "-", "null", "NULL", "0000-00-00", "00/00/0000", "00-00-0000", "0000-00-00 00:00:00",
})  # fmt: skip


def find(scope: Scope, path: str) -> object:
    """Return the value at `name.key.key`, or MISSING; null is a value."""
    head, *keys = path.split(".")
    value = scope.get(head, MISSING)
    for key in keys:
        if not isinstance(value, dict):
            return MISSING
        value = value.get(key, MISSING)
    return value


def is_blank(value: object) -> bool:
    """Return whether a value stands for nothing: null, an empty text, a dash, a zero date."""
    if value is MISSING or value is None:
        return True
    return isinstance(value, str) and value.strip() in _BLANK_WORDS


def first_filled(scope: Scope, paths: Sequence[str]) -> object:
    """Return the first value that is not blank, or MISSING."""
    values = (find(scope, path) for path in paths)
    return next((value for value in values if not is_blank(value)), MISSING)


def word(value: object) -> str:
    """Return a scalar as the text that a mapping file compares; leading zeros are kept.

    Raises BadRecord for lists and objects.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, (int, Decimal)):
        return str(value)
    raise BadRecord("a list or an object stands where a text is expected")


def walk(scope: Scope, each: Sequence[tuple[str, str]]) -> Iterator[Scope]:
    """Yield a scope for each innermost item; a level that is one object counts as one item.

    Raises BadRecord where a level is missing or null: only an empty list means that there is none.
    """
    if not each:
        yield scope
        return
    (name, path), *rest = each
    for item in items_at(scope, path):
        yield from walk({**scope, name: item}, rest)


def items_at(scope: Scope, path: str) -> list[object]:
    """Return the items of a list, or the one object, at a path. Raises BadRecord for others."""
    found = find(scope, path)
    if isinstance(found, list):
        return found
    if isinstance(found, dict):
        return [found]
    state = "missing" if found is MISSING else "null" if found is None else "no list"
    raise BadRecord(f"{path} is {state}: only an empty list means that there is none")
