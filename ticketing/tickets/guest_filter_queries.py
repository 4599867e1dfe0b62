"""Apply a filter and a sort order to queries that join guests, entitlements and ticket types."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.tickets.guest_filter import EXTRA_PREFIX, GuestFilter, UnusableFilter

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
        columns[name].desc() if is_descending else columns[name]
        for name, is_descending in wanted.sort
    )
    return filter_rows(connection, event_id, query, wanted).order_by(*order, last_key)


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
