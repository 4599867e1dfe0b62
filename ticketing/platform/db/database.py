"""Access to PostgreSQL: an engine, and transactions that only this module commits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DisconnectionError, OperationalError, ProgrammingError
from sqlalchemy.sql import ClauseElement

from ticketing.platform.db.lease_holder import OPTION as LEASE_HOLDER_OPTION
from ticketing.platform.db.lease_holder import LeaseHolder, is_connected
from ticketing.platform.db.payment_environment import PaymentEnvironment, connection_options
from ticketing.platform.kernel.errors import Misconfigured, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

DRIVER = "postgresql+psycopg"
MIN_SERVER_VERSION = 140000  # PostgreSQL 14
POOL_SIZE = 5  # connections kept open between uses
_DIALECT = URL.create(DRIVER).get_dialect()()


def parse_database_url(url_text: str) -> URL:
    """Parse a database URL and set its driver to psycopg 3.

    `postgres://` and `postgresql://` are equivalent. Raises Misconfigured for other databases.
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
    """Return the SQL text of a statement, for `Database.execute_pipeline`."""
    return str(statement.compile(dialect=_DIALECT))


def _discard_dead_connection(session: psycopg.Connection, *_: object) -> None:
    """Make the pool replace a connection that the server has closed."""
    if not is_connected(session):
        raise DisconnectionError("the server closed the connection")


@contextmanager
def _translate_connection_errors() -> Iterator[None]:
    """Raise Unavailable for connection errors and locks; other errors pass unchanged."""
    try:
        yield
    except psycopg.errors.LockNotAvailable as error:  # of statements sent without SQLAlchemy
        raise Unavailable(f"PostgreSQL: {error}") from error
    except OperationalError as error:
        if isinstance(error.orig, psycopg.errors.LockNotAvailable):
            raise Unavailable(f"PostgreSQL: {error.orig}") from error
        if "unsupported startup parameter" in str(error.orig):
            raise Misconfigured(
                "DATABASE_URL leads to a connection pooler that refuses the settings of"
                " connections: let it lead to PostgreSQL itself, or see PgBouncer in"
                " docs/how-to/backup.md"
            ) from error
        if error.connection_invalidated or "connection" in str(error.orig).lower():
            raise Unavailable(f"PostgreSQL cannot be reached: {error.orig}") from error
        raise


@contextmanager
def refuse_missing_rights(what: str, remedy: str) -> Iterator[None]:
    """Raise Misconfigured if the role of DATABASE_URL may not do something."""
    try:
        yield
    except ProgrammingError as error:
        if isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise Misconfigured(f"the role of DATABASE_URL may not {what}; {remedy}") from error
        raise


@dataclass(frozen=True, slots=True)
class Database:
    """The application's database; `dispose` closes its connections."""

    engine: Engine

    @classmethod
    def from_url(
        cls,
        url: str | URL,
        *,
        max_connections: int = 15,
        environment: PaymentEnvironment = "simulator",
        lock_timeout_seconds: float = 0,
    ) -> "Database":
        """Return the database at a URL. Connections are opened on demand, up to a maximum.

        `environment` is that of the payments; the database records it on each order. A statement
        that waits longer than `lock_timeout_seconds` for a lock raises Unavailable, and its
        transaction is rolled back; 0 means no limit.
        """
        holder = LeaseHolder()
        parsed = parse_database_url(url if isinstance(url, str) else url.render_as_string(False))
        engine = create_engine(
            parsed,
            pool_size=POOL_SIZE,
            max_overflow=max_connections - POOL_SIZE,
            hide_parameters=True,  # an error's text goes to logs, and rows hold names and tokens
            connect_args={
                "application_name": "ticketing",
                "connect_timeout": 10,
                "options": f"{connection_options(parsed, environment)}"
                f" -c lock_timeout={lock_timeout_seconds * 1000:.0f}",
            },
            execution_options={LEASE_HOLDER_OPTION: holder},
        )
        event.listen(engine, "engine_disposed", lambda _: holder.close())
        event.listen(engine, "checkout", _discard_dead_connection)
        return cls(engine)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run a transaction: commit at the end, roll back on any error."""
        with _translate_connection_errors(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Run a read-only transaction whose queries all see the database at one instant."""
        with self.transaction() as connection:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            yield connection

    def run(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Return the result of a function of a connection, in a transaction of its own."""
        with self.transaction() as connection:
            return work(connection, *args, **kwargs)

    def execute_pipeline(
        self, statements: Sequence[str], parameters: Mapping[str, object]
    ) -> tuple[Any, ...] | None:
        """Execute statements atomically in one round trip; return the first row of the last one.

        Locks are released when PostgreSQL has finished, without waiting for this program.
        """
        with (
            _translate_connection_errors(),
            closing(self.engine.raw_connection()) as connection,
        ):
            session = connection.driver_connection
            if not isinstance(session, psycopg.Connection):
                raise Unavailable("PostgreSQL closed the connection")
            session.autocommit = True  # without BEGIN a pipeline is one transaction
            try:
                with session.pipeline():
                    cursors = [session.execute(statement, parameters) for statement in statements]
            except psycopg.OperationalError as error:
                if not session.closed:
                    raise
                connection.invalidate(error)
                raise Unavailable(f"PostgreSQL cannot be reached: {error}") from error
            finally:
                if not session.closed:
                    session.autocommit = False
            return cursors[-1].fetchone()

    def server_version(self) -> int:
        """Return the server's version number: 180001 is 18.1."""
        with self.transaction() as connection:
            return int(connection.execute(text("SHOW server_version_num")).scalar_one())

    def current_time(self) -> datetime:
        """Return the server's clock."""
        with self.transaction() as connection:
            current: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            return current

    def create_database(self, name: str) -> None:
        """Create another database on the server unless it exists."""
        engine = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        with _translate_connection_errors(), engine.connect() as connection:
            known = text("SELECT 1 FROM pg_database WHERE datname = :name")
            if connection.execute(known, {"name": name}).first() is None:
                quoted = connection.dialect.identifier_preparer.quote_identifier(name)
                remedy = (
                    f"as an administrator of PostgreSQL, run: CREATE DATABASE {quoted} OWNER"
                    f" {self.engine.url.username}"
                )
                with refuse_missing_rights(f"create the database {name}", remedy):
                    connection.execute(text(f"CREATE DATABASE {quoted}"))

    def dispose(self) -> None:
        """Close every idle connection."""
        self.engine.dispose()
