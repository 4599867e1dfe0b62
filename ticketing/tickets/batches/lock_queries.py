"""Locks on batches that end with their process, and show whether a batch is being processed.

They are session-level advisory locks on separate connections, shared by all workers of a batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import BigInteger, Connection, func, literal, select

from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.tickets import batches as table
from ticketing.tickets.batches import queries
from ticketing.tickets.batches.queries import BatchState

# advisory locks share one space of 64 bits: ours begin with these bytes ("job")
_BATCH_LOCK_SPACE = 0x6A6F62 << 40


@contextmanager
def hold_batch_lock(database: Database, job_id: int) -> Iterator[None]:
    """Lock a batch; the lock of a killed process is released."""
    key = literal(_BATCH_LOCK_SPACE + job_id, BigInteger)
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(select(func.pg_advisory_lock_shared(key)))
        try:
            yield
        finally:
            connection.invalidate()  # ends the session and the lock, in any state


def fail_abandoned_batches(connection: Connection, event_id: int, *, at: datetime) -> list[int]:
    """Fail the batches marked as processing without a lock; return their job ids."""
    processing = select(table.c.id).where(
        table.c.event_id == event_id, table.c.state == BatchState.PROCESSING
    )
    abandoned = [
        job_id
        for job_id in connection.execute(processing.order_by(table.c.id)).scalars().all()
        if connection.execute(
            select(func.pg_try_advisory_xact_lock(literal(_BATCH_LOCK_SPACE + job_id, BigInteger)))
        ).scalar_one()
    ]
    for job_id in abandoned:
        queries.close_batch(connection, job_id, state=BatchState.FAILED, at=at)
    return abandoned
