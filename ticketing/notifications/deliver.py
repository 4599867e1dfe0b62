"""Sending of outbox messages: create deliveries, claim, send, store the result.

A process killed between sending and storing leaves a stuck claim. It becomes unknown after a
timeout and is sent again if the channel's policy says so, under the same reference.
"""

import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping
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
    plan_deliveries,
)
from ticketing.notifications.channels.acknowledgements import (
    AcknowledgementPolicy,
    expire_unacknowledged,
)
from ticketing.notifications.channels.refusals import limit_while_refused, note_acceptance
from ticketing.notifications.claim_queries import AttemptResult, ClaimedDelivery
from ticketing.notifications.delivery import (
    DELIVERY_RETRIES,
    RESENDS,
    Channel,
    DeliveryState,
    merge_state,
    state_from_outcome,
)
from ticketing.notifications.inbound.process_webhooks import (
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
from ticketing.notifications.whatsapp.cloud import TEMPLATE_ERROR_CODES
from ticketing.platform.db import inbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Unavailable

MAX_CONCURRENT_SENDS = 4  # small mail servers refuse more connections
QUICK_TEMPLATE_RETRIES = 6  # of a message whose template is refused; afterwards each hour
SLOW_TEMPLATE_RETRY = timedelta(hours=1)
UNLIMITED_RATE = RateLimit(None)


class MailTransport(Protocol):
    """Sends a mail; every error is returned as an outcome."""

    def send(self, to: str, mail: Mail, *, reference: str, name: str = "") -> SendOutcome:
        """Send once; attempts with the same reference are the same message."""
        ...


class ChatTransport(Protocol):
    """Sends a WhatsApp message; every error is returned as an outcome."""

    def send(self, to: str, message: ChatMessage, *, reference: str) -> SendOutcome:
        """Send once to a number in E.164 form."""
        ...


@dataclass(frozen=True, slots=True)
class DeliveryRunResult:
    """Numbers of new deliveries and of attempts by result."""

    taken: int = 0
    sent: int = 0
    failed: int = 0
    error: int = 0
    unknown: int = 0

    @property
    def attempts(self) -> int:
        """Number of attempts."""
        return self.sent + self.failed + self.error + self.unknown

    def __add__(self, other: "DeliveryRunResult") -> "DeliveryRunResult":
        return DeliveryRunResult(
            self.taken + other.taken,
            self.sent + other.sent,
            self.failed + other.failed,
            self.error + other.error,
            self.unknown + other.unknown,
        )


@dataclass(frozen=True, slots=True)
class NotificationSender:
    """Transports and settings for sending messages; messages wait for a missing transport."""

    message_context: MessageContext
    mail: MailTransport | None
    organiser_email: str = ""  # empty: reports to the organiser wait
    whatsapp: ChatTransport | None = None
    rate_limit: RateLimit = UNLIMITED_RATE  # of WhatsApp
    acknowledgements: AcknowledgementPolicy | None = None  # of WhatsApp; None waits for none
    organiser_whatsapp: str = ""  # number that gets alerts; empty: none does

    @property
    def channels(self) -> Collection[Channel]:
        """Channels that have a transport."""
        transports = {Channel.WHATSAPP: self.whatsapp, Channel.MAIL: self.mail}
        return [channel for channel, transport in transports.items() if transport is not None]

    @property
    def organiser_addresses(self) -> Mapping[Channel, str]:
        """Addresses of the organiser by channel, without channels that have no transport."""
        given = {Channel.MAIL: self.organiser_email, Channel.WHATSAPP: self.organiser_whatsapp}
        channels = self.channels
        return {
            channel: address
            for channel, address in given.items()
            if address and channel in channels
        }

    def send(self, one: ClaimedDelivery, message: Mail | ChatMessage) -> SendOutcome:
        """Send a message by its transport."""
        match message:
            case Mail() if self.mail:
                return self.mail.send(one.address, message, reference=one.reference)
            case ChatMessage() if self.whatsapp:
                return self.whatsapp.send(one.address, message, reference=one.reference)
        return Deferred("the channel is not available at the moment")


@dataclass(frozen=True, slots=True)
class MessagingConnector:
    """Factory of senders with connections to the mail server and the WhatsApp provider."""

    connect: Callable[[], AbstractContextManager[NotificationSender]]


def deliver_due(
    database: Database,
    sender: NotificationSender,
    *,
    at: datetime,
    jitter: Callable[[], float] = random.random,
    limit: int = 2 * MAX_CONCURRENT_SENDS,
    channels: Collection[Channel] = tuple(Channel),
) -> DeliveryRunResult:
    """Send due messages by these channels. Safe to repeat, run concurrently and interrupt."""
    if not sender.channels:
        return DeliveryRunResult()
    if sender.acknowledgements and Channel.WHATSAPP in channels:
        expire_unacknowledged(
            database, sender.acknowledgements, sender.channels, at=at, limit=limit
        )
    with database.transaction() as connection:
        _expire_stuck_claims(connection, at=at, limit=limit)
        taken = _enqueue_deliveries(connection, sender, at=at, limit=limit)
    with database.transaction() as connection:
        claimed = _claim_due(connection, sender, channels, at=at, limit=limit)
    if not claimed:
        return DeliveryRunResult(taken=taken)

    def deliver_one(one: ClaimedDelivery) -> DeliveryState:
        outcome = _compose_and_send(database, sender, one)
        with database.transaction() as connection:
            step = _attempt_result(sender, one, outcome, at=at, jitter=jitter())
            state = _record_outcome(connection, one, outcome, step, at=at)
            can_fall_back = not isinstance(outcome, Rejected) or outcome.can_fall_back
            if state is DeliveryState.FAILED and can_fall_back:
                fall_back_to_next_channel(connection, one.id, sender.channels, at=at)
            if isinstance(outcome, Rejected) and outcome.scope is FailureScope.OPTED_OUT:
                campaign_queries.insert_opt_out(connection, one.address, at=at)
            return state

    with ThreadPoolExecutor(
        min(MAX_CONCURRENT_SENDS, len(claimed)), thread_name_prefix="messages"
    ) as pool:
        counts = Counter(pool.map(deliver_one, claimed))
    return DeliveryRunResult(
        taken=taken,
        sent=counts[DeliveryState.SENT],
        failed=counts[DeliveryState.FAILED],
        error=counts[DeliveryState.ERROR],
        unknown=counts[DeliveryState.UNKNOWN],
    )


def deliver_all(
    database: Database, sender: NotificationSender, *, clock: Callable[[], datetime]
) -> DeliveryRunResult:
    """Process the stored receipts and send, until nothing is due."""
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
    """Return whether work has been due for longer than `overdue_by` without being done."""
    if not sender.channels:
        return False
    with database.transaction() as connection:
        if outbox_queries.has_overdue_messages(
            connection, organiser_channels=sender.organiser_addresses, since=at - overdue_by
        ):
            return True
        if inbox.has_overdue(connection, at - overdue_by, at=at, providers=WHATSAPP_INBOX_SOURCES):
            return True
        return claim_queries.has_overdue_deliveries(
            connection, sender.channels, since=at - overdue_by, at=at
        )


def _enqueue_deliveries(
    connection: Connection, sender: NotificationSender, *, at: datetime, limit: int
) -> int:
    waiting = outbox_queries.claim_messages(
        connection, organiser_channels=sender.organiser_addresses, limit=limit
    )
    new = [
        delivery
        for each in waiting
        for delivery in plan_deliveries(each, sender.channels, sender.organiser_addresses)
    ]
    outbox_queries.insert_deliveries(connection, new, at=at)
    return len(waiting)


def _claim_due(
    connection: Connection,
    sender: NotificationSender,
    channels: Collection[Channel],
    *,
    at: datetime,
    limit: int,
) -> list[ClaimedDelivery]:
    claimed: list[ClaimedDelivery] = []
    if sender.whatsapp and Channel.WHATSAPP in channels:
        claimed += claim_within_rate_limit(
            connection, Channel.WHATSAPP, sender.rate_limit, at=at, limit=limit
        )
    if sender.mail and Channel.MAIL in channels:
        most = limit_while_refused(connection, Channel.MAIL, limit)
        claimed += claim_queries.claim_due(connection, Channel.MAIL, at=at, limit=most)
    return claimed


def _compose_and_send(
    database: Database, sender: NotificationSender, one: ClaimedDelivery
) -> SendOutcome:
    try:
        message = compose_message(database, sender.message_context, one)
    except Unavailable as error:
        return Deferred(str(error), error.code)
    except Exception as error:  # noqa: BLE001 - stored in the message's row; others continue
        return Rejected(f"the message could not be composed ({type(error).__name__})")
    if not isinstance(message, (Mail, ChatMessage)):
        return message
    try:
        return _spare_channel(sender, one, sender.send(one, message))
    except Exception as error:  # noqa: BLE001 - as above; it may have been sent
        return Unconfirmed(f"sending failed with {type(error).__name__}")


def _spare_channel(
    sender: NotificationSender, one: ClaimedDelivery, outcome: SendOutcome
) -> SendOutcome:
    """Return a rejection if only an alert to the organiser lacks its template: buyers go on."""
    if not (isinstance(outcome, Deferred) and outcome.code in TEMPLATE_ERROR_CODES):
        return outcome
    if one.address != sender.organiser_whatsapp:
        return outcome
    return Rejected(outcome.reason, outcome.code, FailureScope.MESSAGE)


def _record_outcome(
    connection: Connection,
    one: ClaimedDelivery,
    outcome: SendOutcome,
    step: AttemptResult,
    *,
    at: datetime,
) -> DeliveryState:
    """Store the result of an attempt; a newer attempt of the same delivery is not affected."""
    # a delivery is locked before its attempts everywhere, or two processes would deadlock
    known = claim_queries.find_state_for_update(connection, one.id)
    claim_queries.record_attempt(connection, one.id, one.attempt_number, step, at=at)
    if known is not None:
        before, newest = known
        after = merge_state(before, step.state, is_current_attempt=newest == one.attempt_number)
        if after is step.state and after is not before:
            claim_queries.update_delivery(connection, one.id, step, at=at)
    pause_channel_on_failure(connection, one.channel, outcome, at=at)
    if isinstance(outcome, Accepted):
        note_acceptance(connection, one.channel, outcome.template, sent_at=one.claimed_at, at=at)
    return step.state


def _attempt_result(
    sender: NotificationSender,
    one: ClaimedDelivery,
    outcome: SendOutcome,
    *,
    at: datetime,
    jitter: float,
) -> AttemptResult:
    """Return the result of an attempt.

    A failure that concerns the sender or the channel does not count as a failure of the message,
    because the channel is paused instead.
    """
    state, failures = state_from_outcome(outcome), 0
    match outcome:
        case Accepted(provider_id, _):
            waits = sender.acknowledgements if one.channel is Channel.WHATSAPP else None
            until = at + waits.timeout if waits else None
            return AttemptResult(state, provider_id=provider_id, acknowledge_by=until)
        case Rejected(reason, code, cause):
            return AttemptResult(state, code=code, reason=reason, failure_scope=cause)
        case Unconfirmed(reason):
            next_attempt = RESENDS[one.channel].next_attempt_at(one.resend_count + 1, at=at)
            return AttemptResult(state, next_attempt, reason=reason)
    if outcome.pause_scope in PAUSE_BY_SCOPE:
        next_attempt = at + PAUSE_BY_SCOPE[outcome.pause_scope]
        if outcome.template and one.attempt_number > QUICK_TEMPLATE_RETRIES:
            next_attempt = at + SLOW_TEMPLATE_RETRY
    else:
        failures = 1
        next_attempt = DELIVERY_RETRIES.next_attempt_at(
            one.failure_count + 1, at=at, jitter=jitter, retry_after=outcome.retry_after
        )
    return AttemptResult(
        state if next_attempt else DeliveryState.FAILED,
        next_attempt,
        failures=failures,
        code=outcome.code,
        reason=outcome.reason,
        failure_scope=outcome.pause_scope,
    )


def _expire_stuck_claims(connection: Connection, *, at: datetime, limit: int) -> None:
    """Set deliveries with a timed-out claim to unknown, because they may have been sent."""
    held = claim_queries.list_stuck_claims(connection, at=at, limit=limit)
    for delivery_id, number, channel, resends in held:
        step = AttemptResult(
            DeliveryState.UNKNOWN,
            next_attempt_at=RESENDS[channel].next_attempt_at(resends + 1, at=at),
            reason="the claim timed out while sending",
        )
        claim_queries.update_delivery(connection, delivery_id, step, at=at)
        claim_queries.record_attempt(connection, delivery_id, number, step, at=at)
