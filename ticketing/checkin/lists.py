"""Create and change the check-in lists of an event."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from ticketing.catalogue import ticket_type_queries
from ticketing.checkin import list_queries
from ticketing.checkin.model import CheckInList, UnusableCheckIn
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import AlreadyExists

MAX_NAME_LENGTH = 60
ALL_TYPES = "all"  # lifts a restriction to ticket types


def list_lists(database: Database, event: Event, *, at: datetime) -> list[CheckInList]:
    """Return the lists of an event; the first is the entrance, which is created if none exists."""
    with database.transaction() as connection:
        return list_queries.list_or_create(connection, event.id, at=at)


def get_list(database: Database, event: Event, name: str | None, *, at: datetime) -> CheckInList:
    """Return a list by its name; None is the entrance. Raises UnusableCheckIn for another name."""
    with database.transaction() as connection:
        return _get(connection, event, name, at=at)


def add_list(
    database: Database,
    event: Event,
    name: str,
    *,
    types: Sequence[str] | None = None,
    allows_reentry: bool = False,
    by: str,
    at: datetime,
) -> CheckInList:
    """Create a list for these ticket types, None for all. Raises AlreadyExists for a known name."""
    name = _clean_name(name)
    with database.transaction() as connection:
        known = list_queries.list_or_create(connection, event.id, at=at)
        is_known = name.lower() in {one.name.lower() for one in known}
        added = None if is_known else list_queries.insert_list(
            connection, event.id, name, _type_ids(connection, event, types),
            allows_reentry=allows_reentry, at=at,
        )  # fmt: skip
        if added is None:
            raise AlreadyExists(
                f"{event.slug} has a check-in list {name!r}; change it with"
                " `ticketing checkin lists update`"
            )
        audit_log.record(connection, by, "checkin.add_list", event_id=event.id, subject=name)
    return added


def change_list(
    database: Database,
    event: Event,
    name: str,
    *,
    types: Sequence[str] | None = None,
    allows_reentry: bool | None = None,
    by: str,
    at: datetime,
) -> CheckInList:
    """Change a list; None keeps a value, the ticket type `all` lifts a restriction to types."""
    with database.transaction() as connection:
        known = _get(connection, event, name, at=at)
        values = dict[str, object]()
        if types is not None:
            values["ticket_type_ids"] = _type_ids(connection, event, types)
        if allows_reentry is not None:
            values["allows_reentry"] = allows_reentry
        if values:
            known = list_queries.update_list(connection, known.id, values)
            audit_log.record(
                connection, by, "checkin.change_list", event_id=event.id, subject=known.name,
                details=values,
            )  # fmt: skip
    return known


def _get(connection: Connection, event: Event, name: str | None, *, at: datetime) -> CheckInList:
    lists = list_queries.list_or_create(connection, event.id, at=at)
    wanted = lists[0].name if name is None else name
    found = [one for one in lists if one.name.lower() == wanted.lower()]
    if not found:
        names = ", ".join(one.name for one in lists)
        raise UnusableCheckIn(f"{event.slug} has no check-in list {wanted!r}; it has {names}")
    return found[0]


def _clean_name(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > MAX_NAME_LENGTH or not cleaned.isprintable():
        raise UnusableCheckIn(
            f"{name!r} is no name of a check-in list: use 1 to {MAX_NAME_LENGTH} characters"
        )
    return cleaned


def _type_ids(
    connection: Connection, event: Event, types: Sequence[str] | None
) -> list[int] | None:
    if types is None or list(types) == [ALL_TYPES]:
        return None
    known = {
        one.name.lower(): one.id for one in ticket_type_queries.list_for_event(connection, event.id)
    }
    unknown = [name for name in types if name.lower() not in known]
    if unknown:
        raise UnusableCheckIn(
            f"{event.slug} has no ticket type {unknown[0]!r}; it has {', '.join(known) or 'none'}"
        )
    return sorted(known[name.lower()] for name in types)
