"""Signing keys of events: recorded public keys by generation, their formats, and rotation.

Secret keys are never stored.
"""

from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from ticketing.crypto.keyring import KeyRing, Signer
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.events import event_keys, events
from ticketing.platform.kernel.errors import Misconfigured, Refused

# RFC 8410: SubjectPublicKeyInfo with the algorithm id-Ed25519, up to the 32 bytes of the key
_SPKI_HEAD = bytes.fromhex("302a300506032b6570032100")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One generation of an event's keys. A retired one signs no tickets, but still verifies."""

    event_number: int
    event_slug: str
    generation: int
    key: bytes
    created_at: datetime
    retired_at: datetime | None

    def hex(self) -> str:
        """Return the key as 64 hexadecimal digits."""
        return self.key.hex()

    def pem(self) -> str:
        """Return the key as PEM (RFC 8410), as openssl writes it."""
        body = b64encode(_SPKI_HEAD + self.key).decode("ascii")
        return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"

    def jwk(self) -> dict[str, str]:
        """Return the key as JWK (RFC 8037), with event and generation as key id."""
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "EdDSA",
            "use": "sig",
            "kid": f"{self.event_slug}/{self.generation}",
            "x": urlsafe_b64encode(self.key).decode("ascii").rstrip("="),
        }


def get_generation(connection: Connection, event_id: int) -> int:
    """Return the current generation; there is no rotation until the transaction ends."""
    query = select(events.c.key_generation).where(events.c.id == event_id)
    signing: int = connection.execute(query.with_for_update(key_share=True)).scalar_one()
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


MAX_GENERATION = 255  # one byte in the token


def current_signer(connection: Connection, event: Event, keys: KeyRing) -> Signer:
    """Return the signer of the event's newest generation; its public key is recorded.

    The generation is read again, because the `Event` may be older than a rotation. Raises
    Misconfigured when the master secret is not the one that signed earlier tickets of the event.
    """
    generation = get_generation(connection, event.id)
    recorded = {key.generation: key.key for key in list_for_event(connection, event.id)}
    for known, public_key in recorded.items():
        if keys.public_key(event.uid, known) != public_key:
            raise Misconfigured(
                f"the master secret has changed since generation {known} of {event.slug}'s keys: "
                "tickets signed now would not verify beside the old ones. "
                "Set TICKETING_MASTER_SECRET to its previous value"
            )
    signer = keys.signer_for_generation(event.uid, generation)
    if generation not in recorded:
        insert_public_key(connection, event.id, generation, signer.public_key)
    return signer


def list_public_keys(database: Database, event: Event, *, keys: KeyRing) -> list[PublicKey]:
    """Return all public keys, newest generation last; the newest is recorded if it was not."""
    with database.transaction() as connection:
        current_signer(connection, event, keys)
        return list_for_event(connection, event.id)


def rotate_keys(database: Database, event: Event, *, keys: KeyRing, by: str, at: datetime) -> Event:
    """Start the next generation for new tickets; tickets of older ones still verify."""
    with database.transaction() as connection:
        signer = current_signer(connection, event, keys)
        if signer.generation == MAX_GENERATION:
            raise Refused(f"{event.slug} has used all {MAX_GENERATION} generations of its keys")
        generation = advance_generation(connection, event.id, at=at)
        rotated = replace(event, key_generation=generation)
        insert_public_key(connection, event.id, generation, keys.public_key(event.uid, generation))
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
