"""The identity under which a process claims work, valid while the process runs.

A session-level advisory lock on a connection of its own stands for the process: PostgreSQL frees
it within milliseconds after the process was killed, and others see that in `pg_locks`.
"""

import secrets
import select as io_select
from threading import Lock

import psycopg
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Engine,
    and_,
    cast,
    column,
    func,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import OID

from ticketing.platform.kernel.errors import Unavailable

OPTION = "lease_holder"  # the engine's execution option with its LeaseHolder
# the first of the two keys of the lock ("hold"); the second is the holder's number
_LOCK_CLASS = 0x686F6C64
_MAX_HOLDER = 2**31 - 1

_locks = table(
    "pg_locks",
    column("locktype"),
    column("database", OID),
    column("classid", OID),
    column("objid", OID),
    column("objsubid"),
    schema="pg_catalog",
)
_databases = table("pg_database", column("oid", OID), column("datname"), schema="pg_catalog")
_THIS_DATABASE = (
    select(_databases.c.oid)
    .where(_databases.c.datname == func.current_database())
    .scalar_subquery()
)
_LIVE_HOLDERS = select(cast(_locks.c.objid, BigInteger)).where(
    _locks.c.locktype == "advisory",
    _locks.c.database == _THIS_DATABASE,
    _locks.c.classid == cast(_LOCK_CLASS, OID),
    _locks.c.objsubid == 2,  # noqa: PLR2004 - a lock of two keys
)


class LeaseHolder:
    """One per engine; threads may share it."""

    def __init__(self) -> None:
        """Connect at the first use."""
        self._lock = Lock()
        self._session: psycopg.Connection | None = None
        self._number = 0

    def number(self, engine: Engine) -> int:
        """Return the holder's number, and hold its lock from then on.

        A new number is drawn when the session was lost: what was claimed under the previous number
        counts as abandoned.
        """
        with self._lock:
            if self._session is None or not is_connected(self._session):
                self._session = _connect(engine)
                self._number = _draw_number(self._session)
            return self._number

    def close(self) -> None:
        """End the session; what is still claimed is abandoned."""
        with self._lock:
            if self._session is not None:
                self._session.close()
            self._session = None


def holder_number(connection: Connection) -> int:
    """Return the number under which this process claims rows of the connection's database."""
    holder: LeaseHolder = connection.get_execution_options()[OPTION]
    return holder.number(connection.engine)


def is_abandoned(claimed_by: Column[int]) -> ColumnElement[bool]:
    """Return whether a row's holder is not connected any more; false when it has none."""
    return and_(claimed_by.is_not(None), claimed_by.not_in(_LIVE_HOLDERS))


def _connect(engine: Engine) -> psycopg.Connection:
    """Connect outside of the pool: all of the pool may wait for this."""
    url = engine.url.set(drivername="postgresql")
    try:
        return psycopg.connect(
            url.render_as_string(hide_password=False),
            autocommit=True,
            application_name="ticketing lease holder",
            connect_timeout=10,
        )
    except psycopg.OperationalError as error:
        raise Unavailable(f"PostgreSQL cannot be reached: {error}") from error


def _draw_number(session: psycopg.Connection) -> int:
    while True:
        number = secrets.randbelow(_MAX_HOLDER) + 1
        taken = session.execute(
            "SELECT pg_try_advisory_lock(%s::integer, %s::integer)", [_LOCK_CLASS, number]
        )
        if taken.fetchone() == (True,):
            return number


def is_connected(session: psycopg.Connection) -> bool:
    """Return whether the server has not ended the session.

    The server sends a message before it closes; without unread data no query is needed.
    """
    if session.closed:
        return False
    poll = io_select.poll()
    poll.register(session.fileno(), io_select.POLLIN)
    if not poll.poll(0):
        return True
    try:
        session.execute("SELECT 1")
        session.rollback()
    except psycopg.Error:
        session.close()
        return False
    return True
