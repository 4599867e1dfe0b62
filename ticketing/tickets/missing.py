"""The gap of an event: who should have a ticket and has none, and why not for everyone else."""

from collections.abc import Iterator
from datetime import datetime

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.tickets import eligibility_queries
from ticketing.tickets.eligibility import Entitlement, Gap, QuarantinedRow


def is_over(event: Event, at: datetime) -> bool:
    """Whether a ticket issued now would have expired already."""
    return at > event.tickets_valid_until


def missing_tickets(
    database: Database, event: Event, *, at: datetime, limit: int | None = None, offset: int = 0
) -> list[Entitlement]:
    """Everyone entitled, eligible and without a live ticket; a page of them with `limit`."""
    if is_over(event, at):
        return []
    with database.transaction() as connection:
        return eligibility_queries.lacking(connection, event.id, limit=limit, offset=offset)


def missing_count(database: Database, event: Event, *, at: datetime) -> int:
    """How many tickets are missing."""
    if is_over(event, at):
        return 0
    with database.transaction() as connection:
        return eligibility_queries.count_lacking(connection, event.id)


def gap(database: Database, event: Event, *, at: datetime) -> Gap:
    """The event's people counted by standing, with every reason."""
    with database.transaction() as connection:
        return eligibility_queries.gap(connection, event.id, over=is_over(event, at))


def everyone(
    database: Database, event: Event, *, at: datetime
) -> Iterator[Entitlement | QuarantinedRow]:
    """Each person with a reason, then each line the latest import left out; memory stays flat.

    The database is read while you iterate: finish, or close the iterator.
    """
    with database.transaction() as connection:
        yield from eligibility_queries.everyone(connection, event.id, over=is_over(event, at))
        yield from eligibility_queries.quarantined(connection, event.id)
