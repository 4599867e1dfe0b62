"""Queries of check-in lists. Every event has one, made by its first use: the entrance."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.checkin.model import CheckInList
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.checkins import checkin_lists

ENTRANCE = "Entrance"
_COLUMNS = columns_of(CheckInList, checkin_lists)


def ensure_entrance(connection: Connection, event_id: int, *, at: datetime) -> None:
    """Create the entrance of an event that has no list."""
    has_list = select(literal(1)).where(checkin_lists.c.event_id == event_id)
    if connection.execute(has_list.limit(1)).scalar() is None:
        insert_list(connection, event_id, ENTRANCE, None, allows_reentry=False, at=at)


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


def list_for_event(connection: Connection, event_id: int) -> list[CheckInList]:
    """Return the lists of an event; the first is the entrance."""
    query = select(*_COLUMNS).where(checkin_lists.c.event_id == event_id)
    rows = connection.execute(query.order_by(checkin_lists.c.id)).mappings()
    return [_from_row(row) for row in rows]


def update_list(connection: Connection, list_id: int, values: dict[str, object]) -> CheckInList:
    """Change a list and return it."""
    query = update(checkin_lists).where(checkin_lists.c.id == list_id).values(values)
    return _from_row(connection.execute(query.returning(*_COLUMNS)).mappings().one())


def find_by_name(connection: Connection, event_id: int, name: str) -> CheckInList | None:
    """Return the list of this name, in whatever case, or None."""
    query = select(*_COLUMNS).where(
        checkin_lists.c.event_id == event_id,
        func.lower(checkin_lists.c.name) == name.lower(),
    )
    row = connection.execute(query.order_by(checkin_lists.c.id).limit(1)).mappings().one_or_none()
    return None if row is None else _from_row(row)


def _from_row(row: RowMapping) -> CheckInList:
    return CheckInList(**row)
