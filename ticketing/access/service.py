"""Create, list and revoke API keys."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from ticketing.access import queries
from ticketing.access.queries import ApiKey, Role
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Refused

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
        key = queries.insert_key(connection, name=name, role=role, secret=secret, by=by)
        if key is None:
            raise UnusableKey(f"an API key {name!r} exists or existed; choose another name")
        audit_log.record(connection, by, "api key added", subject=name, details={"role": role})
    return NewApiKey(key, secret)


def revoke_key(database: Database, *, name: str, by: str) -> None:
    """Revoke an API key; the next request with it is refused."""
    with database.transaction() as connection:
        if not queries.revoke(connection, name):
            raise UnusableKey(f"no valid API key {name!r}; see `ticketing api-keys list`")
        audit_log.record(connection, by, "api key revoked", subject=name)


def list_keys(database: Database) -> Sequence[ApiKey]:
    """Return all API keys, revoked ones included."""
    return database.run(queries.list_all)


def find_key(database: Database, secret: str) -> ApiKey | None:
    """Return the valid API key with that secret, or None."""
    return database.run(queries.find_by_secret, secret)
