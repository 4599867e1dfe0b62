"""The keys of an event: recorded, checked against the master secret, rotated, exported."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.crypto import key_queries
from ticketing.crypto.keyring import KeyRing, Signer
from ticketing.crypto.public_key import PublicKey
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Misconfigured, Refused

MAX_GENERATION = 255  # a token has one byte for it


def current_signer(connection: Connection, event: Event, keys: KeyRing) -> Signer:
    """The signer of the event's newest generation, its public key recorded for the gates.

    The generation is read anew: an `Event` in hand may be older than a rotation. Refuses when the
    master secret is not the one that signed this event's earlier tickets.
    """
    generation = key_queries.get_generation(connection, event.id, lock=True)
    recorded = {key.generation: key.key for key in key_queries.list_for_event(connection, event.id)}
    for known, public_key in recorded.items():
        if keys.public_key(event.uid, known) != public_key:
            raise Misconfigured(
                f"the master secret has changed since generation {known} of {event.slug}'s keys: "
                "tickets signed now would not verify beside the old ones. "
                "Put TICKETING_MASTER_SECRET back to what it was"
            )
    signer = keys.signer_for_generation(event.uid, generation)
    if generation not in recorded:
        key_queries.insert_public_key(connection, event.id, generation, signer.public_key)
    return signer


def list_public_keys(database: Database, event: Event, *, keys: KeyRing) -> list[PublicKey]:
    """Everything a gate needs to know, the newest generation last; recorded if it was not yet."""
    with database.transaction() as connection:
        current_signer(connection, event, keys)
        return key_queries.list_for_event(connection, event.id)


def rotate_keys(database: Database, event: Event, *, keys: KeyRing, by: str, at: datetime) -> Event:
    """Sign new tickets with the next generation; tickets of the old ones still verify."""
    with database.transaction() as connection:
        signer = current_signer(connection, event, keys)
        if signer.generation == MAX_GENERATION:
            raise Refused(f"{event.slug} has used all {MAX_GENERATION} generations of its keys")
        generation = key_queries.advance_generation(connection, event.id, at=at)
        rotated = replace(event, key_generation=generation)
        key_queries.insert_public_key(
            connection, event.id, generation, keys.public_key(event.uid, generation)
        )
        audit_log.record(
            connection,
            actor=by,
            action="keys.rotate",
            event_id=event.id,
            subject=event.slug,
            items=1,
            details={"generation": generation},
        )
    return rotated
