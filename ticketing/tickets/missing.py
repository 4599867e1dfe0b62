"""Missing tickets of an event, and the status of all its people."""

from collections.abc import Iterator
from datetime import datetime

from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.tickets import eligibility_queries
from ticketing.tickets.eligibility import EligibilityCounts, Entitlement, RejectedImportRow
from ticketing.tickets.guest_filter import EVERYBODY, GuestFilter


def is_event_over(event: Event, at: datetime) -> bool:
    """Return whether a ticket issued now would be expired."""
    return at > event.tickets_valid_until


def list_missing_tickets(
    database: Database,
    event: Event,
    wanted: GuestFilter = EVERYBODY,
    *,
    at: datetime,
    limit: int | None = None,
    offset: int = 0,
) -> list[Entitlement]:
    """Return the eligible people without a live ticket, or a page of them."""
    if is_event_over(event, at):
        return []
    return database.run(
        eligibility_queries.list_missing, event.id, wanted, limit=limit, offset=offset
    )


def count_missing_tickets(
    database: Database, event: Event, wanted: GuestFilter = EVERYBODY, *, at: datetime
) -> int:
    """Return the number of missing tickets."""
    if is_event_over(event, at):
        return 0
    return database.run(eligibility_queries.count_missing, event.id, wanted)


def count_eligibility(database: Database, event: Event, *, at: datetime) -> EligibilityCounts:
    """Count the people of the event by status and by reason."""
    return database.run(
        eligibility_queries.count_by_status, event.id, event_over=is_event_over(event, at)
    )


def iter_entitlements(
    database: Database, event: Event, *, at: datetime
) -> Iterator[Entitlement | RejectedImportRow]:
    """Yield every entitlement, then every rejected row of the latest import, with constant memory.

    A transaction is open during the iteration: exhaust or close the iterator.
    """
    with database.transaction() as connection:
        yield from eligibility_queries.iter_entitlements(
            connection, event.id, event_over=is_event_over(event, at)
        )
        yield from eligibility_queries.iter_rejected_rows(connection, event.id)
