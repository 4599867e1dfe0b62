"""What follows when a provider refuses a channel: a pause, an incident, and one message at a time.

working --refused--> paused --ten minutes--> one message is tried --accepted--> working
                        ^------------------------refused--'

See docs/decisions/0076-whatsapp-channel.md.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.notifications import channel_queries
from ticketing.notifications.channels import refusal_queries
from ticketing.notifications.channels.refusal_queries import RefusalSource
from ticketing.notifications.delivery import Channel
from ticketing.platform.db import incidents, notify
from ticketing.platform.db.incidents import IncidentKind, Occurrence

CHANNEL_PAUSE = timedelta(minutes=10)  # then one message tests whether the cause is fixed


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """State of the number or session, as reported by a provider."""

    is_working: bool
    reason: str = ""
    at: datetime | None = None


def incident_key(channel: Channel) -> str:
    """Return the cause of a channel's incident."""
    return f"channel:{channel}"


def refuse_channel(
    connection: Connection,
    channel: Channel,
    reason: str,
    source: RefusalSource,
    *,
    retry_after: timedelta | None = None,
    template: str = "",
    at: datetime,
) -> None:
    """Pause a channel and record the incident. The same refusal again changes nothing.

    A refused template does not pause the channel again once others were accepted: then only the
    messages of the template wait.
    """
    if template:
        is_alone = _is_template_alone(connection, channel, template)
        _record_template_incident(connection, channel, template, reason, at=at)
        if is_alone:
            return
    until = at + max(CHANNEL_PAUSE, retry_after or timedelta(0))
    refusal_queries.record_refusal(connection, channel, source, until=until, reason=reason, at=at)
    message = (
        f"{channel} is paused: {reason}; one message is tried every"
        f" {CHANNEL_PAUSE.seconds // 60} minutes, the others wait; to try now:"
        f" `ticketing deliveries resume-channel {channel}`"
    )
    incidents.record_occurrence(
        connection, Occurrence(incident_key(channel), IncidentKind.CHANNEL, message, at)
    )


def _is_template_alone(connection: Connection, channel: Channel, template: str) -> bool:
    """Return whether a template is known to be refused while the channel works."""
    is_known = incidents.is_open(connection, _template_cause(channel, template))
    return is_known and refusal_queries.find_refusal(connection, channel) is None


def _record_template_incident(
    connection: Connection, channel: Channel, template: str, reason: str, *, at: datetime
) -> None:
    message = (
        f"{channel}: {reason}; its messages wait and are tried again, those of other templates are"
        f" sent; `ticketing message-templates approval {template.partition('/')[0]}` prints what"
        " to submit"
    )
    cause = _template_cause(channel, template)
    incidents.record_occurrence(connection, Occurrence(cause, IncidentKind.CHANNEL, message, at))


def _template_cause(channel: Channel, template: str) -> str:
    return f"{incident_key(channel)}:template:{template}"


def limit_while_refused(connection: Connection, channel: Channel, limit: int) -> int:
    """Return how many messages may be claimed now: one at a time until the channel works."""
    if refusal_queries.find_refusal(connection, channel) is None:
        return limit
    channel_queries.lock_channel(connection, channel)
    return 0 if refusal_queries.has_message_under_way(connection, channel) else 1


def note_acceptance(
    connection: Connection, channel: Channel, template: str, *, sent_at: datetime, at: datetime
) -> None:
    """End a refusal because a later message was accepted, and that of the template it used.

    A provider that refused in receipts accepts everything first: then the receipt is waited for.
    """
    if template:
        incidents.resolve(connection, _template_cause(channel, template), at=at)
    refusal = refusal_queries.find_refusal(connection, channel)
    if refusal is None or refusal.refused_at >= sent_at:
        return
    if refusal.source is RefusalSource.REPORT:
        refusal_queries.extend_pause(connection, channel, until=at + CHANNEL_PAUSE)
    else:
        _end(connection, channel, before=sent_at, at=at)


def note_arrival(
    connection: Connection, channel: Channel, *, sent_at: datetime, at: datetime
) -> None:
    """End a refusal because a message that was sent later has left the provider."""
    refusal = refusal_queries.find_refusal(connection, channel)
    if refusal is not None and refusal.refused_at < sent_at:
        _end(connection, channel, before=sent_at, at=at)


def apply_channel_status(
    connection: Connection, channel: Channel, status: ChannelStatus, *, at: datetime
) -> bool:
    """Return whether a provider's word about its number paused or resumed the channel.

    Old news of a broken session are ignored: a message has been tried since.
    """
    if status.is_working:
        return _end(connection, channel, before=status.at or at, at=at)
    if status.at is not None and status.at < at - CHANNEL_PAUSE:
        return False
    refuse_channel(connection, channel, status.reason, RefusalSource.STATUS, at=status.at or at)
    return True


def _end(connection: Connection, channel: Channel, *, before: datetime, at: datetime) -> bool:
    if not refusal_queries.end_refusal(connection, channel, before=before, at=at):
        return False
    if not channel_queries.is_stopped(connection, channel):
        incidents.resolve(connection, incident_key(channel), at=at)
    notify.notify_workers(connection)
    return True
