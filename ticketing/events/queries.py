"""Events in the database, by slug or id."""

from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy import Connection, Text, bindparam, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.events.model import Event, NewEvent
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.events import events
from ticketing.platform.kernel.errors import UnknownEvent

COLUMNS = columns_of(Event, events)
# built once: nearly every request needs an event, and building a query takes longer than its run
_IS_SLUG = events.c.slug == bindparam("wanted")
_BY_SLUG = select(*COLUMNS).where(_IS_SLUG)
_BY_SLUG_OR_ID = (
    select(*COLUMNS)
    # compared as text, so that a number too large for bigint is not an error
    .where(or_(_IS_SLUG, cast(events.c.id, Text) == bindparam("wanted")))
    .order_by(_IS_SLUG.desc())  # a slug of digits takes precedence over an id
    .limit(1)
)


def find(connection: Connection, slug_or_id: str) -> Event | None:
    """Return the event with that slug, or with that id if the text is a number, or None."""
    query = _BY_SLUG_OR_ID if slug_or_id.isdecimal() else _BY_SLUG
    row = connection.execute(query, {"wanted": slug_or_id}).mappings().one_or_none()
    return None if row is None else Event(**row)


def get(connection: Connection, slug_or_id: str) -> Event:
    """Return an event. Raises UnknownEvent, which names the newest events."""
    event = find(connection, slug_or_id)
    if event is None:
        known = ", ".join(list_slugs(connection)[:5]) or "none yet"
        raise UnknownEvent(
            f"no event {slug_or_id!r} (known: {known}); `ticketing events create` makes one",
            event=slug_or_id,
        )
    return event


def get_event(database: Database, slug_or_id: str) -> Event:
    """Return an event by slug or id, in a transaction of its own. Raises UnknownEvent."""
    return database.run(get, slug_or_id)


def list_slugs(connection: Connection) -> list[str]:
    """Return the slugs of all events, newest first."""
    return list(connection.execute(select(events.c.slug).order_by(events.c.id.desc())).scalars())


def list_events(connection: Connection) -> list[Event]:
    """Return all events by start."""
    rows = connection.execute(select(*COLUMNS).order_by(events.c.starts_at)).mappings()
    return [Event(**row) for row in rows]


def insert_event(connection: Connection, event: NewEvent) -> Event:
    """Store an event unless its slug exists; return the stored event of that slug."""
    connection.execute(insert(events).values(asdict(event)).on_conflict_do_nothing())
    return get(connection, event.slug)


def update_event(connection: Connection, event_id: int, changes: Mapping[str, object]) -> None:
    """Update columns of an event."""
    connection.execute(
        update(events).where(events.c.id == event_id).values(**changes, updated_at=func.now())
    )
