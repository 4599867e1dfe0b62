"""Events by slug or number, and their making."""

from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy import Connection, RowMapping, Text, bindparam, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.domain.errors import UnknownEvent
from ticketing.domain.events import Event, NewEvent
from ticketing.store.database import Database
from ticketing.store.schema import events

_COLUMNS = (
    events.c.id,
    events.c.uid,
    events.c.slug,
    events.c.name,
    events.c.starts_at,
    events.c.ends_at,
    events.c.time_zone,
    events.c.locale,
    events.c.venue,
    events.c.region,
    events.c.template_id,
    events.c.key_generation,
)


# made once: nearly every request asks for an event, and building a query costs more than asking it
_IS_SLUG = events.c.slug == bindparam("wanted")
_BY_SLUG = select(*_COLUMNS).where(_IS_SLUG)
_BY_SLUG_OR_ID = (
    select(*_COLUMNS)
    # compared as text: a number too large for bigint names no event and is no error
    .where(or_(_IS_SLUG, cast(events.c.id, Text) == bindparam("wanted")))
    .order_by(_IS_SLUG.desc())  # a slug of digits wins over another event's number
    .limit(1)
)


def _event(row: RowMapping) -> Event:
    return Event(**row)


def find(connection: Connection, slug_or_id: str) -> Event | None:
    """The event with that slug, or with that number when the text is one."""
    query = _BY_SLUG_OR_ID if slug_or_id.isdecimal() else _BY_SLUG
    row = connection.execute(query, {"wanted": slug_or_id}).mappings().one_or_none()
    return None if row is None else _event(row)


def get(connection: Connection, slug_or_id: str) -> Event:
    """The event; refuses an unknown one and names those that exist."""
    event = find(connection, slug_or_id)
    if event is None:
        known = ", ".join(slugs(connection)[:5]) or "none yet"
        raise UnknownEvent(
            f"no event {slug_or_id!r} (known: {known}); `ticketing events add` makes one",
            event=slug_or_id,
        )
    return event


def find_event(database: Database, slug_or_id: str) -> Event:
    """Return an event by slug or number, in a transaction of its own. Raises UnknownEvent."""
    with database.transaction() as connection:
        return get(connection, slug_or_id)


def slugs(connection: Connection) -> list[str]:
    """Every event's slug, the newest first."""
    return list(connection.execute(select(events.c.slug).order_by(events.c.id.desc())).scalars())


def everything(connection: Connection) -> list[Event]:
    """Every event, the next to begin first."""
    rows = connection.execute(select(*_COLUMNS).order_by(events.c.starts_at)).mappings()
    return [_event(row) for row in rows]


def add(connection: Connection, event: NewEvent) -> Event:
    """Store a new event; an equal one that is there already is returned as it is."""
    connection.execute(insert(events).values(asdict(event)).on_conflict_do_nothing())
    return get(connection, event.slug)


def change(connection: Connection, event_id: int, changes: Mapping[str, object]) -> None:
    """Overwrite some of an event's columns."""
    connection.execute(
        update(events).where(events.c.id == event_id).values(**changes, updated_at=func.now())
    )
