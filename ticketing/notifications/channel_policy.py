"""Policy of the channels: rate limit, pauses, circuit breaker, and fallback to the next channel.

See docs/decisions/0012-channels.md.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.notifications import channel_queries, claim_queries, outbox_queries
from ticketing.notifications.channels.refusal_queries import RefusalSource
from ticketing.notifications.channels.refusals import (
    CHANNEL_PAUSE,
    incident_key,
    limit_while_refused,
    refuse_channel,
)
from ticketing.notifications.claim_queries import ClaimedDelivery
from ticketing.notifications.delivery import Channel, channel_order, next_channel
from ticketing.notifications.messages.message import Deferred, PauseScope, SendOutcome
from ticketing.notifications.outbox_queries import NewDelivery, OutboxMessage
from ticketing.notifications.rate_limit import BREAKER_WINDOW, RateLimit, find_stop_reason
from ticketing.platform.db import audit_log, incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import IncidentKind, Occurrence
from ticketing.platform.db.outbox import ORGANISER, ORGANISER_REPORTS, TICKET_READY
from ticketing.platform.kernel.errors import Refused

SENDER_PAUSE = timedelta(minutes=1)
PAUSE_BY_SCOPE = {PauseScope.SENDER: SENDER_PAUSE, PauseScope.CHANNEL: CHANNEL_PAUSE}


def pause_channel_on_failure(
    connection: Connection,
    channel: Channel,
    outcome: SendOutcome | None,
    *,
    source: RefusalSource = RefusalSource.REPLY,
    at: datetime,
) -> None:
    """Pause the channel if the failure concerned its sender or all of its messages."""
    if not isinstance(outcome, Deferred):
        return
    if outcome.pause_scope is PauseScope.CHANNEL:
        refuse_channel(
            connection, channel, outcome.reason, source, retry_after=outcome.retry_after,
            template=outcome.template, at=at,
        )  # fmt: skip
    elif outcome.pause_scope is PauseScope.SENDER:
        until = at + max(SENDER_PAUSE, outcome.retry_after or timedelta(0))
        claim_queries.pause_channel(connection, channel, until=until, reason=outcome.reason)


def claim_within_rate_limit(
    connection: Connection, channel: Channel, rate_limit: RateLimit, *, at: datetime, limit: int
) -> list[ClaimedDelivery]:
    """Claim as many due deliveries as the rate limit allows, those of campaigns last.

    Stop the channel and return none if too many of the latest attempts failed.
    """
    channel_queries.lock_channel(connection, channel)
    if channel_queries.is_stopped(connection, channel) or _stop_if_failing(
        connection, channel, at=at
    ):
        return []
    sent = channel_queries.list_recent_send_times(
        connection, channel, at=at, most=rate_limit.per_day or 1
    )
    most = limit_while_refused(connection, channel, limit)
    room = rate_limit.available_now(sent, at=at, most=most)
    claimed = claim_queries.claim_due(connection, channel, at=at, limit=room, include_bulk=False)
    remaining = room - len(claimed)
    most = rate_limit.bulk_limit.available_now([*sent, *[at] * len(claimed)], at=at, most=remaining)
    return claimed + claim_queries.claim_due(connection, channel, at=at, limit=most)


def _stop_if_failing(connection: Connection, channel: Channel, *, at: datetime) -> bool:
    reason = find_stop_reason(
        channel_queries.list_latest_outcomes(connection, channel, most=BREAKER_WINDOW)
    )
    if reason is None:
        return False
    channel_queries.stop(connection, channel, reason=reason, at=at)
    message = (
        f"{channel} was stopped: {reason};"
        f" to resume it: `ticketing deliveries resume-channel {channel}`"
    )
    incidents.record_occurrence(
        connection, Occurrence(incident_key(channel), IncidentKind.CHANNEL, message, at)
    )
    return True


def resume_channel(database: Database, channel: Channel, *, at: datetime, by: str) -> None:
    """Resume a stopped or paused channel; raise Refused if it is neither."""
    with database.transaction() as connection:
        if not channel_queries.resume(connection, channel, at=at):
            raise Refused(f"{channel} is neither stopped nor paused")
        incidents.resolve(connection, incident_key(channel), at=at)
        audit_log.record(connection, actor=by, action="deliveries.resume", subject=channel)


def estimate_last_send_at(
    database: Database, rate_limit: RateLimit, *, additional_count: int = 0, at: datetime
) -> datetime | None:
    """Estimate when the last queued WhatsApp message plus `additional_count` goes, or None."""
    with database.transaction() as connection:
        waited_for, of_many = channel_queries.count_queued(connection, Channel.WHATSAPP)
        sent = channel_queries.list_recent_send_times(
            connection, Channel.WHATSAPP, at=at, most=rate_limit.per_day or 1
        )
    first = rate_limit.last_send_at(waited_for, sent, at=at)
    if first is None or not of_many + additional_count:
        return first
    return rate_limit.bulk_limit.last_send_at(waited_for + of_many + additional_count, sent, at=at)


NO_ADDRESS_REASON = "no address is known for a message; inform the buyer yourself"


def plan_deliveries(
    message: OutboxMessage, channels: Collection[Channel], organiser: Mapping[Channel, str]
) -> list[NewDelivery]:
    """Return the first deliveries of a message: one, or one by each channel of the organiser.

    A report to the organiser goes by mail only. `organiser` has the organiser's addresses.
    """
    if message.recipient != ORGANISER:
        return [_plan_first_delivery(message, channels)]
    return [
        _new_delivery(message, channel, address)
        for channel, address in organiser.items()
        if channel is Channel.MAIL or message.purpose not in ORGANISER_REPORTS
    ]


def _plan_first_delivery(message: OutboxMessage, channels: Collection[Channel]) -> NewDelivery:
    """Return the delivery by the message's own channel, else another, else as a link to hand on."""
    # mails wait for a server; a phone number is useless without WhatsApp
    channel, address = _next_channel_and_address(message, channels, ())
    if channel is Channel.LINK:
        channel, address = _next_channel_and_address(message, (Channel.MAIL,), ())
    if channel is Channel.LINK:
        return NewDelivery(
            message.id, message.event_id, channel, message.recipient, failure=NO_ADDRESS_REASON
        )
    return _new_delivery(message, channel, address)


def fall_back_to_next_channel(
    connection: Connection, delivery_id: int, channels: Collection[Channel], *, at: datetime
) -> None:
    """Add a delivery by the next untried channel; without one, the failure is left to staff."""
    found = outbox_queries.find_message_of_delivery(connection, delivery_id)
    if found is None:
        return
    message, tried = found
    channel, address = _next_channel_and_address(message, channels, tried)
    if channel is not Channel.LINK:
        outbox_queries.insert_deliveries(
            connection, [_new_delivery(message, channel, address)], at=at
        )


def _next_channel_and_address(
    message: OutboxMessage, channels: Collection[Channel], tried: Collection[Channel]
) -> tuple[Channel, str]:
    addresses = message.addresses
    reachable_by = [each for each in addresses if each in channels]
    order = channel_order(outbox_queries.channel_for_address(message.recipient))
    channel = next_channel(reachable_by, tried, order) or Channel.LINK
    return channel, addresses.get(channel, "")


def _new_delivery(message: OutboxMessage, channel: Channel, address: str) -> NewDelivery:
    return NewDelivery(
        message.id, message.event_id, channel, address, is_bulk=message.purpose == TICKET_READY
    )
