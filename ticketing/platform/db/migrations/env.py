"""How Alembic meets the database: always through a connection that `store.migrate` hands over."""

from alembic import context
from sqlalchemy import Connection, text

from ticketing.platform.db.tables.metadata import metadata


def run(connection: Connection) -> None:
    """Run what was asked for, and rather fail than make a busy box office wait for a lock."""
    connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    connection.execute(text("SET LOCAL statement_timeout = '15min'"))
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    context.run_migrations()


run(context.config.attributes["connection"])
