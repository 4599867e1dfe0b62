"""LISTEN and NOTIFY: wake the worker when there is work.

A notification can be lost (no listener, a broken connection), so nothing may depend on it: all work
is stored in rows. A worker that listens holds an advisory lock that ends with its process, which
shows others that a worker is running.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import BigInteger, Connection, func, literal, select, text
from sqlalchemy.exc import OperationalError

from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Unavailable

NOTIFY_CHANNEL = "ticketing_inbox"
# advisory locks share one space of 64 bits: ours begins with these bytes ("work")
_WORKER_LOCK = literal(0x776F726B << 32, BigInteger)


class NotificationListener:
    """A session subscribed to NOTIFY."""

    def __init__(self, session: psycopg.Connection) -> None:
        self._session = session

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for a notification; return whether one came. Raises Unavailable without a server."""
        try:
            received = list(self._session.notifies(timeout=timeout_seconds, stop_after=1))
        except psycopg.OperationalError as error:
            raise Unavailable(f"PostgreSQL closed the connection: {error}") from error
        return bool(received)


def notify_workers(connection: Connection) -> None:
    """Notify listeners when the transaction commits."""
    connection.execute(select(func.pg_notify(NOTIFY_CHANNEL, "")))


def is_worker_running(connection: Connection) -> bool:
    """Return whether a worker is listening."""
    return not connection.execute(select(func.pg_try_advisory_xact_lock(_WORKER_LOCK))).scalar_one()


@contextmanager
def listen(database: Database, *, as_worker: bool = True) -> Iterator[NotificationListener]:
    """LISTEN; with `as_worker` also hold the worker-presence lock. Raises Unavailable."""
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    try:
        connection = engine.connect()
        if as_worker:
            connection.execute(select(func.pg_advisory_lock_shared(_WORKER_LOCK)))
        connection.execute(text(f"LISTEN {NOTIFY_CHANNEL}"))
    except OperationalError as error:
        raise Unavailable(f"PostgreSQL cannot be reached: {error.orig}") from error
    try:
        session = connection.connection.driver_connection
        if not isinstance(session, psycopg.Connection):
            raise Unavailable("PostgreSQL closed the connection")
        yield NotificationListener(session)
    finally:
        connection.invalidate()  # ends the session, and with it the lock and the subscription
        connection.close()
