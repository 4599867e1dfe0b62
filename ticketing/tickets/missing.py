"""The gap of an event: who should have a ticket and has none, and why not for everyone else."""

from collections.abc import Iterator
from datetime import datetime

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.tickets import eligibility_queries
from ticketing.tickets.eligibility import EligibilityCounts, Entitlement, RejectedImportRow


def is_event_over(event: Event, at: datetime) -> bool:
    """Whether a ticket issued now would have expired already."""
    return at > event.tickets_valid_until


def list_missing_tickets(
    database: Database, event: Event, *, at: datetime, limit: int | None = None, offset: int = 0
) -> list[Entitlement]:
    """Everyone entitled, eligible and without a live ticket; a page of them with `limit`."""
    if is_event_over(event, at):
        return []
    with database.transaction() as connection:
        return eligibility_queries.list_missing(connection, event.id, limit=limit, offset=offset)


def count_missing_tickets(database: Database, event: Event, *, at: datetime) -> int:
    """How many tickets are missing."""
    if is_event_over(event, at):
        return 0
    with database.transaction() as connection:
        return eligibility_queries.count_missing(connection, event.id)


def count_eligibility(database: Database, event: Event, *, at: datetime) -> EligibilityCounts:
    """The event's people counted by standing, with every reason."""
    with database.transaction() as connection:
        return eligibility_queries.count_by_status(
            connection, event.id, event_over=is_event_over(event, at)
        )


def iter_entitlements(
    database: Database, event: Event, *, at: datetime
) -> Iterator[Entitlement | RejectedImportRow]:
    """Each person with a reason, then each line the latest import left out; memory stays flat.

    The database is read while you iterate: finish, or close the iterator.
    """
    with database.transaction() as connection:
        yield from eligibility_queries.iter_entitlements(
            connection, event.id, event_over=is_event_over(event, at)
        )
        yield from eligibility_queries.iter_rejected_rows(connection, event.id)
