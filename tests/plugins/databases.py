"""Databases for tests: one per worker, emptied after each test, and fresh ones on request.

Creating a database costs PostgreSQL 20 to 60 ms, deleting a test's rows 2 ms. Set
`FRESH_DATABASE_EACH_TEST=1` to create one for each test anyway.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from typing import Self

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from ticketing.platform.db.embedded.server import EmbeddedServer

TEMPLATE = "template_ticketing"
TESTS_PER_DATABASE = 300  # deleted rows stay in the files until a vacuum
DISCONNECT_SECONDS = 30

# whatever changes a schema, a constraint, a trigger, a function or a setting leaves a trace here
CATALOGS = (
    "pg_namespace", "pg_class", "pg_attribute", "pg_attrdef", "pg_type", "pg_index",
    "pg_constraint", "pg_trigger", "pg_proc", "pg_rewrite", "pg_extension", "pg_db_role_setting",
)  # fmt: skip
FINGERPRINT = " UNION ALL ".join(
    f"SELECT count(*), max(xmin::text::bigint) FROM {catalog}"  # noqa: S608 - our own names
    for catalog in CATALOGS
)
RELATIONS = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = %s"
    " AND relname <> 'alembic_version' ORDER BY relname"
)
DISCONNECT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND backend_type = 'client backend'"
    " AND pid <> pg_backend_pid()"
)


class DatabaseFactory:
    """Creates and drops databases on a worker's server."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server
        self._admin = self.connect("postgres")
        self._numbers = count(1)

    def connect(self, name: str) -> psycopg.Connection:
        """Open a connection that commits each statement."""
        url = self._server.url(name).set(drivername="postgresql")
        return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)

    def url(self, name: str) -> str:
        """Return the address of a database."""
        return self._server.url(name).render_as_string(hide_password=False)

    def create(self) -> str:
        """Create a migrated, empty database and return its name."""
        name = f"test_{next(self._numbers)}"
        creation = SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self._admin.execute(creation.format(Identifier(name), Identifier(TEMPLATE)))
        return name

    def drop(self, name: str) -> None:
        """Drop a database and disconnect its users."""
        self._admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))

    def close(self) -> None:
        """Close the connection."""
        self._admin.close()


class ReusedDatabase:
    """Database that is reused by consecutive tests; `reset` empties it."""

    def __init__(self, factory: DatabaseFactory) -> None:
        self._factory = factory
        self._create()

    @property
    def url(self) -> str:
        """Return its address, which changes if `reset` had to create it again."""
        return self._factory.url(self._name)

    def reset(self) -> None:
        """Delete all rows, or create the database again if its schema has changed."""
        self._tests += 1
        try:
            self._disconnect_others()
            if self._tests < TESTS_PER_DATABASE and self._fingerprint() == self._untouched:
                self._delete_rows()
                return
        except psycopg.Error:
            pass  # somebody broke it, or the connection to it
        self.drop()
        self._create()

    def drop(self) -> None:
        """Drop the database."""
        self._connection.close()
        self._factory.drop(self._name)

    def _create(self) -> None:
        self._tests = 0
        self._name = self._factory.create()
        self._connection = connection = self._factory.connect(self._name)
        # the audit tables' triggers refuse to let go of rows; foreign keys would dictate an order
        connection.execute("SET session_replication_role = replica")
        tables = [name for (name,) in connection.execute(RELATIONS, ["r"])]
        sequences = [name for (name,) in connection.execute(RELATIONS, ["S"])]
        self._filled = SQL(" UNION ALL ").join(
            SQL("(SELECT {} FROM {} LIMIT 1)").format(Literal(name), Identifier(name))
            for name in tables
        )
        self._restart = SQL("SELECT ") + SQL(", ").join(
            SQL("setval({}::regclass, 1, false)").format(Literal(name)) for name in sequences
        )
        self._untouched = self._fingerprint()

    def _fingerprint(self) -> list[tuple[object, ...]]:
        return self._connection.execute(FINGERPRINT).fetchall()

    def _delete_rows(self) -> None:
        filled = [name for (name,) in self._connection.execute(self._filled)]
        if filled:
            deletion = SQL("; ").join(SQL("DELETE FROM {}").format(Identifier(n)) for n in filled)
            self._connection.execute(deletion)
        self._connection.execute(self._restart)

    def _disconnect_others(self) -> None:
        """Terminate other connections and wait for their end, because they may hold locks."""
        deadline = time.monotonic() + DISCONNECT_SECONDS
        while self._connection.execute(DISCONNECT).fetchone():
            if time.monotonic() > deadline:
                raise psycopg.OperationalError("other connections do not end")
            time.sleep(0.002)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All rows of a database as COPY writes them, and the positions of its sequences."""

    rows: Mapping[str, bytes]
    positions: Mapping[str, tuple[int, bool]]

    @classmethod
    def take(cls, connection: psycopg.Connection) -> Self:
        """Read a database that nobody is writing to."""
        rows, positions = {}, {}
        for (name,) in connection.execute(RELATIONS, ["r"]).fetchall():
            with connection.cursor().copy(SQL("COPY {} TO STDOUT").format(Identifier(name))) as out:
                rows[name] = b"".join(out)
        for (name,) in connection.execute(RELATIONS, ["S"]).fetchall():
            position = SQL("SELECT last_value, is_called FROM {}").format(Identifier(name))
            positions[name] = connection.execute(position).fetchone()
        return cls({name: lines for name, lines in rows.items() if lines}, positions)

    def restore(self, connection: psycopg.Connection) -> None:
        """Replace all rows of a migrated database."""
        connection.execute("SET session_replication_role = replica")
        for (name,) in connection.execute(RELATIONS, ["r"]).fetchall():
            connection.execute(SQL("DELETE FROM {}").format(Identifier(name)))
        for name, lines in self.rows.items():
            with connection.cursor().copy(SQL("COPY {} FROM STDIN").format(Identifier(name))) as to:
                to.write(lines)
        for name, (value, is_called) in self.positions.items():
            connection.execute("SELECT setval(%s::regclass, %s, %s)", [name, value, is_called])


@pytest.fixture(scope="session")
def database_factory(server: EmbeddedServer) -> Iterator[DatabaseFactory]:
    """Return the factory of this worker's server."""
    factory = DatabaseFactory(server)
    yield factory
    factory.close()


@pytest.fixture(scope="session")
def reused_database(database_factory: DatabaseFactory) -> Iterator[ReusedDatabase]:
    """Create this worker's database, shared by its tests."""
    database = ReusedDatabase(database_factory)
    yield database
    database.drop()


@pytest.fixture
def fresh_database_url(database_factory: DatabaseFactory) -> Iterator[str]:
    """Return the address of a database used by this test only.

    A test that requests this fixture, if only by `usefixtures`, gets the same address as
    `database_url`. Request it where a test locks its database, changes it permanently or
    terminates its connections.
    """
    with ExitStack() as stack:
        name = database_factory.create()
        stack.callback(database_factory.drop, name)
        yield database_factory.url(name)


@pytest.fixture
def reused_database_url(reused_database: ReusedDatabase) -> Iterator[str]:
    """Return the address of this worker's database, which is emptied after the test."""
    yield reused_database.url
    reused_database.reset()


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the address of a migrated, empty database."""
    fresh = os.environ.get("FRESH_DATABASE_EACH_TEST") or (
        "fresh_database_url" in request.fixturenames
    )
    name = "fresh_database_url" if fresh else "reused_database_url"
    return str(request.getfixturevalue(name))
