"""Queries for routers, and the lock that lets one process at a time call a router.

The lock is a session lock on its own connection and is released when its process dies. Its holder
therefore knows that no other call is open: vouchers in state provisioning were left by an
interrupted run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError

from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.vouchers import routers
from ticketing.platform.kernel.errors import UnknownRouter

# advisory locks share one 64-bit key space; these keys start with the bytes "rt"
_LOCKS = 0x7274 << 48


@contextmanager
def try_router_lock(database: Database, router_id: int) -> Iterator[bool]:
    """Try to lock the router without waiting; yield whether the lock was acquired."""
    key = literal(_LOCKS + router_id, BigInteger)
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if not connection.execute(select(func.pg_try_advisory_lock(key))).scalar_one():
            yield False
            return
        try:
            yield True
        finally:
            # explicitly: the server notices the end of a session with a delay
            try:
                connection.execute(select(func.pg_advisory_unlock(key)))
            except DBAPIError:
                connection.invalidate()


CLOSED_CIRCUIT = {
    "failure_count": 0,
    "failing_since": None,
    "circuit_open_until": None,
    "last_error": "",
}
_IS_NOT_REMOVED = routers.c.removed_at.is_(None)


@dataclass(frozen=True, slots=True)
class RouterAddress:
    """Address and login of a router; the password is encrypted."""

    host: str
    username: str
    password_encrypted: bytes = field(repr=False)
    port: int = 8729
    tls: bool = True
    ca_certificate: str = field(default="", repr=False)  # PEM; empty: whom this machine trusts
    fingerprint: str = ""  # SHA-256 in hex of the certificate, when it is pinned


@dataclass(frozen=True, slots=True)
class StoredRouter:
    """A router and the state of its circuit breaker."""

    id: int
    name: str
    address: RouterAddress
    failure_count: int
    failing_since: datetime | None
    circuit_open_until: datetime | None
    last_error: str
    last_response_at: datetime | None
    reconciled_at: datetime | None


def upsert(connection: Connection, name: str, address: RouterAddress) -> StoredRouter:
    """Store a router, or the new address of a known one; its recorded failure_count are reset."""
    values = {
        "host": address.host,
        "port": address.port,
        "tls": address.tls,
        "ca_certificate": address.ca_certificate,
        "certificate_fingerprint": address.fingerprint,
        "username": address.username,
        "password_encrypted": address.password_encrypted,
    }
    statement = insert(routers).values(name=name, **values)
    stored = statement.on_conflict_do_update(
        index_elements=["name"], index_where=_IS_NOT_REMOVED, set_=values | CLOSED_CIRCUIT
    )
    return _router_from_row(connection.execute(stored.returning(*routers.c)).one())


def list_all(connection: Connection) -> list[StoredRouter]:
    """Return every router that is not removed, ordered by name."""
    return _select(connection, _IS_NOT_REMOVED)


def get_by_name(connection: Connection, name: str) -> StoredRouter:
    """Return the router with this name; raise UnknownRouter if there is none."""
    found = _select(connection, _IS_NOT_REMOVED, routers.c.name == name)
    if not found:
        known = ", ".join(one.name for one in list_all(connection)) or "none"
        raise UnknownRouter(f"there is no router {name!r} (known: {known})")
    return found[0]


def lock_by_name(connection: Connection, name: str) -> StoredRouter:
    """Return the router, locked against removal and new packages until the transaction ends."""
    connection.execute(
        select(routers.c.id).where(_IS_NOT_REMOVED, routers.c.name == name).with_for_update()
    )
    return get_by_name(connection, name)


def get_by_id(connection: Connection, router_id: int) -> StoredRouter:
    """Return the router with this id, removed or not."""
    return _select(connection, routers.c.id == router_id)[0]


def mark_removed(connection: Connection, router_id: int, *, at: datetime) -> None:
    """Mark the router removed; the caller has checked that nothing uses it."""
    connection.execute(update(routers).where(routers.c.id == router_id).values(removed_at=at))


def _select(connection: Connection, *conditions: ColumnElement[bool]) -> list[StoredRouter]:
    query = select(*routers.c).where(*conditions).order_by(routers.c.name)
    return [_router_from_row(row) for row in connection.execute(query)]


def _router_from_row(row: Row[*tuple[Any, ...]]) -> StoredRouter:
    address = RouterAddress(
        row.host, row.username, row.password_encrypted, row.port, row.tls, row.ca_certificate,
        row.certificate_fingerprint,
    )  # fmt: skip
    return StoredRouter(
        row.id, row.name, address, row.failure_count, row.failing_since, row.circuit_open_until,
        row.last_error, row.last_response_at, row.reconciled_at,
    )  # fmt: skip
