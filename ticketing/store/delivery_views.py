"""Deliveries as a person looks at them, and what waits or rests. Sending is in deliveries.py."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, not_, or_, select

from ticketing.domain.deliveries import Channel, DeliveryState
from ticketing.store.deliveries import needs_a_person
from ticketing.store.outbox import ORGANISER
from ticketing.store.schema import events
from ticketing.store.schema_deliveries import deliveries, delivery_rests
from ticketing.store.schema_sales import outbox


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way, as a person is shown it."""

    id: int
    event_slug: str | None
    purpose: str
    subject: str
    channel: Channel
    address: str = field(repr=False)
    state: DeliveryState
    tries: int
    queued_at: datetime
    next_try: datetime | None
    ended_at: datetime | None
    last_error: str


def count_waiting(connection: Connection) -> tuple[int, int]:
    """Messages that nobody has taken: to buyers and guests, and to the organiser."""
    to_organiser = outbox.c.recipient == ORGANISER
    query = select(
        func.count().filter(not_(to_organiser)), func.count().filter(to_organiser)
    ).where(outbox.c.taken_at.is_(None))
    buyers, organisers = connection.execute(query).one()
    return buyers, organisers


def rests(connection: Connection, *, at: datetime) -> dict[Channel, tuple[datetime | None, str]]:
    """Channels that are let alone: until when (None: until a person says so), and why."""
    stopped = delivery_rests.c.stopped_at.is_not(None)
    query = select(delivery_rests).where(or_(stopped, delivery_rests.c.until > at))
    rows = connection.execute(query.order_by(delivery_rests.c.channel))
    return {
        Channel(row.channel): (None if row.stopped_at else row.until, row.reason) for row in rows
    }


def of_event(connection: Connection, event_id: int, *, failed: bool, limit: int) -> list[Delivery]:
    """An event's deliveries, the newest first; `failed` are those a person has to look at."""
    conditions = [deliveries.c.event_id == event_id]
    if failed:
        conditions.append(needs_a_person())
    query = _shown().where(*conditions).order_by(deliveries.c.id.desc()).limit(limit)
    return [_delivery(row) for row in connection.execute(query)]


def find(connection: Connection, delivery_id: int) -> Delivery | None:
    """The delivery of that number; None when there is none."""
    row = connection.execute(_shown().where(deliveries.c.id == delivery_id)).one_or_none()
    return None if row is None else _delivery(row)


def _shown() -> Select[Any]:
    return (
        select(
            deliveries.c.id,
            events.c.slug,
            outbox.c.purpose,
            outbox.c.subject,
            deliveries.c.channel,
            deliveries.c.address,
            deliveries.c.state,
            deliveries.c.tries,
            deliveries.c.queued_at,
            deliveries.c.next_try,
            deliveries.c.ended_at,
            deliveries.c.last_error,
        )
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .outerjoin(events, events.c.id == deliveries.c.event_id)
    )


def _delivery(row: Sequence[Any]) -> Delivery:
    number, slug, purpose, subject, channel, address, state, *rest_of_it = row
    return Delivery(
        number, slug, purpose, subject, Channel(channel), address, DeliveryState(state),
        *rest_of_it,
    )  # fmt: skip


def counted(connection: Connection, event_id: int) -> dict[DeliveryState, int]:
    """How many of an event's deliveries are in each state."""
    query = (
        select(deliveries.c.state, func.count())
        .where(deliveries.c.event_id == event_id)
        .group_by(deliveries.c.state)
    )
    return {DeliveryState(state): number for state, number in connection.execute(query)}


def late(
    connection: Connection, event_id: int, *, at: datetime, patience: timedelta
) -> list[Delivery]:
    """What was to go out, or to be heard of, so long ago and nothing came of it."""
    since = at - patience
    query = _shown().where(
        deliveries.c.event_id == event_id,
        or_(deliveries.c.next_try <= since, deliveries.c.claimed_at <= since),
    )
    return [_delivery(row) for row in connection.execute(query.order_by(deliveries.c.id))]


def events_with_news(connection: Connection, *, since: datetime) -> list[str]:
    """Slugs of events with messages that are newer, or of which something is still to come."""
    query = (
        select(events.c.slug)
        .join(deliveries, deliveries.c.event_id == events.c.id)
        .where(
            or_(
                deliveries.c.queued_at >= since,
                deliveries.c.ended_at >= since,
                deliveries.c.next_try.is_not(None),
                deliveries.c.claimed_at.is_not(None),
            )
        )
        .distinct()
        .order_by(events.c.slug)
    )
    return list(connection.execute(query).scalars())
