"""Query of Dagster's own database: whether its daemon runs."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

MAX_SILENCE = timedelta(minutes=2)  # the daemon writes every 30 seconds
_EXISTS = text("SELECT to_regclass('daemon_heartbeats') IS NOT NULL")
# Dagster writes times without a zone, in that of its session
_NEWEST = text("SELECT max(timestamp)::timestamptz FROM daemon_heartbeats")


def is_daemon_running(connection: Connection, *, at: datetime) -> bool:
    """Return whether one of the daemon's threads has reported within two minutes."""
    if not connection.execute(_EXISTS).scalar_one():
        return False
    newest: datetime | None = connection.execute(_NEWEST).scalar_one()
    return newest is not None and at - newest < MAX_SILENCE
