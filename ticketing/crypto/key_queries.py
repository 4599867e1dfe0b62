"""Public keys of events, by generation, and their formats for scanners and other tools.

Secret keys are never stored.
"""

from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from ticketing.platform.db.tables.events import event_keys, events

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
