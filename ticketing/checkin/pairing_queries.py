"""Queries of gates: one-time codes with which a phone gets a key, and the keys of an event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from ticketing.access.caller import Role
from ticketing.platform.db.tables.access import api_keys
from ticketing.platform.db.tables.checkins import checkins, gate_pairings


@dataclass(frozen=True, slots=True)
class Pairing:
    """A pairing that was not used yet."""

    event_id: int
    gate: str
    key_hours: int
    created_by: str


@dataclass(frozen=True, slots=True)
class GateListing:
    """A paired gate. `last_scan_at` is by its own clock."""

    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    last_scan_at: datetime | None
    scans: int


def hash_code(code: str) -> bytes:
    """Return the stored hash of a pairing code."""
    return sha256(code.encode()).digest()


def insert_pairing(
    connection: Connection, code: str, pairing: Pairing, *, at: datetime, expires_at: datetime
) -> None:
    """Store a pairing, and forget those of this event that have expired unused."""
    connection.execute(
        delete(gate_pairings).where(
            gate_pairings.c.event_id == pairing.event_id,
            gate_pairings.c.used_at.is_(None),
            gate_pairings.c.expires_at < at,
        )
    )
    connection.execute(
        insert(gate_pairings).values(
            code_sha256=hash_code(code), event_id=pairing.event_id, gate=pairing.gate,
            key_hours=pairing.key_hours, created_by=pairing.created_by, created_at=at,
            expires_at=expires_at,
        )
    )  # fmt: skip


def lock_pairing(connection: Connection, code: str, *, at: datetime) -> Pairing | None:
    """Return the pairing of a code, locked; None if it is unknown, used or expired."""
    query = select(
        gate_pairings.c.event_id, gate_pairings.c.gate, gate_pairings.c.key_hours,
        gate_pairings.c.created_by,
    ).where(
        gate_pairings.c.code_sha256 == hash_code(code),
        gate_pairings.c.used_at.is_(None),
        gate_pairings.c.expires_at > at,
    )  # fmt: skip
    row = connection.execute(query.with_for_update()).one_or_none()
    return None if row is None else Pairing(*row)


def mark_used(connection: Connection, code: str, api_key_id: int, *, at: datetime) -> None:
    """Record the key that a code was exchanged for."""
    connection.execute(
        update(gate_pairings)
        .where(gate_pairings.c.code_sha256 == hash_code(code))
        .values(used_at=at, api_key_id=api_key_id)
    )


def list_gates(connection: Connection, event_id: int) -> Sequence[GateListing]:
    """Return the gates that were paired for an event, the newest first."""
    scans = (
        select(
            checkins.c.gate,
            func.max(checkins.c.scanned_at).label("last_scan_at"),
            func.count().label("scans"),
        )
        .where(checkins.c.event_id == event_id)
        .group_by(checkins.c.gate)
        .subquery()
    )
    query = (
        select(
            api_keys.c.name, api_keys.c.created_at, api_keys.c.expires_at, api_keys.c.last_used_at,
            api_keys.c.revoked_at, scans.c.last_scan_at, func.coalesce(scans.c.scans, 0),
        )
        .outerjoin(scans, scans.c.gate == api_keys.c.name)
        .where(and_(api_keys.c.role == Role.GATE, api_keys.c.event_ids == [event_id]))
        .order_by(api_keys.c.id.desc())
    )  # fmt: skip
    return [GateListing(*row) for row in connection.execute(query)]
