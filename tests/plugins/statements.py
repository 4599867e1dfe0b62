"""Compile a statement once per worker instead of once per test.

Each test opens an engine, and an engine has its own dialect and cache of compiled statements. A
quarter of the processor time of tests with a database was compiling, so the engines of a worker
share both.
"""

from typing import Self

from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg


class SharedDialect(PGDialect_psycopg):
    """The dialect of all engines; the first one's connection initialises it."""

    supports_statement_cache = True
    _instance: Self | None = None
    _is_initialised = False

    def __new__(cls, **_: object) -> Self:
        """Return the instance."""
        cls._instance = cls._instance or super().__new__(cls)
        return cls._instance

    def __init__(self, **options: object) -> None:
        """Set the options, which all engines have in common."""
        if not self.__dict__:
            super().__init__(**options)

    def initialize(self, connection: Connection) -> None:
        """Ask the server for its version and types."""
        if not self._is_initialised:
            super().initialize(connection)
            self._is_initialised = True


def pytest_configure() -> None:
    """Use the dialect, and one cache, in every engine from now on."""
    compiled: dict[object, object] = {}

    def share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=compiled)

    registry.register("postgresql.psycopg", __name__, SharedDialect.__name__)
    event.listen(Engine, "engine_connect", share)
