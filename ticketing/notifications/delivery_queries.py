"""Queries for deliveries: matching of receipts to attempts, lists for staff, paused channels.

Queries for sending are in `claim_queries.py`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    func,
    not_,
    or_,
    select,
    update,
)

from ticketing.notifications.claim_queries import DELIVERY_QUEUE, AttemptResult, needs_attention
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.platform.db.outbox import ORGANISER
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.notifications import (
    channel_circuit_breakers,
    deliveries,
    delivery_attempts,
)
from ticketing.platform.db.tables.outbox import outbox


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """An attempt and its delivery, locked."""

    delivery_id: int
    attempt_number: int
    attempt_state: DeliveryState  # of the attempt
    delivery_state: DeliveryState  # of the delivery
    is_newest: bool
    failure_count: int
    channel: Channel
    started_at: datetime
    failure_scope: str
    is_awaited: bool  # accepted, and its acknowledgement is waited for
    is_refused: bool  # the channel, by its provider
    address: str = field(repr=False)


def find_attempt(
    connection: Connection, *, names: Collection[str], reference: str = ""
) -> DeliveryAttempt | None:
    """Find an attempt by the provider's ids, else by our reference; None if it is not ours."""
    by_name = [name for name in names if name]
    found = None
    if by_name:
        found = find_newest_attempt(
            connection,
            or_(
                delivery_attempts.c.provider_id.in_(by_name), delivery_attempts.c.alias.in_(by_name)
            ),
        )
    uid = _uid(reference)
    if found is None and uid is not None:
        is_ours = and_(deliveries.c.uid == uid, delivery_attempts.c.reference == reference)
        found = find_newest_attempt(connection, is_ours)
    return found


def _uid(reference: str) -> UUID | None:
    try:
        return UUID(hex=reference.partition("-")[0])
    except ValueError:
        return None


def find_newest_attempt(
    connection: Connection, condition: ColumnElement[bool]
) -> DeliveryAttempt | None:
    """Return the newest attempt with this condition, locked with its delivery; None without one."""
    is_refused = exists().where(
        channel_circuit_breakers.c.channel == deliveries.c.channel,
        channel_circuit_breakers.c.refused_at.is_not(None),
    )
    query = (
        select(
            deliveries.c.id,
            delivery_attempts.c.number,
            delivery_attempts.c.state,
            deliveries.c.state,
            deliveries.c.attempt_count == delivery_attempts.c.number,
            deliveries.c.failure_count,
            deliveries.c.channel,
            delivery_attempts.c.started_at,
            delivery_attempts.c.failure_scope,
            deliveries.c.acknowledge_by.is_not(None),
            is_refused,
            deliveries.c.address,
        )
        # this order of the join is the order of the locks: a delivery before its attempts
        .select_from(deliveries)
        .join(delivery_attempts, deliveries.c.id == delivery_attempts.c.delivery_id)
        .where(condition)
        .order_by(delivery_attempts.c.id.desc())
        .limit(1)
        .with_for_update()
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    number, tries, attempt_state, state, is_newest, failures, channel, *rest = row
    return DeliveryAttempt(
        number, tries, DeliveryState(attempt_state), DeliveryState(state), is_newest, failures,
        Channel(channel), *rest,
    )  # fmt: skip


def set_attempt_alias(connection: Connection, attempt: DeliveryAttempt, alias: str) -> None:
    """Store the second id by which later receipts refer to the attempt."""
    connection.execute(update(delivery_attempts).where(_is_attempt(attempt)).values(alias=alias))


def record_receipt(
    connection: Connection, attempt: DeliveryAttempt, step: AttemptResult, *, at: datetime
) -> None:
    """Store the state that a receipt reports in the attempt."""
    connection.execute(
        update(delivery_attempts)
        .where(_is_attempt(attempt))
        .values(
            state=step.state,
            code=step.code,
            reason=step.reason,
            failure_scope=step.failure_scope,
            completed_at=func.coalesce(delivery_attempts.c.completed_at, at),
        )
    )


def _is_attempt(attempt: DeliveryAttempt) -> ColumnElement[bool]:
    return and_(
        delivery_attempts.c.delivery_id == attempt.delivery_id,
        delivery_attempts.c.number == attempt.attempt_number,
    )


def update_delivery_after_receipt(
    connection: Connection, attempt: DeliveryAttempt, step: AttemptResult, *, at: datetime
) -> None:
    """Store the state that a receipt reports in the delivery; a next attempt re-opens it."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == attempt.delivery_id)
        .values(
            state=step.state,
            next_attempt_at=step.next_attempt_at,
            **DELIVERY_QUEUE.unclaimed,
            failure_count=deliveries.c.failure_count + step.failures,
            acknowledge_by=None,
            completed_at=None
            if step.next_attempt_at
            else func.coalesce(deliveries.c.completed_at, at),
            last_error=step.reason,
        )
    )


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as staff see it."""

    id: int
    event_slug: str | None
    purpose: str
    subject: str
    channel: Channel
    address: str = field(repr=False)
    state: DeliveryState
    attempt_count: int
    queued_at: datetime
    next_attempt_at: datetime | None
    completed_at: datetime | None
    last_error: str


def count_unclaimed_messages(connection: Connection) -> tuple[int, int]:
    """Count messages without a delivery: to buyers and guests, and to the organiser."""
    to_organiser = outbox.c.recipient == ORGANISER
    query = select(
        func.count().filter(not_(to_organiser)), func.count().filter(to_organiser)
    ).where(outbox.c.processed_at.is_(None))
    buyers, organisers = connection.execute(query).one()
    return buyers, organisers


def list_event_deliveries(
    connection: Connection, event_id: int, *, failed: bool, limit: int
) -> list[Delivery]:
    """Return an event's deliveries, newest first; `failed` only those that need attention."""
    conditions = [deliveries.c.event_id == event_id]
    if failed:
        conditions.append(needs_attention())
    query = select_deliveries().where(*conditions).order_by(deliveries.c.id.desc()).limit(limit)
    return [delivery_from_row(row) for row in connection.execute(query)]


def find_delivery(connection: Connection, delivery_id: int) -> Delivery | None:
    """Return the delivery with this id, or None."""
    row = connection.execute(
        select_deliveries().where(deliveries.c.id == delivery_id)
    ).one_or_none()
    return None if row is None else delivery_from_row(row)


def select_deliveries() -> Select[Any]:
    """Return the query for deliveries that `delivery_from_row` reads."""
    return (
        select(
            deliveries.c.id,
            events.c.slug,
            outbox.c.purpose,
            outbox.c.subject,
            deliveries.c.channel,
            deliveries.c.address,
            deliveries.c.state,
            deliveries.c.attempt_count,
            deliveries.c.queued_at,
            deliveries.c.next_attempt_at,
            deliveries.c.completed_at,
            deliveries.c.last_error,
        )
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .outerjoin(events, events.c.id == deliveries.c.event_id)
    )


def delivery_from_row(row: Sequence[Any]) -> Delivery:
    """Return the delivery of a row of `select_deliveries`."""
    number, slug, purpose, subject, channel, address, state, *rest_of_it = row
    return Delivery(
        number, slug, purpose, subject, Channel(channel), address, DeliveryState(state),
        *rest_of_it,
    )  # fmt: skip


def count_by_state(connection: Connection, event_id: int) -> dict[DeliveryState, int]:
    """Count an event's deliveries by state."""
    query = (
        select(deliveries.c.state, func.count())
        .where(deliveries.c.event_id == event_id)
        .group_by(deliveries.c.state)
    )
    return {DeliveryState(state): number for state, number in connection.execute(query)}


def list_overdue(
    connection: Connection, event_id: int, *, at: datetime, grace: timedelta
) -> list[Delivery]:
    """Return deliveries that have been due or claimed for longer than `grace`."""
    since = at - grace
    query = select_deliveries().where(
        deliveries.c.event_id == event_id,
        or_(
            deliveries.c.next_attempt_at <= since,
            deliveries.c.claimed_until <= since + DELIVERY_QUEUE.lease,
        ),
    )
    return [delivery_from_row(row) for row in connection.execute(query.order_by(deliveries.c.id))]


def list_events_with_recent_deliveries(connection: Connection, *, since: datetime) -> list[str]:
    """Return the slugs of events with deliveries since that time or still unfinished."""
    query = (
        select(events.c.slug)
        .join(deliveries, deliveries.c.event_id == events.c.id)
        .where(
            or_(
                deliveries.c.queued_at >= since,
                deliveries.c.completed_at >= since,
                deliveries.c.next_attempt_at.is_not(None),
                deliveries.c.claimed_until.is_not(None),
            )
        )
        .distinct()
        .order_by(events.c.slug)
    )
    return list(connection.execute(query).scalars())
