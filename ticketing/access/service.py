"""Giving out keys to the web service, and taking them back."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from ticketing.access import queries
from ticketing.access.queries import ApiKey, Role
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Refused

KEY_PREFIX = "tk_"  # so that a key is recognised where it should not be
RANDOM_BYTES = 32


class UnusableKey(Refused):
    """A key cannot be given out or taken back under that name."""


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key just made. `secret` is seen this once."""

    key: ApiKey
    secret: str = field(repr=False)


def add_key(database: Database, *, name: str, role: Role, by: str) -> NewApiKey:
    """Make a key; the name stands in the audit log for whoever uses it."""
    if not name.strip() or not name.isprintable():
        raise UnusableKey(f"{name!r} is no name for a key: write whose it is")
    secret = KEY_PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    with database.transaction() as connection:
        key = queries.insert_key(connection, name=name, role=role, secret=secret, by=by)
        if key is None:
            raise UnusableKey(f"a key called {name!r} exists or existed; choose another name")
        audit_log.record(
            connection, actor=by, action="api key added", subject=name, details={"role": role}
        )
    return NewApiKey(key, secret)


def revoke_key(database: Database, *, name: str, by: str) -> None:
    """End a key; the next request with it is refused."""
    with database.transaction() as connection:
        if not queries.revoke(connection, name):
            raise UnusableKey(f"no living key is called {name!r}; `ticketing api-keys list`")
        audit_log.record(connection, actor=by, action="api key revoked", subject=name)


def list_keys(database: Database) -> Sequence[ApiKey]:
    """Every key there is or was."""
    with database.transaction() as connection:
        return queries.list_all(connection)


def find_key(database: Database, secret: str) -> ApiKey | None:
    """Whose living key that is; None when it is nobody's."""
    with database.transaction() as connection:
        return queries.find_by_secret(connection, secret)
