"""Queries for the refusal of a channel: when the provider last refused it, and how we know."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.platform.db.tables.notifications import channel_circuit_breakers, deliveries

_BREAKERS = channel_circuit_breakers


class RefusalSource(StrEnum):
    """Source of a refusal of the whole channel by its provider."""

    REPLY = "reply"  # as the answer to a message
    REPORT = "report"  # later, in a delivery receipt of a message that it had accepted
    STATUS = "status"  # in a webhook about the number or the session


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal that no success has ended yet."""

    refused_at: datetime
    source: RefusalSource


def record_refusal(
    connection: Connection,
    channel: Channel,
    source: RefusalSource,
    *,
    until: datetime,
    reason: str,
    at: datetime,
) -> None:
    """Pause a channel that the provider refuses; the longer of two pauses applies."""
    values = {"paused_until": until, "reason": reason, "refused_at": at, "refused_by": source}
    query = upsert(_BREAKERS).values(channel=channel, **values)
    new = query.excluded
    query = query.on_conflict_do_update(
        index_elements=[_BREAKERS.c.channel],
        set_={
            "paused_until": func.greatest(_BREAKERS.c.paused_until, new.paused_until),
            "reason": new.reason,
            "refused_at": func.greatest(_BREAKERS.c.refused_at, new.refused_at),
            "refused_by": new.refused_by,
        },
    )
    connection.execute(query)


def find_refusal(connection: Connection, channel: Channel) -> Refusal | None:
    """Return the refusal of a channel; None if it works."""
    query = select(_BREAKERS.c.refused_at, _BREAKERS.c.refused_by).where(
        _BREAKERS.c.channel == channel, _BREAKERS.c.refused_at.is_not(None)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Refusal(row.refused_at, RefusalSource(row.refused_by))


def end_refusal(connection: Connection, channel: Channel, *, before: datetime, at: datetime) -> int:
    """End a refusal that is older than `before`, and its pause; return how many ended."""
    query = (
        update(_BREAKERS)
        .where(_BREAKERS.c.channel == channel, _BREAKERS.c.refused_at < before)
        .values(refused_at=None, refused_by="", paused_until=at)
    )
    return connection.execute(query).rowcount


def extend_pause(connection: Connection, channel: Channel, *, until: datetime) -> None:
    """Let a refused channel wait until then, or longer if it waits longer already."""
    connection.execute(
        update(_BREAKERS)
        .where(_BREAKERS.c.channel == channel, _BREAKERS.c.refused_at.is_not(None))
        .values(paused_until=func.greatest(_BREAKERS.c.paused_until, until))
    )


def has_message_under_way(connection: Connection, channel: Channel) -> bool:
    """Return whether a message of the channel is being sent."""
    is_claimed = deliveries.c.state == DeliveryState.CLAIMED
    query = select(exists().where(is_claimed, deliveries.c.channel == channel))
    return connection.execute(query).scalar_one()
