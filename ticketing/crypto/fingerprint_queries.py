"""Queries for the fingerprint of the master secret that a database belongs to."""

from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.backups import installation


def find_fingerprint(connection: Connection) -> str | None:
    """Return the recorded fingerprint; None before the first use, or with an older schema."""
    if connection.execute(select(func.to_regclass(installation.name))).scalar() is None:
        return None
    return connection.execute(select(installation.c.secret_fingerprint)).scalar()


def get_or_record(
    connection: Connection, fingerprint: str, *, at_first_use: datetime
) -> str | None:
    """Return the recorded fingerprint, recording this one if there is none.

    None with a schema that cannot record it yet.
    """
    recorded = find_fingerprint(connection)
    if recorded is not None:
        return recorded
    if connection.execute(select(func.to_regclass(installation.name))).scalar() is None:
        return None
    connection.execute(
        insert(installation)
        .values(secret_fingerprint=fingerprint, recorded_at=at_first_use)
        .on_conflict_do_nothing()
    )
    return find_fingerprint(connection)
