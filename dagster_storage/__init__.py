"""Dagster's storage on PostgreSQL with a pool of connections.

`DagsterPostgresStorage` opens a session for each query, because a process may make many instances
of Dagster, each with engines of its own. Here all instances of a process share one engine. Uses
the private name `_engine` of `dagster-postgres`; its version is pinned.
"""

import functools
import os
from collections.abc import Mapping
from typing import Self

import sqlalchemy
from dagster._core.storage.sql import create_engine
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import pg_url_from_config

KEPT_SESSIONS, MORE_SESSIONS = 4, 60  # more are closed after use
MAX_AGE_SECONDS = 1800
# one table of each part: without it the part creates all of its own
TABLES = {"runs", "instance_info", "event_logs", "jobs"}


class PooledPostgresStorage(DagsterPostgresStorage):
    """Dagster's runs, events and schedules; configured in `dagster.yaml`."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        """Use the process's engine; create tables only when one is missing."""
        engine = shared_engine(postgres_url, os.getpid())
        is_complete = set(sqlalchemy.inspect(engine).get_table_names()) >= TABLES
        super().__init__(postgres_url, should_autocreate_tables and not is_complete, inst_data)
        for part in (self.run_storage, self.event_log_storage, self.schedule_storage):
            vars(part)["_engine"] = engine

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, object]
    ) -> Self:
        """Return a storage from its configuration, the one of `DagsterPostgresStorage`."""
        create = bool(config_value.get("should_autocreate_tables", True))
        return cls(pg_url_from_config(config_value), create, inst_data)


@functools.cache
def shared_engine(url: str, _process_id: int) -> sqlalchemy.Engine:
    """Return the process's engine; sessions that a restarted server ended are replaced."""
    return create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=KEPT_SESSIONS,
        max_overflow=MORE_SESSIONS,
        pool_recycle=MAX_AGE_SECONDS,
        pool_pre_ping=True,
    )
