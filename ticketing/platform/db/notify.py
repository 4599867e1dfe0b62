"""The bell of PostgreSQL: whoever leaves work rings it, and a worker that listens wakes at once.

A ring can be lost (nobody listened, the server went away), so nothing may depend on it: the work
stands in rows. Whoever listens holds a lock that dies with its process, which is how others know
whether anybody is there.
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
    """What rings, as long as one listens."""

    def __init__(self, session: psycopg.Connection) -> None:
        """A session that listens."""
        self._session = session

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for it. Raises Unavailable when the server has gone."""
        try:
            heard = list(self._session.notifies(timeout=timeout_seconds, stop_after=1))
        except psycopg.OperationalError as error:
            raise Unavailable(f"PostgreSQL hung up: {error}") from error
        return bool(heard)


def notify_workers(connection: Connection) -> None:
    """Wake whoever listens, when the transaction commits."""
    connection.execute(select(func.pg_notify(NOTIFY_CHANNEL, "")))


def is_worker_running(connection: Connection) -> bool:
    """Whether a worker is there to hear the bell."""
    return not connection.execute(select(func.pg_try_advisory_xact_lock(_WORKER_LOCK))).scalar_one()


@contextmanager
def listen(database: Database, *, as_worker: bool = True) -> Iterator[NotificationListener]:
    """Listen; who does it to serve is known to. Raises Unavailable without a server."""
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
            raise Unavailable("PostgreSQL hung up")
        yield NotificationListener(session)
    finally:
        connection.invalidate()  # ends the session, and with it the lock and the listening
        connection.close()
