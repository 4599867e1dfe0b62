"""The signing keys of an event: record, compare with the master secret, rotate, export."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.crypto import key_queries
from ticketing.crypto.key_queries import PublicKey
from ticketing.crypto.keyring import KeyRing, Signer
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Misconfigured, Refused

MAX_GENERATION = 255  # one byte in the token


def current_signer(connection: Connection, event: Event, keys: KeyRing) -> Signer:
    """Return the signer of the event's newest generation; its public key is recorded.

    The generation is read again, because the `Event` may be older than a rotation. Raises
    Misconfigured when the master secret is not the one that signed earlier tickets of the event.
    """
    generation = key_queries.get_generation(connection, event.id, lock=True)
    recorded = {key.generation: key.key for key in key_queries.list_for_event(connection, event.id)}
    for known, public_key in recorded.items():
        if keys.public_key(event.uid, known) != public_key:
            raise Misconfigured(
                f"the master secret has changed since generation {known} of {event.slug}'s keys: "
                "tickets signed now would not verify beside the old ones. "
                "Set TICKETING_MASTER_SECRET to its previous value"
            )
    signer = keys.signer_for_generation(event.uid, generation)
    if generation not in recorded:
        key_queries.insert_public_key(connection, event.id, generation, signer.public_key)
    return signer


def list_public_keys(database: Database, event: Event, *, keys: KeyRing) -> list[PublicKey]:
    """Return all public keys, newest generation last; the newest is recorded if it was not."""
    with database.transaction() as connection:
        current_signer(connection, event, keys)
        return key_queries.list_for_event(connection, event.id)


def rotate_keys(database: Database, event: Event, *, keys: KeyRing, by: str, at: datetime) -> Event:
    """Start the next generation for new tickets; tickets of older ones still verify."""
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
