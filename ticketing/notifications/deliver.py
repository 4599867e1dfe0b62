"""Sending what the outbox holds: taken once, claimed, sent, stamped.

Killed between sending and stamping, a message is left alone until its claim is stuck, is then
unknown, and is sent again when the channel's policy says so: as the same message, by its reference.
"""

import random
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from ticketing.notifications import claim_queries, outbox_queries
from ticketing.notifications.campaigns import queries as campaign_queries
from ticketing.notifications.channel_policy import (
    PAUSE_BY_SCOPE,
    claim_within_rate_limit,
    fall_back_to_next_channel,
    pause_channel_on_failure,
    plan_first_delivery,
)
from ticketing.notifications.claim_queries import AttemptResult, ClaimedDelivery
from ticketing.notifications.delivery import (
    DELIVERY_RETRIES,
    RESENDS,
    Channel,
    DeliveryState,
    merge_state,
    state_from_outcome,
)
from ticketing.notifications.delivery_receipts import (
    WHATSAPP_INBOX_SOURCES,
    process_status_webhooks,
)
from ticketing.notifications.messages.compose import compose_message
from ticketing.notifications.messages.context import MessageContext
from ticketing.notifications.messages.message import (
    Accepted,
    ChatMessage,
    Deferred,
    FailureScope,
    Mail,
    Rejected,
    SendOutcome,
    Unconfirmed,
)
from ticketing.notifications.rate_limit import RateLimit
from ticketing.platform.db import inbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Unavailable

MAX_CONCURRENT_SENDS = 4  # connections to a vendor: more of them and small mail servers refuse
UNLIMITED_RATE = RateLimit(None)


class MailTransport(Protocol):
    """What hands a mail over; whatever goes wrong is in the outcome."""

    def send(self, to: str, mail: Mail, *, reference: str, name: str = "") -> SendOutcome:
        """Once; every attempt at the same reference is the same message."""
        ...


class ChatTransport(Protocol):
    """What hands a WhatsApp message over, likewise."""

    def send(self, to: str, message: ChatMessage, *, reference: str) -> SendOutcome:
        """Once, to a number in E.164 form."""
        ...


@dataclass(frozen=True, slots=True)
class DeliveryRunResult:
    """How the attempts of one round ended; `taken` are new messages."""

    taken: int = 0
    sent: int = 0
    failed: int = 0
    error: int = 0
    unknown: int = 0

    @property
    def attempts(self) -> int:
        """How many were made."""
        return self.sent + self.failed + self.error + self.unknown

    def __add__(self, other: "DeliveryRunResult") -> "DeliveryRunResult":
        """Of both rounds."""
        return DeliveryRunResult(
            self.taken + other.taken,
            self.sent + other.sent,
            self.failed + other.failed,
            self.error + other.error,
            self.unknown + other.unknown,
        )


@dataclass(frozen=True, slots=True)
class NotificationSender:
    """Everything that messages are sent with; without any door they wait."""

    message_context: MessageContext
    mail: MailTransport | None
    organiser_email: str = ""  # the address of whoever answers for the events; empty: theirs wait
    whatsapp: ChatTransport | None = None
    rate_limit: RateLimit = UNLIMITED_RATE  # WhatsApp's

    @property
    def channels(self) -> Collection[Channel]:
        """By which something can be sent."""
        doors = {Channel.WHATSAPP: self.whatsapp, Channel.MAIL: self.mail}
        return [channel for channel, door in doors.items() if door is not None]

    @property
    def can_notify_organiser(self) -> bool:
        """Whether anything can go to whoever answers for the events: by mail alone."""
        return bool(self.organiser_email) and self.mail is not None

    def send(self, one: ClaimedDelivery, message: Mail | ChatMessage) -> SendOutcome:
        """Hand it over at its door."""
        match message:
            case Mail() if self.mail:
                return self.mail.send(one.address, message, reference=one.reference)
            case ChatMessage() if self.whatsapp:
                return self.whatsapp.send(one.address, message, reference=one.reference)
        return Deferred("nothing can be sent this way at the moment")


@dataclass(frozen=True, slots=True)
class MessagingConnector:
    """Connect to the mail server and to the provider of WhatsApp."""

    connect: Callable[
        [], AbstractContextManager[NotificationSender]
    ]  # new connections at each call


def deliver_due(
    database: Database,
    sender: NotificationSender,
    *,
    at: datetime,
    jitter: Callable[[], float] = random.random,
    limit: int = 2 * MAX_CONCURRENT_SENDS,
    channels: Collection[Channel] = tuple(Channel),
) -> DeliveryRunResult:
    """Send what is due by these channels; safe to repeat, to run twice at once, and to kill."""
    if not sender.channels:
        return DeliveryRunResult()
    with database.transaction() as connection:
        _expire_stuck_claims(connection, at=at, limit=limit)
        taken = _enqueue_deliveries(connection, sender, at=at, limit=limit)
    with database.transaction() as connection:
        claimed = _claim_due(connection, sender, channels, at=at, limit=limit)
    if not claimed:
        return DeliveryRunResult(taken=taken)

    def carry(one: ClaimedDelivery) -> DeliveryState:
        outcome = _compose_and_send(database, sender, one)
        with database.transaction() as connection:
            state = _record_outcome(connection, one, outcome, at=at, jitter=jitter())
            if state is DeliveryState.FAILED and _can_fall_back(outcome):
                fall_back_to_next_channel(connection, one.id, sender.channels, at=at)
            if isinstance(outcome, Rejected) and outcome.scope is FailureScope.OPTED_OUT:
                campaign_queries.insert_opt_out(connection, one.address, at=at)
            return state

    with ThreadPoolExecutor(
        min(MAX_CONCURRENT_SENDS, len(claimed)), thread_name_prefix="messages"
    ) as pool:
        ends = Counter(pool.map(carry, claimed))
    return DeliveryRunResult(
        taken=taken,
        sent=ends[DeliveryState.SENT],
        failed=ends[DeliveryState.FAILED],
        error=ends[DeliveryState.ERROR],
        unknown=ends[DeliveryState.UNKNOWN],
    )


def deliver_all(
    database: Database, sender: NotificationSender, *, clock: Callable[[], datetime]
) -> DeliveryRunResult:
    """Round after round, until nothing is due; what was reported meanwhile counts first."""
    done = DeliveryRunResult()
    while True:
        while process_status_webhooks(database, sender.channels, at=clock()).handled:
            pass
        one = deliver_due(database, sender, at=clock())
        done += one
        if not (one.attempts or one.taken):
            return done


def has_overdue_deliveries(
    database: Database, sender: NotificationSender, *, at: datetime, overdue_by: timedelta
) -> bool:
    """Whether something could be sent, and could so long ago, and nobody has."""
    if not sender.channels:
        return False
    with database.transaction() as connection:
        if outbox_queries.has_overdue_messages(
            connection, include_organiser=sender.can_notify_organiser, since=at - overdue_by
        ):
            return True
        if inbox.has_overdue(connection, at - overdue_by, at=at, sources=WHATSAPP_INBOX_SOURCES):
            return True
        return claim_queries.has_overdue_deliveries(
            connection, sender.channels, since=at - overdue_by, at=at
        )


def _enqueue_deliveries(
    connection: Connection, sender: NotificationSender, *, at: datetime, limit: int
) -> int:
    waiting = outbox_queries.claim_messages(
        connection, include_organiser=sender.can_notify_organiser, limit=limit
    )
    new = [plan_first_delivery(each, sender.channels, sender.organiser_email) for each in waiting]
    outbox_queries.insert_deliveries(connection, new, at=at)
    return len(new)


def _claim_due(
    connection: Connection,
    sender: NotificationSender,
    channels: Collection[Channel],
    *,
    at: datetime,
    limit: int,
) -> list[ClaimedDelivery]:
    begun: list[ClaimedDelivery] = []
    if sender.whatsapp and Channel.WHATSAPP in channels:
        begun += claim_within_rate_limit(
            connection, Channel.WHATSAPP, sender.rate_limit, at=at, limit=limit
        )
    if sender.mail and Channel.MAIL in channels:
        begun += claim_queries.claim_due(connection, Channel.MAIL, at=at, limit=limit)
    return begun


def _can_fall_back(outcome: SendOutcome) -> bool:
    return not isinstance(outcome, Rejected) or outcome.can_fall_back


def _compose_and_send(
    database: Database, sender: NotificationSender, one: ClaimedDelivery
) -> SendOutcome:
    try:
        written = compose_message(database, sender.message_context, one)
    except Unavailable as error:
        return Deferred(str(error), error.code)
    except Exception as error:  # noqa: BLE001 - one message's failure is in its row and stops no other
        return Rejected(f"the message could not be written ({type(error).__name__})")
    if not isinstance(written, (Mail, ChatMessage)):
        return written
    try:
        return sender.send(one, written)
    except Exception as error:  # noqa: BLE001 - as above; it was perhaps sent
        return Unconfirmed(f"sending ended in {type(error).__name__}")


def _record_outcome(
    connection: Connection,
    one: ClaimedDelivery,
    outcome: SendOutcome,
    *,
    at: datetime,
    jitter: float,
) -> DeliveryState:
    """Note the end of an attempt; one that somebody began meanwhile goes on undisturbed."""
    step = _attempt_result(one, outcome, at=at, jitter=jitter)
    claim_queries.record_attempt(connection, one.id, one.attempt_number, step, at=at)
    known = claim_queries.find_state_for_update(connection, one.id)
    if known is not None:
        before, newest = known
        after = merge_state(before, step.state, is_current_attempt=newest == one.attempt_number)
        if after is step.state and after is not before:
            claim_queries.update_delivery(connection, one.id, step, at=at)
    pause_channel_on_failure(connection, one.channel, outcome, at=at)
    return step.state


def _attempt_result(
    one: ClaimedDelivery, outcome: SendOutcome, *, at: datetime, jitter: float
) -> AttemptResult:
    match outcome:
        case Accepted(provider_id):
            return AttemptResult(state_from_outcome(outcome), provider_id=provider_id)
        case Rejected(reason, code, cause):
            return AttemptResult(
                state_from_outcome(outcome), code=code, reason=reason, failure_scope=cause
            )
        case Unconfirmed(reason):
            again = RESENDS[one.channel].next_attempt_at(one.resend_count + 1, at=at)
            return AttemptResult(state_from_outcome(outcome), next_attempt_at=again, reason=reason)
    return _retry_result(one, outcome, at=at, jitter=jitter)


def _retry_result(
    one: ClaimedDelivery, outcome: Deferred, *, at: datetime, jitter: float
) -> AttemptResult:
    """What concerns everybody costs a message none of its patience: the channel rests instead."""
    if outcome.pause_scope in PAUSE_BY_SCOPE:
        again: datetime | None = at + PAUSE_BY_SCOPE[outcome.pause_scope]
        return AttemptResult(
            state_from_outcome(outcome),
            again,
            code=outcome.code,
            reason=outcome.reason,
            failure_scope=outcome.pause_scope,
        )
    again = DELIVERY_RETRIES.next_attempt_at(
        one.failure_count + 1, at=at, jitter=jitter, retry_after=outcome.retry_after
    )
    state = state_from_outcome(outcome) if again else DeliveryState.FAILED
    return AttemptResult(
        state,
        again,
        failures=1,
        code=outcome.code,
        reason=outcome.reason,
        failure_scope=outcome.pause_scope,
    )


def _expire_stuck_claims(connection: Connection, *, at: datetime, limit: int) -> None:
    """Whoever held these claims is dead, or as good as: perhaps it had sent."""
    held = claim_queries.list_stuck_claims(connection, at=at, limit=limit)
    for delivery_id, number, channel, resends in held:
        step = AttemptResult(
            DeliveryState.UNKNOWN,
            next_attempt_at=RESENDS[channel].next_attempt_at(resends + 1, at=at),
            reason="whoever was sending it has not been heard of again",
        )
        claim_queries.update_delivery(connection, delivery_id, step, at=at)
        claim_queries.record_attempt(connection, delivery_id, number, step, at=at)
