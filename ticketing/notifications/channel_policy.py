"""A channel's pace: how much is begun at a time, and when it is stopped until a person looks.

What failed by one channel goes by the next, as docs/decisions/0012-channels.md has it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.notifications import channel_queries, claim_queries, outbox_queries
from ticketing.notifications.claim_queries import Claimed
from ticketing.notifications.delivery import Channel, beginning_with, next_channel
from ticketing.notifications.messages.message import Later, Outcome, Stops
from ticketing.notifications.outbox_queries import New, Waiting
from ticketing.notifications.rate_limit import LOOKED_AT, Pace, reason_to_stop
from ticketing.platform.db import audit_log, incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import Kind, Occurrence
from ticketing.platform.db.outbox import GUEST_TICKET, ORGANISER
from ticketing.platform.kernel.errors import Refused

SENDER_RESTS = timedelta(minutes=1)
CHANNEL_RESTS = timedelta(minutes=10)  # then one round looks whether a person has acted
CONCERNS_MANY = {Stops.SENDER: SENDER_RESTS, Stops.CHANNEL: CHANNEL_RESTS}


def rest_after(
    connection: Connection, channel: Channel, outcome: Outcome | None, *, at: datetime
) -> None:
    """Let a channel alone for a while when an answer concerned everybody."""
    if isinstance(outcome, Later) and outcome.stops in CONCERNS_MANY:
        until = at + max(CONCERNS_MANY[outcome.stops], outcome.after or timedelta(0))
        claim_queries.rest(connection, channel, until=until, reason=outcome.reason)


def claim_at_pace(
    connection: Connection, channel: Channel, pace: Pace, *, at: datetime, limit: int
) -> list[Claimed]:
    """Begin as many attempts as may go now: first what somebody waits for.

    When too many of the last ones failed, none, and the channel is stopped.
    """
    channel_queries.in_turn(connection, channel)
    if channel_queries.is_stopped(connection, channel) or _stopped(connection, channel, at=at):
        return []
    sent = channel_queries.sent_lately(connection, channel, at=at, most=pace.per_day or 1)
    room = pace.room(sent, at=at, most=limit)
    begun = claim_queries.claim(connection, channel, at=at, limit=room, bulk=False)
    left = room - len(begun)
    most = pace.for_many.room([*sent, *[at] * len(begun)], at=at, most=left)
    return begun + claim_queries.claim(connection, channel, at=at, limit=most)


def _stopped(connection: Connection, channel: Channel, *, at: datetime) -> bool:
    reason = reason_to_stop(channel_queries.latest_answers(connection, channel, most=LOOKED_AT))
    if reason is None:
        return False
    channel_queries.stop(connection, channel, reason=reason, at=at)
    message = f"{channel} was stopped: {reason}; `ticketing resume-channel {channel}` lets it go on"
    incidents.observe(connection, Occurrence(_cause(channel), Kind.CHANNEL, message, at))
    return True


def _cause(channel: Channel) -> str:
    return f"channel:{channel}"


def resume_channel(database: Database, channel: Channel, *, at: datetime, by: str) -> None:
    """Let a channel go on that was stopped, or that rests; refuses when nothing keeps it."""
    with database.transaction() as connection:
        if not channel_queries.resume(connection, channel, at=at):
            raise Refused(f"{channel} is neither stopped nor resting")
        incidents.resolve(connection, _cause(channel), at=at)
        audit_log.record(connection, actor=by, action="deliveries.resume", subject=channel)


def forecast(database: Database, pace: Pace, *, more: int = 0, at: datetime) -> datetime | None:
    """When the last WhatsApp message goes that waits, and so many more; None: never."""
    with database.transaction() as connection:
        waited_for, of_many = channel_queries.count_queued(connection, Channel.WHATSAPP)
        sent = channel_queries.sent_lately(
            connection, Channel.WHATSAPP, at=at, most=pace.per_day or 1
        )
    first = pace.ends(waited_for, sent, at=at)
    if first is None or not of_many + more:
        return first
    return pace.for_many.ends(waited_for + of_many + more, sent, at=at)


NOBODY = "nothing is known that a message could be sent to: tell them yourself"


def first_delivery(message: Waiting, doors: Collection[Channel], organiser: str) -> New:
    """By the channel the message names, else by another; else a person has to hand on a link."""
    if message.recipient == ORGANISER:
        return _new(message, Channel.MAIL, organiser)
    # mails wait for a server; a number is of use only to who has WhatsApp
    channel, address = _next(message, doors, ())
    if channel is Channel.LINK:
        channel, address = _next(message, (Channel.MAIL,), ())
    if channel is Channel.LINK:
        return New(message.id, message.event_id, channel, message.recipient, failure=NOBODY)
    return _new(message, channel, address)


def pass_on(
    connection: Connection, delivery_id: int, doors: Collection[Channel], *, at: datetime
) -> None:
    """Let a message go by the next channel; without one, what failed is left to a person."""
    found = outbox_queries.of_delivery(connection, delivery_id)
    if found is None:
        return
    message, tried = found
    channel, address = _next(message, doors, tried)
    if channel is not Channel.LINK:
        outbox_queries.add(connection, [_new(message, channel, address)], at=at)


def _next(
    message: Waiting, doors: Collection[Channel], tried: Collection[Channel]
) -> tuple[Channel, str]:
    addresses = message.addresses
    reachable_by = [each for each in addresses if each in doors]
    order = beginning_with(outbox_queries.channel_of(message.recipient))
    channel = next_channel(reachable_by, tried, order) or Channel.LINK
    return channel, addresses.get(channel, "")


def _new(message: Waiting, channel: Channel, address: str) -> New:
    return New(
        message.id, message.event_id, channel, address, is_bulk=message.purpose == GUEST_TICKET
    )
