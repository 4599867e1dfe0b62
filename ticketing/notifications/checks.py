"""Invariants of an event's deliveries; each result lists the first violations."""

from datetime import datetime, timedelta

from ticketing.events.model import Event
from ticketing.notifications import delivery_queries
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import InvariantResult, Violation

LATE_AFTER = timedelta(minutes=30)  # overdue; a paused channel is tested every ten
MAX_OFFENDERS = 1000


def check_overdue_deliveries(database: Database, event: Event, *, at: datetime) -> InvariantResult:
    """Check that every due delivery was attempted in time."""
    with database.transaction() as connection:
        total = sum(delivery_queries.count_by_state(connection, event.id).values())
        late = delivery_queries.list_overdue(connection, event.id, at=at, grace=LATE_AFTER)
    offenders = (
        Violation(f"delivery {each.id}", f"{each.state}: {each.last_error or 'not attempted'}")
        for each in late
    )
    return InvariantResult.from_violations(total, offenders)


def check_failed_deliveries(database: Database, event: Event) -> InvariantResult:
    """Check that every message was sent or will be retried automatically."""
    with database.transaction() as connection:
        total = sum(delivery_queries.count_by_state(connection, event.id).values())
        failed = delivery_queries.list_event_deliveries(
            connection, event.id, failed=True, limit=MAX_OFFENDERS
        )
    offenders = (
        Violation(f"delivery {each.id}, {each.subject}", f"{each.state}: {each.last_error}")
        for each in failed
    )
    return InvariantResult.from_violations(total, offenders)
