"""The one door to PostgreSQL: an engine, and transactions that only this module commits."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError

from ticketing.domain.errors import Misconfigured, Unavailable

DRIVER = "postgresql+psycopg"
OLDEST_SERVER = 140000  # PostgreSQL 14
POOLED = 5  # connections kept open between uses


def application_url(text_url: str) -> URL:
    """A server's address as people write it, made to use psycopg 3.

    `postgres://` and `postgresql://` mean the same; any other database is refused.
    """
    try:
        url = make_url(text_url)
    except ArgumentError as error:
        raise Misconfigured(
            "DATABASE_URL is not an address; write postgresql://user:password@host/name"
        ) from error
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise Misconfigured(
            f"DATABASE_URL names {url.get_backend_name()}; only PostgreSQL 14 or newer will do"
        )
    return url.set(drivername=DRIVER)


@dataclass(frozen=True, slots=True)
class Database:
    """An application database. Cheap to pass around; `dispose` gives the connections back."""

    engine: Engine

    @classmethod
    def at(cls, url: str | URL, *, connections: int = 15) -> "Database":
        """The database at an address; nothing is connected yet, and never more than that."""
        engine = create_engine(
            application_url(str(url) if isinstance(url, str) else url.render_as_string(False)),
            pool_pre_ping=True,
            pool_size=POOLED,
            max_overflow=connections - POOLED,
            hide_parameters=True,  # an error's text goes to logs, and rows hold names and tokens
            connect_args={"application_name": "ticketing", "connect_timeout": 10},
        )
        return cls(engine)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One unit of work: commits at the end, rolls back on any error."""
        try:
            with self.engine.begin() as connection:
                yield connection
        except OperationalError as error:
            if error.connection_invalidated or "connection" in str(error.orig).lower():
                raise Unavailable(f"PostgreSQL cannot be reached: {error.orig}") from error
            raise

    def server_version(self) -> int:
        """The server's version as it counts itself: 180001 is 18.1."""
        with self.transaction() as connection:
            return int(connection.execute(text("SHOW server_version_num")).scalar_one())

    def dispose(self) -> None:
        """Close every idle connection."""
        self.engine.dispose()
