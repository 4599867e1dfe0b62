"""Recognise a connection pooler in transaction mode, which this program cannot work with.

Leases and the presence of a worker are advisory locks of a session, the worker wakes by LISTEN, and
the payment environment is a setting of the session. A pooler that gives each transaction another
session breaks all of them in silence, so it is refused by what it does, whatever its name.
"""

import select
from contextlib import ExitStack

import psycopg
from sqlalchemy import text

from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Misconfigured, Unavailable

_ANSWER_SECONDS = 2.0  # without an answer the pooler has no free session for this client
_OTHER_CLIENTS = 3
_PID = b"SELECT pg_backend_pid()"
_ADVICE = (
    "set pool_mode = session for this database in PgBouncer, or let DATABASE_URL lead to PostgreSQL"
    " itself"
)


def require_sessions(database: Database, *, environment: str) -> None:
    """Raise Misconfigured if a pooler takes away sessions, or drops the session's settings.

    One query when PostgreSQL is reached directly.
    """
    with database.transaction() as connection:
        driver = connection.connection.driver_connection
        own_pid, kept = connection.execute(
            text("SELECT pg_backend_pid(), current_setting('ticketing.payment_environment', true)")
        ).one()
        announced_pid = driver.info.backend_pid if isinstance(driver, psycopg.Connection) else 0
    if kept != environment:
        raise Misconfigured(
            f"a connection pooler drops the settings of connections (payment environment"
            f" {kept or 'none'!r} instead of {environment!r}), so real orders would count as"
            " rehearsals: let DATABASE_URL lead to PostgreSQL itself, or as a superuser"
            " ALTER DATABASE … SET"
            f" ticketing.payment_environment = '{environment}'"
        )
    if announced_pid != own_pid and changes_sessions(database):
        raise Misconfigured(
            "DATABASE_URL leads to a connection pooler in transaction mode (PgBouncer: pool_mode ="
            f" transaction), which breaks leases and LISTEN: {_ADVICE}"
        )


def changes_sessions(database: Database) -> bool:
    """Return whether one client gets another session while others are in a transaction.

    In transaction mode the session that a client has just used goes to the next one that begins.
    """
    url = database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with ExitStack() as stack:
        ours = psycopg.connect(url, autocommit=True, connect_timeout=10)
        stack.callback(ours.close)
        first = _ask(ours)
        for _ in range(_OTHER_CLIENTS):
            try:
                other = psycopg.connect(url, autocommit=True, connect_timeout=2)
            except psycopg.OperationalError:
                return False  # no session is left for it: each client keeps its own
            stack.callback(other.close)
            if _ask(other, b"BEGIN; " + _PID) is None:
                return False
            if _ask(ours) != first:  # another one, or none is left for us
                return True
    return False


def _ask(session: psycopg.Connection, query: bytes = _PID) -> int | None:
    """Return the process id that answers, None if nobody does in time."""
    link = session.pgconn
    link.send_query(query)
    link.flush()
    while link.is_busy():
        if not select.select([link.socket], [], [], _ANSWER_SECONDS)[0]:
            return None
        link.consume_input()
    answer = None
    while (result := link.get_result()) is not None:
        value = result.get_value(0, 0) if result.ntuples else None
        answer = int(value) if value is not None else answer
        if result.status == psycopg.pq.ExecStatus.FATAL_ERROR:
            raise Unavailable(f"PostgreSQL refused a query: {result.get_error_message()}")
    return answer
