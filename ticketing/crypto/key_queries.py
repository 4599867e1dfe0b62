"""Public keys of events, by generation. Secret keys are never stored."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from ticketing.crypto.public_key import PublicKey
from ticketing.platform.db.tables.events import event_keys, events


def get_generation(connection: Connection, event_id: int, *, lock: bool = False) -> int:
    """Return the current generation; `lock` prevents a rotation until the transaction ends."""
    query = select(events.c.key_generation).where(events.c.id == event_id)
    signing: int = connection.execute(
        query.with_for_update(key_share=True) if lock else query
    ).scalar_one()
    return signing


def advance_generation(connection: Connection, event_id: int, *, at: datetime) -> int:
    """Retire the current generation and return the next."""
    connection.execute(
        update(event_keys)
        .where(event_keys.c.event_id == event_id, event_keys.c.retired_at.is_(None))
        .values(retired_at=at)
    )
    following: int = connection.execute(
        update(events)
        .where(events.c.id == event_id)
        .values(key_generation=events.c.key_generation + 1)
        .returning(events.c.key_generation)
    ).scalar_one()
    return following


def insert_public_key(
    connection: Connection, event_id: int, generation: int, public_key: bytes
) -> None:
    """Store the public key of one generation."""
    connection.execute(
        insert(event_keys).values(event_id=event_id, generation=generation, public_key=public_key)
    )


def list_for_event(connection: Connection, event_id: int) -> list[PublicKey]:
    """Return the public keys of all generations, oldest first; empty for an unknown event."""
    query = (
        select(
            events.c.id.label("event_number"),
            events.c.slug.label("event_slug"),
            event_keys.c.generation,
            event_keys.c.public_key.label("key"),
            event_keys.c.created_at,
            event_keys.c.retired_at,
        )
        .join(events, events.c.id == event_keys.c.event_id)
        .where(event_keys.c.event_id == event_id)
        .order_by(event_keys.c.generation)
    )
    return [PublicKey(**row) for row in connection.execute(query).mappings()]
