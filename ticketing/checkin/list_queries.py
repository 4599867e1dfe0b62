"""Queries of check-in lists. Every event has one, made by its first use: the entrance."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.checkin.model import CheckInList
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.checkins import checkin_lists

ENTRANCE = "Entrance"
_COLUMNS = columns_of(CheckInList, checkin_lists)


def list_or_create(connection: Connection, event_id: int, *, at: datetime) -> list[CheckInList]:
    """Return the lists of an event; the first is the entrance, which is created if none exists."""
    lists = _list_for_event(connection, event_id)
    if lists:
        return lists
    insert_list(connection, event_id, ENTRANCE, None, allows_reentry=False, at=at)
    return _list_for_event(connection, event_id)  # with those of another gate at the same moment


def insert_list(
    connection: Connection,
    event_id: int,
    name: str,
    ticket_type_ids: Sequence[int] | None,
    *,
    allows_reentry: bool,
    at: datetime,
) -> CheckInList | None:
    """Create a list; None if the event has one of this name."""
    query = insert(checkin_lists).values(
        event_id=event_id, name=name, ticket_type_ids=ticket_type_ids,
        allows_reentry=allows_reentry, created_at=at,
    )  # fmt: skip
    query = query.on_conflict_do_nothing(index_elements=["event_id", "name"])
    row = connection.execute(query.returning(*_COLUMNS)).mappings().one_or_none()
    return None if row is None else _from_row(row)


def update_list(connection: Connection, list_id: int, values: dict[str, object]) -> CheckInList:
    """Change a list and return it."""
    query = update(checkin_lists).where(checkin_lists.c.id == list_id).values(values)
    return _from_row(connection.execute(query.returning(*_COLUMNS)).mappings().one())


def _list_for_event(connection: Connection, event_id: int) -> list[CheckInList]:
    query = select(*_COLUMNS).where(checkin_lists.c.event_id == event_id)
    rows = connection.execute(query.order_by(checkin_lists.c.id)).mappings()
    return [_from_row(row) for row in rows]


def _from_row(row: RowMapping) -> CheckInList:
    return CheckInList(**row)
