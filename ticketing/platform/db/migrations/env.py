"""Run Alembic on the connection that `platform.db.migrate` passes."""

from alembic import context
from sqlalchemy import Connection, text

from ticketing.platform.db.schema import metadata


def run(connection: Connection) -> None:
    """Run the command; fail instead of blocking other transactions for a long time."""
    connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    connection.execute(text("SET LOCAL statement_timeout = '15min'"))
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    context.run_migrations()


run(context.config.attributes["connection"])
