"""The one door to PostgreSQL: an engine, and transactions that only this module commits."""

import select
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DisconnectionError, OperationalError
from sqlalchemy.sql import ClauseElement

from ticketing.platform.kernel.errors import Misconfigured, Unavailable

DRIVER = "postgresql+psycopg"
MIN_SERVER_VERSION = 140000  # PostgreSQL 14
POOL_SIZE = 5  # connections kept open between uses
_DIALECT = URL.create(DRIVER).get_dialect()()


def parse_database_url(url_text: str) -> URL:
    """A server's address as people write it, made to use psycopg 3.

    `postgres://` and `postgresql://` mean the same; any other database is refused.
    """
    try:
        url = make_url(url_text)
    except ArgumentError as error:
        raise Misconfigured(
            "DATABASE_URL is not an address; write postgresql://user:password@host/name"
        ) from error
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise Misconfigured(
            f"DATABASE_URL names {url.get_backend_name()}; only PostgreSQL 14 or newer will do"
        )
    return url.set(drivername=DRIVER)


def compile_sql(statement: ClauseElement) -> str:
    """A statement as `Database.at_once` sends it: its words, made once."""
    return str(statement.compile(dialect=_DIALECT))


def _discard_dead_connection(session: psycopg.Connection, *_: object) -> None:
    """Let the pool take another connection when the server has ended this one.

    It says so before it goes: where there is nothing to be read there is nothing to ask.
    """
    ear = select.poll()
    try:
        ear.register(session.fileno(), select.POLLIN)
        if ear.poll(0):
            session.execute("SELECT 1")
            session.rollback()
    except psycopg.Error as error:
        raise DisconnectionError("the server hung up") from error


@contextmanager
def _translate_connection_errors() -> Iterator[None]:
    """Whether the server is there is an error of its own."""
    try:
        yield
    except OperationalError as error:
        if error.connection_invalidated or "connection" in str(error.orig).lower():
            raise Unavailable(f"PostgreSQL cannot be reached: {error.orig}") from error
        raise


@dataclass(frozen=True, slots=True)
class Database:
    """An application database. Cheap to pass around; `dispose` gives the connections back."""

    engine: Engine

    @classmethod
    def from_url(cls, url: str | URL, *, max_connections: int = 15) -> "Database":
        """The database at an address; nothing is connected yet, and never more than that."""
        engine = create_engine(
            parse_database_url(str(url) if isinstance(url, str) else url.render_as_string(False)),
            pool_size=POOL_SIZE,
            max_overflow=max_connections - POOL_SIZE,
            hide_parameters=True,  # an error's text goes to logs, and rows hold names and tokens
            connect_args={"application_name": "ticketing", "connect_timeout": 10},
        )
        event.listen(engine, "checkout", _discard_dead_connection)
        return cls(engine)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One unit of work: commits at the end, rolls back on any error."""
        with _translate_connection_errors(), self.engine.begin() as connection:
            yield connection

    def execute_pipeline(
        self, statements: Sequence[str], parameters: Mapping[str, object]
    ) -> tuple[Any, ...] | None:
        """Do all of it or nothing in one round trip; the first row of the last statement.

        What others wait for ends with PostgreSQL's work, not when this program hears of it.
        """
        with _translate_connection_errors(), self.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            session = connection.connection.driver_connection
            if not isinstance(session, psycopg.Connection):
                raise Unavailable("PostgreSQL hung up")
            try:
                with session.pipeline():  # without BEGIN: what is sent together is one transaction
                    cursors = [session.execute(statement, parameters) for statement in statements]
            except psycopg.OperationalError as error:
                if not session.closed:
                    raise
                connection.invalidate(error)
                raise Unavailable(f"PostgreSQL cannot be reached: {error}") from error
            return cursors[-1].fetchone()

    def server_version(self) -> int:
        """The server's version as it counts itself: 180001 is 18.1."""
        with self.transaction() as connection:
            return int(connection.execute(text("SHOW server_version_num")).scalar_one())

    def dispose(self) -> None:
        """Close every idle connection."""
        self.engine.dispose()
