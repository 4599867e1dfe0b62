"""Pair a phone with an event: a code that lives for minutes is exchanged for a key of the gate."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ticketing.access.caller import Role
from ticketing.access.keys.key_queries import NewApiKey, insert_key, revoke_key
from ticketing.checkin import pairing_queries
from ticketing.checkin.model import UnknownCheckIn, UnusableCheckIn
from ticketing.checkin.pairing_queries import GateListing, Pairing
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database

CODE_BYTES = 16
CODE_LIFETIME = timedelta(minutes=10)
DEFAULT_HOURS, MAX_HOURS = 24, 24 * 14
MAX_GATE_LENGTH = 40


@dataclass(frozen=True, slots=True)
class NewPairing:
    """A pairing code; it is shown once, as a QR code of the address of the gate's page."""

    gate: str
    code: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PairedGate:
    """The key of a gate, shown once, and its event."""

    event: Event
    key: NewApiKey


def create_pairing(
    database: Database, event: Event, gate: str, *, hours: int, by: str, at: datetime
) -> NewPairing:
    """Create a code for one phone; its key will be valid for `hours`."""
    cleaned = " ".join(gate.split())
    if not cleaned or len(cleaned) > MAX_GATE_LENGTH or not cleaned.isprintable():
        raise UnusableCheckIn(
            f"{gate!r} is no name of a gate: use 1 to {MAX_GATE_LENGTH} characters"
        )
    if not 1 <= hours <= MAX_HOURS:
        raise UnusableCheckIn(f"hours: a key is valid for 1 to {MAX_HOURS} hours, not {hours}")
    code = secrets.token_urlsafe(CODE_BYTES)
    pairing = Pairing(event.id, cleaned, hours, by)
    with database.transaction() as connection:
        pairing_queries.insert_pairing(
            connection, code, pairing, at=at, expires_at=at + CODE_LIFETIME
        )
        audit_log.record(connection, by, "checkin.pair", event_id=event.id, subject=cleaned)
    return NewPairing(cleaned, code, at + CODE_LIFETIME)


def exchange_code(database: Database, code: str, *, at: datetime) -> PairedGate:
    """Return a new key for a pairing code, which is used up.

    The name of the key is that of the gate with a number, because names of keys are never reused.
    Raises UnknownCheckIn for a code that is unknown, used or expired.
    """
    with database.transaction() as connection:
        pairing = pairing_queries.lock_pairing(connection, code, at=at)
        if pairing is None:
            raise UnknownCheckIn(
                "this pairing code is unknown, was used or has expired; create a new one with"
                " `ticketing checkin pair`"
            )
        event = event_queries.get(connection, str(pairing.event_id))
        key = insert_key(
            connection, name=f"{pairing.gate} ({secrets.token_hex(2)})", role=Role.GATE,
            by=pairing.created_by, expires_at=at + timedelta(hours=pairing.key_hours),
            event_ids=[pairing.event_id],
        )  # fmt: skip
        pairing_queries.mark_used(connection, code, key.key.id, at=at)
    return PairedGate(event, key)


def list_gates(database: Database, event: Event) -> list[GateListing]:
    """Return the gates that were paired for an event, revoked and expired ones included."""
    return list(database.run(pairing_queries.list_gates, event.id))


def revoke_gate(database: Database, event: Event, name: str, *, by: str) -> None:
    """Shut a gate out: its next request is refused. Raises UnknownCheckIn for an unknown name."""
    known = [one for one in list_gates(database, event) if one.name == name]
    if not known:
        names = ", ".join(one.name for one in list_gates(database, event)) or "none"
        raise UnknownCheckIn(f"{event.slug} has no gate {name!r}; it has {names}")
    if known[0].revoked_at is None:
        revoke_key(database, name=name, by=by)
