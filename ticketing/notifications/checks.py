"""What must hold of an event's messages, examined; what does not comes with its offenders."""

from datetime import datetime, timedelta

from ticketing.events.model import Event
from ticketing.notifications import delivery_queries
from ticketing.notifications.delivery import DeliveryState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import Findings, Offender

LATE_AFTER = timedelta(minutes=30)  # past its time; a resting channel is looked at every ten
MOST = 1000


def counted_deliveries(database: Database, event: Event) -> dict[DeliveryState, int]:
    """How many of an event's messages have come how far."""
    with database.transaction() as connection:
        return delivery_queries.counted(connection, event.id)


def events_with_news(database: Database, *, since: datetime) -> list[str]:
    """Slugs of events whose messages are worth a look."""
    with database.transaction() as connection:
        return delivery_queries.events_with_news(connection, since=since)


def stuck_deliveries(database: Database, event: Event, *, at: datetime) -> Findings:
    """Whatever was to be sent was tried in its time."""
    with database.transaction() as connection:
        total = sum(delivery_queries.counted(connection, event.id).values())
        late = delivery_queries.late(connection, event.id, at=at, patience=LATE_AFTER)
    offenders = (
        Offender(f"delivery {each.id}", f"{each.state}: {each.last_error or 'nobody sends it'}")
        for each in late
    )
    return Findings.of(total, offenders)


def undelivered(database: Database, event: Event) -> Findings:
    """Every message went out, or will by itself."""
    with database.transaction() as connection:
        total = sum(delivery_queries.counted(connection, event.id).values())
        left = delivery_queries.of_event(connection, event.id, failed=True, limit=MOST)
    offenders = (
        Offender(f"delivery {each.id}, {each.subject}", f"{each.state}: {each.last_error}")
        for each in left
    )
    return Findings.of(total, offenders)
