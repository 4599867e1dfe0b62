"""Alembic environment: migrations run on the connection that `platform.db.migrate` passes in."""

from alembic import context
from sqlalchemy import Connection, text

from ticketing.platform.db.tables.metadata import metadata


def run(connection: Connection) -> None:
    """Run the migrations; fail after 5 s of waiting for a lock instead of blocking the service."""
    connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    connection.execute(text("SET LOCAL statement_timeout = '15min'"))
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    context.run_migrations()


run(context.config.attributes["connection"])
