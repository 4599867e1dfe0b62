"""Apply a filter and a sort order to queries that join guests, entitlements and ticket types."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Select,
    Text,
    case,
    column,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.tickets.guest_filter import EXTRA_PREFIX, GuestFilter, UnusableFilter

_NUMBER_LENGTH = 30  # digits that are compared, more than any number of a roster has

COLUMNS: Mapping[str, ColumnElement[str]] = {
    "external_id": func.coalesce(guests.c.external_id, ""),
    **{
        name: guests.c[name]
        for name in (
            "first_name", "last_name", "full_name", "email", "phone", "locale", "sales_channel",
        )
    },
    "test_mode": case((guests.c.is_test, "test"), else_="live"),
    "ticket_type": ticket_types.c.name,
    "seat": entitlements.c.seat,
}  # fmt: skip
"""The columns of every guest, named as the fields of a roster."""


def list_kept_columns(connection: Connection, event_id: int) -> Sequence[str]:
    """Return the names of the kept columns of the event's rosters, in alphabetical order."""
    key = func.jsonb_object_keys(guests.c.extra).label("key")
    query = select(key).where(guests.c.event_id == event_id).distinct().order_by(key)
    return connection.execute(query).scalars().all()


def filter_rows(
    connection: Connection, event_id: int, query: Select[Any], wanted: GuestFilter
) -> Select[Any]:
    """Return the query for the matching guests only. Raises UnusableFilter."""
    columns = _resolve(connection, event_id, wanted)
    for name, values in wanted.where.items():
        # both lowered by the database: "VIP" and "vip" are one ticket type
        query = query.where(func.lower(columns[name]).in_([func.lower(value) for value in values]))
    return query


def apply_filter(
    connection: Connection,
    event_id: int,
    query: Select[Any],
    wanted: GuestFilter,
    *,
    last_key: ColumnElement[int],
) -> Select[Any]:
    """Return the filtered query in the sort order, then by `last_key`. Raises UnusableFilter."""
    columns = _resolve(connection, event_id, wanted)
    order = (
        key.desc() if is_descending else key
        for name, is_descending in wanted.sort
        for key in (_natural_key(columns[name]), columns[name])
    )
    return filter_rows(connection, event_id, query, wanted).order_by(*order, last_key)


def _natural_key(text: ColumnElement[str]) -> ColumnElement[str]:
    """Return the key by which numbers in a text are sorted by value: A2 before A10.

    Zeros make all numbers equally long. An ICU collation would do the same, but the embedded
    PostgreSQL is built without ICU.
    """
    found = func.regexp_matches(text, "([^0-9]*)([0-9]*)", "g")
    parts = found.table_valued(column("part", ARRAY(Text)), with_ordinality="position")
    parts = parts.render_derived()
    before, number = parts.c.part[1], func.nullif(parts.c.part[2], "")
    padded = before + func.coalesce(func.lpad(number, _NUMBER_LENGTH, "0"), "")
    in_order = aggregate_order_by(literal(""), parts.c.position)
    return select(func.string_agg(padded, in_order)).scalar_subquery()


def require_columns(connection: Connection, event_id: int, wanted: GuestFilter) -> None:
    """Refuse a filter that uses an unknown column. Raises UnusableFilter."""
    _resolve(connection, event_id, wanted)


def _resolve(
    connection: Connection, event_id: int, wanted: GuestFilter
) -> Mapping[str, ColumnElement[str]]:
    """Return the columns that can be used; refuses a filter with another one."""
    unknown = wanted.columns - COLUMNS.keys()
    if not unknown:
        return COLUMNS
    kept = {EXTRA_PREFIX + name: name for name in list_kept_columns(connection, event_id)}
    if unknown - kept.keys():
        raise UnusableFilter(
            f"unknown column {', '.join(map(repr, sorted(unknown - kept.keys())))}:"
            f" the event has {', '.join([*COLUMNS, *kept])}"
            + ("" if kept else "; other columns of a roster are kept with `import --keep COLUMN`")
        )
    extra = {label: func.coalesce(guests.c.extra[name].astext, "") for label, name in kept.items()}
    return {**COLUMNS, **extra}
