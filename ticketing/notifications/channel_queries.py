"""Queries for a channel as a whole: recent attempts and their outcomes, circuit breaker."""

from datetime import datetime

from sqlalchemy import BigInteger, Connection, case, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.messages.message import (
    Accepted,
    Deferred,
    FailureScope,
    PauseScope,
    Rejected,
    SendOutcome,
    Unconfirmed,
)
from ticketing.notifications.rate_limit import DAY
from ticketing.platform.db.tables.notifications import (
    channel_circuit_breakers,
    deliveries,
    delivery_attempts,
)

# advisory locks share one 64-bit key space; these keys start with the bytes "pace"
_LOCK_KEYS = {channel: 0x70616365 << 32 | index for index, channel in enumerate(Channel)}
# failures with these scopes do not count against the channel
_IGNORED_SCOPES = (
    PauseScope.SENDER,
    PauseScope.CHANNEL,
    FailureScope.OPTED_OUT,
    FailureScope.OBSOLETE,
    FailureScope.OVERTAKEN,
)


def lock_channel(connection: Connection, channel: Channel) -> None:
    """Lock the channel against other claims until the transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(literal(_LOCK_KEYS[channel], BigInteger))))


def list_recent_send_times(
    connection: Connection, channel: Channel, *, at: datetime, most: int
) -> list[datetime]:
    """Return the start times of the last day's attempts that may have been sent, oldest first."""
    query = (
        select(delivery_attempts.c.started_at)
        .where(
            delivery_attempts.c.channel == channel,
            delivery_attempts.c.started_at > at - DAY,
            delivery_attempts.c.state != DeliveryState.ERROR,
        )
        .order_by(delivery_attempts.c.started_at.desc())
        .limit(most)
    )
    return list(connection.execute(query).scalars())[::-1]


def list_latest_outcomes(
    connection: Connection, channel: Channel, *, most: int
) -> list[SendOutcome]:
    """Return the latest outcomes since the channel was last resumed, newest last."""
    resumed = select(channel_circuit_breakers.c.resumed_at).where(
        channel_circuit_breakers.c.channel == channel
    )
    since = func.coalesce(resumed.scalar_subquery(), func.to_timestamp(0))
    query = (
        select(
            delivery_attempts.c.state, delivery_attempts.c.reason, delivery_attempts.c.failure_scope
        )
        .where(
            delivery_attempts.c.channel == channel,
            delivery_attempts.c.started_at > since,
            delivery_attempts.c.state != DeliveryState.CLAIMED,
            delivery_attempts.c.failure_scope.not_in(_IGNORED_SCOPES),
        )
        .order_by(delivery_attempts.c.started_at.desc(), delivery_attempts.c.id.desc())
        .limit(most)
    )
    return [
        _outcome_from_row(DeliveryState(row[0]), *row[1:]) for row in connection.execute(query)
    ][::-1]


def _outcome_from_row(state: DeliveryState, reason: str, failure_scope: str) -> SendOutcome:
    match state:
        case DeliveryState.FAILED:
            return Rejected(
                reason,
                scope=FailureScope(failure_scope) if failure_scope else FailureScope.RECIPIENT,
            )
        case DeliveryState.ERROR:
            return Deferred(reason)
        case DeliveryState.UNKNOWN:
            return Unconfirmed(reason)
    return Accepted("")


def stop(connection: Connection, channel: Channel, *, reason: str, at: datetime) -> None:
    """Stop the channel until staff resume it; a stopped channel keeps its first reason."""
    line = {"channel": channel, "paused_until": at, "reason": reason, "stopped_at": at}
    query = upsert(channel_circuit_breakers).values(line)
    query = query.on_conflict_do_update(
        index_elements=[channel_circuit_breakers.c.channel],
        set_={"reason": reason, "stopped_at": at},
        where=channel_circuit_breakers.c.stopped_at.is_(None),
    )
    connection.execute(query)


def resume(connection: Connection, channel: Channel, *, at: datetime) -> bool:
    """Resume the channel and ignore earlier outcomes; False if it was not paused or stopped."""
    query = (
        update(channel_circuit_breakers)
        .where(
            channel_circuit_breakers.c.channel == channel,
            channel_circuit_breakers.c.stopped_at.is_not(None)
            | channel_circuit_breakers.c.refused_at.is_not(None)
            | (channel_circuit_breakers.c.paused_until > at),
        )
        .values(stopped_at=None, paused_until=at, resumed_at=at, refused_at=None, refused_by="")
    )
    return connection.execute(query).rowcount == 1


def is_stopped(connection: Connection, channel: Channel) -> bool:
    """Return whether the channel is stopped until staff resume it."""
    query = select(channel_circuit_breakers.c.channel).where(
        channel_circuit_breakers.c.channel == channel,
        channel_circuit_breakers.c.stopped_at.is_not(None),
    )
    return connection.execute(query).first() is not None


def count_queued(connection: Connection, channel: Channel) -> tuple[int, int]:
    """Return the numbers of queued deliveries: of transactional messages, and of campaigns."""
    many = func.count(case((deliveries.c.is_bulk, 1)))
    query = select(func.count(), many).where(
        deliveries.c.channel == channel, deliveries.c.next_attempt_at.is_not(None)
    )
    total, of_many = connection.execute(query).one()
    return total - of_many, of_many


def list_paused_channels(
    connection: Connection, *, at: datetime
) -> dict[Channel, tuple[datetime | None, str]]:
    """Return the paused channels with end and reason; a stopped channel has no end.

    A refused channel is among them until a message was accepted.
    """
    stopped = channel_circuit_breakers.c.stopped_at.is_not(None)
    refused = channel_circuit_breakers.c.refused_at.is_not(None)
    query = select(channel_circuit_breakers).where(
        or_(stopped, refused, channel_circuit_breakers.c.paused_until > at)
    )
    rows = connection.execute(query.order_by(channel_circuit_breakers.c.channel))
    return {
        Channel(row.channel): (None if row.stopped_at else row.paused_until, row.reason)
        for row in rows
    }
