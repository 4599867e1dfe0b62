"""Messages that a gateway accepted and WhatsApp never acknowledged: the next channel, once.

A self-hosted gateway answers "accepted" and may send nothing, without saying so. The states:

accepted --acknowledged--> sent, delivered, read
   '--time is over--> the gateway is asked --acknowledged--> as above
                           '--not, or it cannot be asked for twice the time--> failed, next channel
failed --acknowledged late, next channel untried--> sent; the next channel is withdrawn
   '--acknowledged late, next channel was tried--> failed, or delivered once it has arrived

See docs/decisions/0076-whatsapp-channel.md.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.notifications import delivery_queries
from ticketing.notifications.channel_policy import fall_back_to_next_channel
from ticketing.notifications.channels import acknowledgement_queries as queries
from ticketing.notifications.channels.acknowledgement_queries import UnacknowledgedMessage
from ticketing.notifications.channels.refusals import incident_key
from ticketing.notifications.claim_queries import AttemptResult
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.delivery_queries import DeliveryAttempt
from ticketing.notifications.messages.message import Acknowledgement, FailureScope
from ticketing.platform.db import incidents, notify
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import IncidentKind, Occurrence

# without any acknowledgement for so long, it is the webhook that does not work
WEBHOOK_SEEN_WITHIN = timedelta(days=7)
_UNACKNOWLEDGED = AttemptResult(
    DeliveryState.FAILED,
    code="unacknowledged",
    reason="accepted, but WhatsApp never acknowledged it",
    failure_scope=FailureScope.UNACKNOWLEDGED,
)


ReadBack = Callable[[str, str], Acknowledgement]  # number in E.164 form, the provider's id


@dataclass(frozen=True, slots=True)
class AcknowledgementPolicy:
    """Time limit of an acknowledgement, and the query of the gateway about it."""

    timeout: timedelta
    read_back: ReadBack | None = None


def expire_unacknowledged(
    database: Database,
    policy: AcknowledgementPolicy,
    channels: Collection[Channel],
    *,
    at: datetime,
    limit: int,
) -> int:
    """Let messages whose time is over fall to the next channel; return their number.

    Safe to repeat, run concurrently and interrupt: the gateway is only asked, and each message is
    locked and looked at again before it is changed.
    """
    with database.transaction() as connection:
        late = queries.list_unacknowledged(connection, Channel.WHATSAPP, at=at, limit=limit)
    expired, answer = 0, Acknowledgement.PENDING
    for message in late:
        if answer is not Acknowledgement.NOT_ANSWERED:  # else each would wait for a time-out
            answer = _ask(policy, message)
        with database.transaction() as connection:
            attempt = queries.lock_unacknowledged(connection, message.delivery_id, at=at)
            if attempt is not None:
                expired += _settle(
                    connection, policy, message, attempt, answer, channels=channels, at=at
                )
    return expired


def _ask(policy: AcknowledgementPolicy, message: UnacknowledgedMessage) -> Acknowledgement:
    if policy.read_back is None:
        return Acknowledgement.PENDING
    return policy.read_back(message.address, message.provider_id)


def _settle(
    connection: Connection,
    policy: AcknowledgementPolicy,
    message: UnacknowledgedMessage,
    attempt: DeliveryAttempt,
    answer: Acknowledgement,
    *,
    channels: Collection[Channel],
    at: datetime,
) -> bool:
    """Return whether the message fell to the next channel."""
    if answer is Acknowledgement.ACKNOWLEDGED:
        note_receipt(connection, attempt, at=at)
        return False
    last_wait = message.accepted_at + 2 * policy.timeout
    if answer is Acknowledgement.NOT_ANSWERED and at < last_wait:
        queries.set_deadline(connection, attempt.delivery_id, last_wait)
        return False
    queries.set_deadline(connection, attempt.delivery_id, None)
    if not queries.has_acknowledged_since(connection, attempt.channel, at - WEBHOOK_SEEN_WITHIN):
        _record_incident(connection, attempt.channel, at=at)
        return False
    delivery_queries.record_receipt(connection, attempt, _UNACKNOWLEDGED, at=at)
    delivery_queries.update_delivery_after_receipt(connection, attempt, _UNACKNOWLEDGED, at=at)
    fall_back_to_next_channel(connection, attempt.delivery_id, channels, at=at)
    notify.notify_workers(connection)
    return True


def note_receipt(connection: Connection, attempt: DeliveryAttempt, *, at: datetime) -> None:
    """Note that a message was acknowledged in whatever way, which ends the wait for it."""
    if not (attempt.is_newest and attempt.is_awaited):
        return
    queries.set_deadline(connection, attempt.delivery_id, None)
    if queries.note_acknowledgement(connection, attempt.channel, at=at):
        incidents.resolve(connection, _webhook_cause(attempt.channel), at=at)


def revive_late(
    connection: Connection, attempt: DeliveryAttempt, state: DeliveryState, *, at: datetime
) -> bool:
    """Return whether a late acknowledgement revived a message that had been given up.

    The next channel is withdrawn if nobody has tried it. If it was tried, the first message stays
    failed until it is known to have arrived.
    """
    if attempt.failure_scope != FailureScope.UNACKNOWLEDGED or not attempt.is_newest:
        return False
    queries.withdraw_fallback(connection, attempt.delivery_id, at=at)
    if queries.has_fallback(connection, attempt.delivery_id) and not state.has_arrived:
        return False
    step = AttemptResult(state)
    delivery_queries.record_receipt(connection, attempt, step, at=at)
    delivery_queries.update_delivery_after_receipt(connection, attempt, step, at=at)
    return True


def _webhook_cause(channel: Channel) -> str:
    return f"{incident_key(channel)}:acknowledgements"


def _record_incident(connection: Connection, channel: Channel, *, at: datetime) -> None:
    message = (
        f"{channel}: messages are accepted, and no acknowledgement has arrived for"
        f" {WEBHOOK_SEEN_WITHIN.days} days; register the webhook with the event message.ack."
        " Until one arrives, no message falls to the next channel"
    )
    incidents.record_occurrence(
        connection, Occurrence(_webhook_cause(channel), IncidentKind.CHANNEL, message, at)
    )
