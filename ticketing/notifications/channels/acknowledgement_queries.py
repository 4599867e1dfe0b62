"""Queries for messages that a provider accepted and that WhatsApp has not acknowledged yet."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.delivery_queries import DeliveryAttempt, find_newest_attempt
from ticketing.platform.db.tables.notifications import channel_circuit_breakers, deliveries

_TOUCHED_EVERY = timedelta(hours=1)  # a channel's row is not written for every receipt


@dataclass(frozen=True, slots=True)
class UnacknowledgedMessage:
    """A message whose time for an acknowledgement is over; `accepted_at` is by the provider."""

    delivery_id: int
    address: str = field(repr=False)
    provider_id: str
    accepted_at: datetime


def list_unacknowledged(
    connection: Connection, channel: Channel, *, at: datetime, limit: int
) -> list[UnacknowledgedMessage]:
    """Return messages whose time is over, the oldest first."""
    query = (
        select(
            deliveries.c.id,
            deliveries.c.address,
            deliveries.c.provider_id,
            deliveries.c.completed_at,
        )
        .where(deliveries.c.channel == channel, deliveries.c.acknowledge_by <= at)
        .order_by(deliveries.c.acknowledge_by, deliveries.c.id)
        .limit(limit)
    )
    return [UnacknowledgedMessage(*row) for row in connection.execute(query)]


def lock_unacknowledged(
    connection: Connection, delivery_id: int, *, at: datetime
) -> DeliveryAttempt | None:
    """Return the newest attempt of a message whose time is over, locked; None if it was settled."""
    condition = and_(
        deliveries.c.id == delivery_id,
        deliveries.c.state == DeliveryState.SENT,
        deliveries.c.acknowledge_by <= at,
    )
    return find_newest_attempt(connection, condition)


def set_deadline(connection: Connection, delivery_id: int, until: datetime | None) -> None:
    """Wait for the acknowledgement until then; None waits no longer."""
    query = update(deliveries).where(deliveries.c.id == delivery_id)
    connection.execute(query.values(acknowledge_by=until))


def note_acknowledgement(connection: Connection, channel: Channel, *, at: datetime) -> bool:
    """Remember that acknowledgements of the channel arrive; False if that is known well enough."""
    table = channel_circuit_breakers.c
    query = upsert(channel_circuit_breakers).values(
        channel=channel, paused_until=at, reason="", acknowledged_at=at
    )
    query = query.on_conflict_do_update(
        index_elements=[table.channel],
        set_={"acknowledged_at": at},
        where=or_(table.acknowledged_at.is_(None), table.acknowledged_at < at - _TOUCHED_EVERY),
    )
    return connection.execute(query).rowcount == 1


def has_acknowledged_since(connection: Connection, channel: Channel, since: datetime) -> bool:
    """Return whether an acknowledgement of the channel arrived after then."""
    table = channel_circuit_breakers.c
    query = select(exists().where(table.channel == channel, table.acknowledged_at >= since))
    return connection.execute(query).scalar_one()


def withdraw_fallback(connection: Connection, delivery_id: int, *, at: datetime) -> None:
    """Cancel the deliveries of the same message by other channels that nobody has tried yet."""
    is_untried = and_(deliveries.c.state == DeliveryState.QUEUED, deliveries.c.attempt_count == 0)
    connection.execute(
        update(deliveries)
        .where(_is_later_of(delivery_id), is_untried)
        .values(
            state=DeliveryState.FAILED,
            next_attempt_at=None,
            completed_at=at,
            cancelled_at=at,
            last_error="withdrawn: the first channel acknowledged late",
        )
    )


def has_fallback(connection: Connection, delivery_id: int) -> bool:
    """Return whether another channel was tried after this one, or is to be."""
    is_active = or_(deliveries.c.attempt_count > 0, deliveries.c.cancelled_at.is_(None))
    query = select(exists().where(_is_later_of(delivery_id), is_active))
    return connection.execute(query).scalar_one()


def _is_later_of(delivery_id: int) -> ColumnElement[bool]:
    one = deliveries.alias("one")
    outbox_id = select(one.c.outbox_id).where(one.c.id == delivery_id).scalar_subquery()
    return and_(deliveries.c.outbox_id == outbox_id, deliveries.c.id > delivery_id)
