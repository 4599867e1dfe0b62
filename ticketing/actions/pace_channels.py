"""A channel's pace: how much is begun at a time, and when it is stopped until a person looks."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.domain.deliveries import Channel
from ticketing.domain.delivery_pace import LOOKED_AT, Pace, reason_to_stop
from ticketing.domain.errors import Refused
from ticketing.domain.messages import Later, Outcome, Stops
from ticketing.store import audit, channels, deliveries, incidents
from ticketing.store.database import Database
from ticketing.store.deliveries import Claimed
from ticketing.store.incidents import Kind, Occurrence

SENDER_RESTS = timedelta(minutes=1)
CHANNEL_RESTS = timedelta(minutes=10)  # then one round looks whether a person has acted
CONCERNS_MANY = {Stops.SENDER: SENDER_RESTS, Stops.CHANNEL: CHANNEL_RESTS}


def rest_after(
    connection: Connection, channel: Channel, outcome: Outcome | None, *, at: datetime
) -> None:
    """Let a channel alone for a while when an answer concerned everybody."""
    if isinstance(outcome, Later) and outcome.stops in CONCERNS_MANY:
        until = at + max(CONCERNS_MANY[outcome.stops], outcome.after or timedelta(0))
        deliveries.rest(connection, channel, until=until, reason=outcome.reason)


def claim_at_pace(
    connection: Connection, channel: Channel, pace: Pace, *, at: datetime, limit: int
) -> list[Claimed]:
    """Begin as many attempts as may go now: first what somebody waits for.

    When too many of the last ones failed, none, and the channel is stopped.
    """
    channels.in_turn(connection, channel)
    if channels.is_stopped(connection, channel) or _stopped(connection, channel, at=at):
        return []
    sent = channels.sent_lately(connection, channel, at=at, most=pace.per_day or 1)
    room = pace.room(sent, at=at, most=limit)
    begun = deliveries.claim(connection, channel, at=at, limit=room, bulk=False)
    left = room - len(begun)
    most = pace.for_many.room([*sent, *[at] * len(begun)], at=at, most=left)
    return begun + deliveries.claim(connection, channel, at=at, limit=most)


def _stopped(connection: Connection, channel: Channel, *, at: datetime) -> bool:
    reason = reason_to_stop(channels.latest_answers(connection, channel, most=LOOKED_AT))
    if reason is None:
        return False
    channels.stop(connection, channel, reason=reason, at=at)
    message = f"{channel} was stopped: {reason}; `ticketing resume-channel {channel}` lets it go on"
    incidents.observe(connection, Occurrence(_cause(channel), Kind.CHANNEL, message, at))
    return True


def _cause(channel: Channel) -> str:
    return f"channel:{channel}"


def resume_channel(database: Database, channel: Channel, *, at: datetime, by: str) -> None:
    """Let a channel go on that was stopped, or that rests; refuses when nothing keeps it."""
    with database.transaction() as connection:
        if not channels.resume(connection, channel, at=at):
            raise Refused(f"{channel} is neither stopped nor resting")
        incidents.resolve(connection, _cause(channel), at=at)
        audit.record(connection, actor=by, action="deliveries.resume", subject=channel)


def forecast(database: Database, pace: Pace, *, more: int = 0, at: datetime) -> datetime | None:
    """When the last WhatsApp message goes that waits, and so many more; None: never."""
    with database.transaction() as connection:
        waited_for, of_many = channels.count_queued(connection, Channel.WHATSAPP)
        sent = channels.sent_lately(connection, Channel.WHATSAPP, at=at, most=pace.per_day or 1)
    first = pace.ends(waited_for, sent, at=at)
    if first is None or not of_many + more:
        return first
    return pace.for_many.ends(waited_for + of_many + more, sent, at=at)
