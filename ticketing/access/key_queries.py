"""API keys: create, find and revoke. Only the SHA-256 of a key is stored."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import Connection, RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db import audit_log
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.access import api_keys
from ticketing.platform.kernel.errors import Refused


class Role(StrEnum):
    """Role of an API key; each role includes the previous ones."""

    VIEWER = "viewer"  # reads counts, lists and states
    OPERATOR = "operator"  # issues and reads tickets
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Return whether this role has all rights of the other."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key; the audit log shows its name."""

    id: int
    name: str
    role: Role
    created_by: str
    created_at: datetime
    revoked_at: datetime | None


_COLUMNS = columns_of(ApiKey, api_keys)


def _api_key_from_row(row: RowMapping) -> ApiKey:
    return ApiKey(**{**row, "role": Role(row["role"])})


def hash_key(secret: str) -> bytes:
    """Return the stored hash of a key. With 256 random bits, a plain SHA-256 is sufficient."""
    return sha256(secret.encode()).digest()


def find_by_secret(connection: Connection, secret: str) -> ApiKey | None:
    """Return the key with that secret unless it is revoked, or None."""
    query = select(*_COLUMNS).where(
        api_keys.c.key_sha256 == hash_key(secret), api_keys.c.revoked_at.is_(None)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _api_key_from_row(row)


def list_all(connection: Connection) -> Sequence[ApiKey]:
    """Return all keys, revoked ones included, by id."""
    rows = connection.execute(select(*_COLUMNS).order_by(api_keys.c.id)).mappings()
    return [_api_key_from_row(row) for row in rows]


KEY_PREFIX = "tk_"  # so that scanners for leaked secrets recognise a key
RANDOM_BYTES = 32


class UnusableKey(Refused):
    """An API key cannot be created or revoked under that name."""


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A new API key. `secret` is shown only once."""

    key: ApiKey
    secret: str = field(repr=False)


def add_key(database: Database, *, name: str, role: Role, by: str) -> NewApiKey:
    """Create an API key; its name is the actor in the audit log."""
    if not name.strip() or not name.isprintable():
        raise UnusableKey(f"{name!r} is not an API key name: use printable text for its user")
    secret = KEY_PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    with database.transaction() as connection:
        values = {"name": name, "role": role, "key_sha256": hash_key(secret), "created_by": by}
        query = insert(api_keys).values(values).on_conflict_do_nothing(index_elements=["name"])
        row = connection.execute(query.returning(*_COLUMNS)).mappings().one_or_none()
        if row is None:
            raise UnusableKey(f"an API key {name!r} exists or existed; choose another name")
        audit_log.record(connection, by, "api key added", subject=name, details={"role": role})
    return NewApiKey(_api_key_from_row(row), secret)


def revoke_key(database: Database, *, name: str, by: str) -> None:
    """Revoke an API key; the next request with it is refused."""
    with database.transaction() as connection:
        query = update(api_keys).where(api_keys.c.name == name, api_keys.c.revoked_at.is_(None))
        if not connection.execute(query.values(revoked_at=func.now())).rowcount:
            raise UnusableKey(f"no valid API key {name!r}; see `ticketing api-keys list`")
        audit_log.record(connection, by, "api key revoked", subject=name)
