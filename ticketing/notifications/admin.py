"""Operations on deliveries by staff: list, resend, cancel."""

from dataclasses import dataclass
from datetime import datetime

from ticketing.events.model import Event
from ticketing.notifications import channel_queries, claim_queries, delivery_queries
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.delivery_queries import Delivery
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import PlanOutdated, Refused


class UnknownDelivery(Refused):
    """No delivery has this id."""


@dataclass(frozen=True, slots=True)
class OutboxBacklog:
    """Outbox messages without a delivery, and the paused channels with the reason.

    A pause without an end lasts until staff resume the channel.
    """

    to_people: int
    to_organiser: int
    rests: dict[Channel, tuple[datetime | None, str]]


def list_deliveries(
    database: Database, event: Event, *, failed: bool = False, limit: int = 50
) -> list[Delivery]:
    """Return an event's deliveries, newest first; `failed` only those that need attention."""
    with database.transaction() as connection:
        return delivery_queries.list_event_deliveries(
            connection, event.id, failed=failed, limit=limit
        )


def get_outbox_backlog(database: Database, *, at: datetime) -> OutboxBacklog:
    """Return the outbox backlog of all events."""
    with database.transaction() as connection:
        people, organiser = delivery_queries.count_unclaimed_messages(connection)
        return OutboxBacklog(
            people, organiser, channel_queries.list_paused_channels(connection, at=at)
        )


def resend_delivery(database: Database, delivery_id: int, *, at: datetime, by: str) -> Delivery:
    """Queue a delivery again; one already sent gets a new reference, so that no server drops it."""
    with database.transaction() as connection:
        known = claim_queries.find_state_for_update(connection, delivery_id)
        if known is None:
            raise UnknownDelivery(f"no delivery {delivery_id}; see `ticketing deliveries list`")
        before, _ = known
        if before is DeliveryState.CLAIMED:
            raise Refused(f"delivery {delivery_id} is being sent at this moment")
        found = delivery_queries.find_delivery(connection, delivery_id)
        if found is None or found.channel is Channel.LINK:
            raise Refused(f"delivery {delivery_id} has no address to send to")
        is_copy = before.rank >= DeliveryState.SENT.rank and before is not DeliveryState.FAILED
        claim_queries.requeue(connection, delivery_id, as_new_copy=is_copy, at=at)
        audit_log.record(connection, actor=by, action="deliveries.resend", subject=str(delivery_id))
        return found


def cancel_delivery(database: Database, delivery_id: int, *, at: datetime, by: str) -> Delivery:
    """Cancel a queued delivery without fallback to another channel.

    Raise Refused if the delivery is not waiting to be sent.
    """
    with database.transaction() as connection:
        known = claim_queries.find_state_for_update(connection, delivery_id)
        found = delivery_queries.find_delivery(connection, delivery_id)
        if known is None or found is None:
            raise UnknownDelivery(f"no delivery {delivery_id}; see `ticketing deliveries list`")
        if not found.next_attempt_at:
            raise Refused(f"delivery {delivery_id} is {found.state} and is not queued")
        claim_queries.mark_aborted(connection, delivery_id, at=at)
        audit_log.record(connection, actor=by, action="deliveries.cancel", subject=str(delivery_id))
        return found


def count_failed_deliveries(
    database: Database, event: Event, *, channel: Channel | None = None
) -> int:
    """Return the number of deliveries that `resend_failed_deliveries` would queue again."""
    return database.run(claim_queries.count_failed, event.id, channel=channel)


def resend_failed_deliveries(
    database: Database,
    event: Event,
    *,
    channel: Channel | None = None,
    expected: int | None = None,
    at: datetime,
    by: str,
) -> int:
    """Queue every delivery of an event again that needs attention; return their number.

    Refuses, and queues none, if there are not as many as `expected`.
    """
    with database.transaction() as connection:
        requeued = claim_queries.requeue_failed(connection, event.id, channel=channel, at=at)
        if expected not in {None, requeued}:
            raise PlanOutdated(
                f"{requeued} messages of {event.slug} failed now, not {expected}; look again"
            )
        audit_log.record(
            connection,
            actor=by,
            action="deliveries.resend_failed",
            event_id=event.id,
            subject=event.slug,
            items=requeued,
        )
        return requeued
