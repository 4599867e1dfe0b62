"""Queries that claim deliveries and store attempts; the rules are in `delivery.py`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from ticketing.notifications.delivery import CLAIM_TIMEOUT, Channel, DeliveryState
from ticketing.notifications.messages.message import FailureScope
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.notifications import (
    channel_circuit_breakers,
    deliveries,
    delivery_attempts,
)
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.work_queue import WorkQueue

DELIVERY_QUEUE = WorkQueue(
    table=deliveries,
    is_open=deliveries.c.state.in_(
        (DeliveryState.QUEUED, DeliveryState.ERROR, DeliveryState.UNKNOWN)
    ),
    lease=CLAIM_TIMEOUT,
    claimed_until=deliveries.c.claimed_until,
    claimed_by=deliveries.c.claimed_by,
    attempt_count=deliveries.c.attempt_count,
)
_IS_CLAIMED = deliveries.c.state == DeliveryState.CLAIMED


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A claimed delivery with the number of its current attempt."""

    id: int
    attempt_number: int
    failure_count: int
    resend_count: int
    reference: str
    channel: Channel
    address: str = field(repr=False)
    event_slug: str | None
    purpose: str
    subject: str
    payload: dict[str, Any] = field(repr=False)
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """Result of an attempt; `failures` is added to the delivery's count."""

    state: DeliveryState
    next_attempt_at: datetime | None = None
    failures: int = 0  # added to the delivery's count
    code: str = ""
    reason: str = ""
    failure_scope: str = ""
    provider_id: str = ""
    acknowledge_by: datetime | None = None  # then another channel is tried


def claim_due(
    connection: Connection, channel: Channel, *, at: datetime, limit: int, include_bulk: bool = True
) -> list[ClaimedDelivery]:
    """Claim due deliveries for a new attempt, longest due first.

    Deliveries of campaigns come after all others, and are left out without `include_bulk`.
    """
    which = _is_due((channel,), at)
    due = (
        select(deliveries.c.id)
        .where(which if include_bulk else and_(which, not_(deliveries.c.is_bulk)))
        .order_by(deliveries.c.is_bulk, deliveries.c.next_attempt_at, deliveries.c.id)
        .limit(limit)
    )
    # the right-hand sides use the old values
    is_resend = (deliveries.c.state == DeliveryState.UNKNOWN).cast(deliveries.c.resend_count.type)
    claimed = DELIVERY_QUEUE.claim(
        connection,
        due,
        at=at,
        values={
            "state": DeliveryState.CLAIMED,
            "next_attempt_at": None,
            "resend_count": deliveries.c.resend_count + is_resend,
        },
    )
    ids = [row.id for row in claimed]
    claims = [_claim_from_row(row, at) for row in connection.execute(_select_claims(ids))]
    begun = [
        {
            "delivery_id": each.id,
            "number": each.attempt_number,
            "channel": each.channel,
            "reference": each.reference,
            "started_at": at,
        }
        for each in claims
    ]
    if begun:
        connection.execute(insert(delivery_attempts), begun)
    return claims


def _select_claims(ids: Sequence[int]) -> Select[Any]:
    return (
        select(
            deliveries.c.id,
            deliveries.c.attempt_count,
            deliveries.c.failure_count,
            deliveries.c.resend_count,
            deliveries.c.uid,
            deliveries.c.copy_count,
            deliveries.c.channel,
            deliveries.c.address,
            events.c.slug,
            outbox.c.purpose,
            outbox.c.subject,
            outbox.c.payload,
        )
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .outerjoin(events, events.c.id == deliveries.c.event_id)
        .where(deliveries.c.id.in_(ids))
        .order_by(deliveries.c.id)
    )


def _claim_from_row(row: Sequence[Any], at: datetime) -> ClaimedDelivery:
    delivery_id, attempt_count, failure_count, resend_count, uid, copy_count, *rest = row
    channel, address, event_slug, purpose, subject, payload = rest
    reference = _provider_reference(uid, copy_count)
    return ClaimedDelivery(
        delivery_id, attempt_count, failure_count, resend_count, reference, Channel(channel),
        address, event_slug, purpose, subject, payload, at,
    )  # fmt: skip


def _provider_reference(uid: UUID, copy_count: int) -> str:
    """Return the reference sent to the provider: the same for every attempt, a new one per copy."""
    return f"{uid.hex}-{copy_count}" if copy_count else uid.hex


def _is_due(channels: Collection[Channel], at: datetime) -> ColumnElement[bool]:
    rests = exists().where(
        channel_circuit_breakers.c.channel == deliveries.c.channel,
        or_(
            channel_circuit_breakers.c.paused_until > at,
            channel_circuit_breakers.c.stopped_at.is_not(None),
        ),
    )
    return and_(
        DELIVERY_QUEUE.is_open,
        deliveries.c.next_attempt_at <= at,
        deliveries.c.channel.in_(list(channels)),
        not_(rests),
    )


def find_state_for_update(
    connection: Connection, delivery_id: int
) -> tuple[DeliveryState, int] | None:
    """Return state and latest attempt number of a delivery, locked; None if it is unknown."""
    query = select(deliveries.c.state, deliveries.c.attempt_count).where(
        deliveries.c.id == delivery_id
    )
    row = connection.execute(query.with_for_update()).one_or_none()
    return None if row is None else (DeliveryState(row.state), row.attempt_count)


def update_delivery(
    connection: Connection, delivery_id: int, step: AttemptResult, *, at: datetime
) -> None:
    """Store the result of the latest attempt in the delivery."""
    is_over = step.state.rank >= DeliveryState.SENT.rank
    overtaken = {"cancelled_at": at} if step.failure_scope == FailureScope.OVERTAKEN else {}
    connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery_id)
        .values(
            state=step.state,
            next_attempt_at=step.next_attempt_at,
            **DELIVERY_QUEUE.unclaimed,
            failure_count=deliveries.c.failure_count + step.failures,
            completed_at=at if is_over else None,
            acknowledge_by=step.acknowledge_by,
            provider_id=step.provider_id,
            last_error=step.reason,
            **overtaken,
        )
    )


def record_attempt(
    connection: Connection, delivery_id: int, number: int, step: AttemptResult, *, at: datetime
) -> None:
    """Store the result of an attempt; a result from a receipt is kept."""
    logs = delivery_attempts.c
    is_open = logs.state.in_((DeliveryState.CLAIMED, DeliveryState.UNKNOWN))
    ended = {
        "state": step.state,
        "code": step.code,
        "reason": step.reason,
        "failure_scope": step.failure_scope,
    }
    connection.execute(
        update(delivery_attempts)
        .where(logs.delivery_id == delivery_id, logs.number == number)
        .values(
            **{name: case((is_open, value), else_=logs[name]) for name, value in ended.items()},
            completed_at=at,
            provider_id=step.provider_id,
        )
    )


def list_stuck_claims(
    connection: Connection, *, at: datetime, limit: int
) -> list[tuple[int, int, Channel, int]]:
    """Return claims whose lease has ended, locked: id, attempt number, channel, resends."""
    query = (
        select(
            deliveries.c.id,
            deliveries.c.attempt_count,
            deliveries.c.channel,
            deliveries.c.resend_count,
        )
        .where(_IS_CLAIMED, DELIVERY_QUEUE.is_free(at))
        .order_by(deliveries.c.claimed_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(query)
    return [(number, tries, Channel(channel), re) for number, tries, channel, re in rows]


def pause_channel(
    connection: Connection, channel: Channel, *, until: datetime, reason: str
) -> None:
    """Pause a channel; the longer of two pauses applies."""
    query = upsert(channel_circuit_breakers).values(
        channel=channel, paused_until=until, reason=reason
    )
    query = query.on_conflict_do_update(
        index_elements=[channel_circuit_breakers.c.channel],
        set_={"paused_until": until, "reason": reason},
        where=channel_circuit_breakers.c.paused_until < until,
    )
    connection.execute(query)


def has_overdue_deliveries(
    connection: Connection, channels: Collection[Channel], *, since: datetime, at: datetime
) -> bool:
    """Return whether a delivery or an acknowledgement is due since then, or a claim timed out."""
    due = exists().where(_is_due(channels, at), deliveries.c.next_attempt_at <= since)
    dead = exists().where(_IS_CLAIMED, DELIVERY_QUEUE.is_free(at))
    late = exists().where(deliveries.c.acknowledge_by <= since)
    return connection.execute(select(or_(due, dead, late))).scalar_one()


def requeue(connection: Connection, delivery_id: int, *, as_new_copy: bool, at: datetime) -> None:
    """Queue a delivery again with its full number of retries."""
    copies = deliveries.c.copy_count + 1 if as_new_copy else deliveries.c.copy_count
    query = update(deliveries).where(deliveries.c.id == delivery_id)
    connection.execute(query.values(**_REQUEUED_VALUES, copy_count=copies, next_attempt_at=at))


_REQUEUED_VALUES = {
    "state": DeliveryState.QUEUED,
    "acknowledge_by": None,
    "failure_count": 0,
    "resend_count": 0,
    "completed_at": None,
    **DELIVERY_QUEUE.unclaimed,
    "cancelled_at": None,
}


def requeue_failed(
    connection: Connection, event_id: int, *, channel: Channel | None = None, at: datetime
) -> int:
    """Queue an event's deliveries again that need attention; return their number."""
    query = update(deliveries).where(_is_failed(event_id, channel))
    return connection.execute(query.values(**_REQUEUED_VALUES, next_attempt_at=at)).rowcount


def count_failed(connection: Connection, event_id: int, *, channel: Channel | None = None) -> int:
    """Return the number of deliveries that `requeue_failed` would queue again."""
    query = select(func.count()).select_from(deliveries).where(_is_failed(event_id, channel))
    return connection.execute(query).scalar_one()


def _is_failed(event_id: int, channel: Channel | None) -> ColumnElement[bool]:
    """Return the condition; without a channel all that have an address."""
    wanted = deliveries.c.channel != Channel.LINK
    if channel is not None:
        wanted = and_(wanted, deliveries.c.channel == channel)
    return and_(deliveries.c.event_id == event_id, wanted, needs_attention())


def needs_attention() -> ColumnElement[bool]:
    """Return the condition: failed or unknown, with no retry or fallback to come."""
    later = deliveries.alias("later")
    went_otherwise = exists().where(
        later.c.outbox_id == deliveries.c.outbox_id, later.c.id > deliveries.c.id
    )
    return and_(
        deliveries.c.state.in_((DeliveryState.FAILED, DeliveryState.UNKNOWN)),
        deliveries.c.next_attempt_at.is_(None),
        deliveries.c.cancelled_at.is_(None),
        not_(went_otherwise.correlate(deliveries)),
    )


def mark_aborted(connection: Connection, delivery_id: int, *, at: datetime) -> None:
    """Mark a delivery cancelled; `requeue` reverts it."""
    query = update(deliveries).where(deliveries.c.id == delivery_id)
    connection.execute(
        query.values(
            state=DeliveryState.FAILED, next_attempt_at=None, completed_at=at, cancelled_at=at,
            last_error="aborted",
        )
    )  # fmt: skip
