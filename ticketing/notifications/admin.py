"""Deliveries looked at and set going again by a person."""

from dataclasses import dataclass
from datetime import datetime

from ticketing.events.model import Event
from ticketing.notifications import claim_queries, delivery_queries
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.delivery_queries import Delivery
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Refused


class UnknownDelivery(Refused):
    """No delivery has that number."""


@dataclass(frozen=True, slots=True)
class OutboxBacklog:
    """Messages that nobody has begun to send; `rests` says of a channel why nothing goes by it.

    Until when is None where a person has to let it go on.
    """

    to_people: int
    to_organiser: int
    rests: dict[Channel, tuple[datetime | None, str]]


def list_deliveries(
    database: Database, event: Event, *, failed: bool = False, limit: int = 50
) -> list[Delivery]:
    """An event's, the newest first; `failed` are those of which nothing more comes by itself."""
    with database.transaction() as connection:
        return delivery_queries.list_event_deliveries(
            connection, event.id, failed=failed, limit=limit
        )


def get_outbox_backlog(database: Database, *, at: datetime) -> OutboxBacklog:
    """What waits before it is a delivery, of all events."""
    with database.transaction() as connection:
        people, organiser = delivery_queries.count_unclaimed_messages(connection)
        return OutboxBacklog(
            people, organiser, delivery_queries.list_paused_channels(connection, at=at)
        )


def resend_delivery(database: Database, delivery_id: int, *, at: datetime, by: str) -> Delivery:
    """Let one go out anew. What had been sent goes as another copy, so that no server drops it."""
    with database.transaction() as connection:
        known = claim_queries.find_state_for_update(connection, delivery_id)
        if known is None:
            raise UnknownDelivery(f"no delivery {delivery_id}; see `ticketing deliveries list`")
        before, _ = known
        if before is DeliveryState.CLAIMED:
            raise Refused(f"delivery {delivery_id} is being sent at this moment")
        found = delivery_queries.find_delivery(connection, delivery_id)
        if found is None or found.channel is Channel.LINK:
            raise Refused(f"delivery {delivery_id} has no address that anything could be sent to")
        another = before.rank >= DeliveryState.SENT.rank and before is not DeliveryState.FAILED
        claim_queries.requeue(connection, delivery_id, as_new_copy=another, at=at)
        audit_log.record(connection, actor=by, action="deliveries.resend", subject=str(delivery_id))
        return found


def cancel_delivery(database: Database, delivery_id: int, *, at: datetime, by: str) -> Delivery:
    """Send one no more that waits, by no other channel either; refuses what has left us."""
    with database.transaction() as connection:
        known = claim_queries.find_state_for_update(connection, delivery_id)
        found = delivery_queries.find_delivery(connection, delivery_id)
        if known is None or found is None:
            raise UnknownDelivery(f"no delivery {delivery_id}; see `ticketing deliveries list`")
        if not found.next_try:
            raise Refused(f"delivery {delivery_id} is {found.state} and waits for nothing")
        claim_queries.mark_aborted(connection, delivery_id, at=at)
        audit_log.record(connection, actor=by, action="deliveries.abort", subject=str(delivery_id))
        return found


def resend_failed_deliveries(database: Database, event: Event, *, at: datetime, by: str) -> int:
    """Let everything of an event go out anew that failed or is left to a person; how many."""
    with database.transaction() as connection:
        again = claim_queries.requeue_failed(connection, event.id, at=at)
        audit_log.record(
            connection,
            actor=by,
            action="deliveries.resend_failed",
            event_id=event.id,
            subject=event.slug,
            items=again,
        )
        return again
