"""Whose turn it is at a router: one at a time asks it for rows, whichever process that is in.

A session lock on a connection of its own, which dies with its process. So whoever has the turn
knows that nobody else has a question open: what is `asked` was left so by somebody who is dead.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import BigInteger, func, literal, select
from sqlalchemy.exc import DBAPIError

from ticketing.store.database import Database

# advisory locks share one space of 64 bits: ours begin with these bytes ("rt")
_LOCKS = 0x7274 << 48


@contextmanager
def turn(database: Database, router_id: int) -> Iterator[bool]:
    """Whether it is ours, for as long as this lasts; nobody waits for it."""
    key = literal(_LOCKS + router_id, BigInteger)
    engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if not connection.execute(select(func.pg_try_advisory_lock(key))).scalar_one():
            yield False
            return
        try:
            yield True
        finally:
            # said, not left to the session's end: the server takes its time to notice that
            try:
                connection.execute(select(func.pg_advisory_unlock(key)))
            except DBAPIError:
                connection.invalidate()
