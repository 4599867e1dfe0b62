"""What must hold of an event's messages, examined; what does not comes with its offenders."""

from datetime import datetime, timedelta

from ticketing.events.model import Event
from ticketing.notifications import delivery_queries
from ticketing.notifications.delivery import DeliveryState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import InvariantResult, Violation

LATE_AFTER = timedelta(minutes=30)  # past its time; a resting channel is looked at every ten
MAX_OFFENDERS = 1000


def count_deliveries_by_state(database: Database, event: Event) -> dict[DeliveryState, int]:
    """How many of an event's messages have come how far."""
    with database.transaction() as connection:
        return delivery_queries.count_by_state(connection, event.id)


def list_events_with_recent_deliveries(database: Database, *, since: datetime) -> list[str]:
    """Slugs of events whose messages are worth a look."""
    with database.transaction() as connection:
        return delivery_queries.list_events_with_recent_deliveries(connection, since=since)


def check_overdue_deliveries(database: Database, event: Event, *, at: datetime) -> InvariantResult:
    """Whatever was to be sent was tried in its time."""
    with database.transaction() as connection:
        total = sum(delivery_queries.count_by_state(connection, event.id).values())
        late = delivery_queries.list_overdue(connection, event.id, at=at, grace=LATE_AFTER)
    offenders = (
        Violation(f"delivery {each.id}", f"{each.state}: {each.last_error or 'nobody sends it'}")
        for each in late
    )
    return InvariantResult.from_violations(total, offenders)


def check_failed_deliveries(database: Database, event: Event) -> InvariantResult:
    """Every message went out, or will by itself."""
    with database.transaction() as connection:
        total = sum(delivery_queries.count_by_state(connection, event.id).values())
        left = delivery_queries.list_event_deliveries(
            connection, event.id, failed=True, limit=MAX_OFFENDERS
        )
    offenders = (
        Violation(f"delivery {each.id}, {each.subject}", f"{each.state}: {each.last_error}")
        for each in left
    )
    return InvariantResult.from_violations(total, offenders)
