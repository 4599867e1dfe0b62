"""API keys: create, find, rotate and revoke. Only the SHA-256 of a key is stored."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, RowMapping, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.access.caller import Caller, CallerKind, Role
from ticketing.platform.db import audit_log
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.access import api_keys
from ticketing.platform.kernel.errors import Refused

KEY_PREFIX = "tk_"  # so that scanners for leaked secrets recognise a key
RANDOM_BYTES = 32
USE_PRECISION = timedelta(minutes=1)  # a busy key would write a row per request


class UnusableKey(Refused):
    """An API key cannot be created, rotated or revoked under that name."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key; the audit log shows its name. `event_ids` None is no restriction."""

    id: int
    name: str
    role: Role
    created_by: str
    created_at: datetime
    revoked_at: datetime | None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    event_ids: Sequence[int] | None = None
    previous_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A new API key. `secret` is shown only once."""

    key: ApiKey
    secret: str = field(repr=False)


_COLUMNS = columns_of(ApiKey, api_keys)


def _api_key_from_row(row: RowMapping) -> ApiKey:
    return ApiKey(**{**row, "role": Role(row["role"])})


def hash_key(secret: str) -> bytes:
    """Return the stored hash of a key. With 256 random bits, a plain SHA-256 is sufficient."""
    return sha256(secret.encode()).digest()


def find_caller(connection: Connection, secret: str, *, at: datetime) -> Caller | None:
    """Return the caller with that key and note its use; None if it is revoked or has expired."""
    digest = hash_key(secret)
    is_previous = and_(api_keys.c.previous_sha256 == digest, api_keys.c.previous_expires_at > at)
    query = select(*_COLUMNS).where(
        or_(api_keys.c.key_sha256 == digest, is_previous),
        api_keys.c.revoked_at.is_(None),
        or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > at),
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    _note_use(connection, row, at=at)
    role = Role(row["role"])
    return Caller(CallerKind.API_KEY, row["id"], row["name"], role, row["event_ids"])


def _note_use(connection: Connection, row: RowMapping, *, at: datetime) -> None:
    if row["last_used_at"] is not None and at - row["last_used_at"] < USE_PRECISION:
        return
    # the condition again: of many requests at once, all but the first find nothing to change
    is_outdated = or_(
        api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at <= at - USE_PRECISION
    )
    query = update(api_keys).where(api_keys.c.id == row["id"], is_outdated)
    connection.execute(query.values(last_used_at=at))


def list_all(connection: Connection) -> Sequence[ApiKey]:
    """Return all keys, revoked ones included, by id."""
    rows = connection.execute(select(*_COLUMNS).order_by(api_keys.c.id)).mappings()
    return [_api_key_from_row(row) for row in rows]


def add_key(
    database: Database,
    *,
    name: str,
    role: Role,
    by: str,
    expires_at: datetime | None = None,
    event_ids: Sequence[int] | None = None,
) -> NewApiKey:
    """Create an API key; its name is the actor in the audit log."""
    with database.transaction() as connection:
        return insert_key(
            connection, name=name, role=role, by=by, expires_at=expires_at, event_ids=event_ids
        )


def insert_key(
    connection: Connection,
    *,
    name: str,
    role: Role,
    by: str,
    expires_at: datetime | None = None,
    event_ids: Sequence[int] | None = None,
) -> NewApiKey:
    """Create an API key as a part of a transaction."""
    if not name.strip() or not name.isprintable():
        raise UnusableKey(f"{name!r} is not an API key name: use printable text for its user")
    secret = _new_secret()
    values = {
        "name": name, "role": role, "key_sha256": hash_key(secret), "created_by": by,
        "expires_at": expires_at, "event_ids": event_ids,
    }  # fmt: skip
    query = insert(api_keys).values(values).on_conflict_do_nothing(index_elements=["name"])
    row = connection.execute(query.returning(*_COLUMNS)).mappings().one_or_none()
    if row is None:
        raise UnusableKey(f"an API key {name!r} exists or existed; choose another name")
    audit_log.record(connection, by, "api key added", subject=name, details={"role": role})
    return NewApiKey(_api_key_from_row(row), secret)


def rotate_key(
    database: Database, *, name: str, overlap: timedelta, by: str, at: datetime
) -> NewApiKey:
    """Replace the secret of a key; the old one stays valid for the overlap.

    A secret from an earlier rotation ends at once: a key has at most two.
    """
    secret = _new_secret()
    with database.transaction() as connection:
        query = (
            update(api_keys)
            .where(api_keys.c.name == name, api_keys.c.revoked_at.is_(None))
            .values(
                previous_sha256=api_keys.c.key_sha256,
                previous_expires_at=at + overlap,
                key_sha256=hash_key(secret),
            )
            .returning(*_COLUMNS)
        )
        row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise _no_such_key(name)
        details = {"old_key_valid_until": (at + overlap).isoformat()}
        audit_log.record(connection, by, "api key rotated", subject=name, details=details)
    return NewApiKey(_api_key_from_row(row), secret)


def revoke_key(database: Database, *, name: str, by: str) -> None:
    """Revoke an API key; the next request with it is refused."""
    with database.transaction() as connection:
        query = update(api_keys).where(api_keys.c.name == name, api_keys.c.revoked_at.is_(None))
        if not connection.execute(query.values(revoked_at=func.now())).rowcount:
            raise _no_such_key(name)
        audit_log.record(connection, by, "api key revoked", subject=name)


def _new_secret() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def _no_such_key(name: str) -> UnusableKey:
    return UnusableKey(f"no valid API key {name!r}; see `ticketing api-keys list`")
