"""Processing of delivery receipts: WhatsApp status webhooks and mail bounces.

Webhooks are stored unchanged, then applied once, in any order. Inbound messages are processed for
opt-out requests.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.notifications import delivery_queries
from ticketing.notifications.campaigns import queries as campaign_queries
from ticketing.notifications.channel_policy import (
    fall_back_to_next_channel,
    pause_channel_on_failure,
)
from ticketing.notifications.claim_queries import AttemptResult
from ticketing.notifications.delivery import (
    DELIVERY_RETRIES,
    Channel,
    DeliveryReceipt,
    DeliveryState,
    is_opt_out_request,
    merge_state,
)
from ticketing.notifications.delivery_queries import DeliveryAttempt
from ticketing.notifications.mail.bounces import Bounce, MailKind, parse_mail
from ticketing.notifications.messages.message import Deferred, Rejected
from ticketing.notifications.whatsapp.providers import WhatsAppProvider, parse_status_webhook
from ticketing.notifications.whatsapp.status_webhooks import InboundMessage
from ticketing.platform.db import audit_log, inbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.inbox import InboundWebhook, InboxOutcome
from ticketing.platform.kernel.errors import Unavailable, UnreadableReport
from ticketing.platform.kernel.retry_policy import RetryPolicy

WHATSAPP_INBOX_SOURCES = tuple(f"whatsapp:{vendor}" for vendor in WhatsAppProvider)


CHUNK = 100


# a receipt can arrive before the outcome of sending is stored
RECEIPT_RETRIES = RetryPolicy.exponential(timedelta(minutes=2), max_attempts=3)


@dataclass(frozen=True, slots=True)
class ReceiptResult:
    """Numbers of webhooks by result; `postponed` ones refer to messages that are not yet known."""

    applied: int = 0
    unchanged: int = 0
    quarantined: int = 0
    postponed: int = 0

    @property
    def handled(self) -> int:
        """Number of webhooks that are finished."""
        return self.applied + self.unchanged + self.quarantined


def store_status_webhook(
    database: Database, provider: WhatsAppProvider, body: bytes, *, at: datetime
) -> bool:
    """Store a webhook whose signature was verified; return False if it is stored already."""
    with database.transaction() as connection:
        return inbox.store_webhook(
            connection,
            provider=f"whatsapp:{provider}",
            unique_key=hashlib.sha256(body).hexdigest(),
            external_reference=provider,
            body=body,
            at=at,
        )


def process_status_webhooks(
    database: Database,
    channels: Collection[Channel],
    *,
    at: datetime,
    jitter: Callable[[], float] = random.random,
    limit: int = CHUNK,
) -> ReceiptResult:
    """Apply stored webhooks. Safe to repeat, run concurrently and interrupt."""
    with database.transaction() as connection:
        notices = inbox.claim_due(connection, limit, at=at, providers=WHATSAPP_INBOX_SOURCES)
    counts = Counter(
        _process_webhook(database, notice, channels, at=at, jitter=jitter()) for notice in notices
    )
    return ReceiptResult(
        counts[InboxOutcome.APPLIED],
        counts[InboxOutcome.UNCHANGED],
        counts[InboxOutcome.QUARANTINED],
        counts[None],
    )


def _process_webhook(
    database: Database,
    notice: InboundWebhook,
    channels: Collection[Channel],
    *,
    at: datetime,
    jitter: float,
) -> InboxOutcome | None:
    """Apply one webhook; an error is stored in its row and does not stop the others."""
    try:
        with database.transaction() as connection:
            return _apply_webhook(connection, notice, channels, at=at, jitter=jitter)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - one webhook's failure must not stop the others
        reason = type(error).__name__  # its text may quote a phone number
    with database.transaction() as connection:
        if not RECEIPT_RETRIES.is_exhausted(notice.attempt_count):
            inbox.postpone(connection, notice, RECEIPT_RETRIES, reason=reason, at=at)
            return None
        inbox.mark_handled(connection, notice, InboxOutcome.QUARANTINED, reason=reason, at=at)
        return InboxOutcome.QUARANTINED


def _apply_webhook(
    connection: Connection, notice: InboundWebhook, channels: Collection[Channel], *, at: datetime,
    jitter: float,
) -> InboxOutcome | None:  # fmt: skip
    try:
        items = parse_status_webhook(WhatsAppProvider(notice.external_reference), notice.body)
    except UnreadableReport as error:
        inbox.mark_handled(connection, notice, InboxOutcome.QUARANTINED, reason=str(error), at=at)
        return InboxOutcome.QUARANTINED
    changes = [
        _apply_inbound_message(connection, one, at=at) if isinstance(one, InboundMessage)
        else apply_receipt(connection, one, channels, at=at, jitter=jitter)
        for one in items
    ]  # fmt: skip
    unknown = sum(change is None for change in changes)
    if unknown and not RECEIPT_RETRIES.is_exhausted(notice.attempt_count):
        inbox.postpone(
            connection, notice, RECEIPT_RETRIES, reason="for a message that is not yet known", at=at
        )
        return None
    outcome = InboxOutcome.APPLIED if any(changes) else InboxOutcome.UNCHANGED
    reason = f"{unknown} for unknown messages" if unknown else ""
    inbox.mark_handled(connection, notice, outcome, reason=reason, at=at)
    return outcome


def _apply_inbound_message(
    connection: Connection, message: InboundMessage, *, at: datetime
) -> bool:
    if not is_opt_out_request(message.text) or not campaign_queries.insert_opt_out(
        connection, message.sender, at=at
    ):
        return False
    # without the address: the audit log is append-only
    audit_log.record(connection, actor="whatsapp", action="messages.opt_out", subject="a number")
    return True


def apply_receipt(
    connection: Connection,
    receipt: DeliveryReceipt,
    channels: Collection[Channel],
    *,
    at: datetime,
    jitter: float,
) -> bool | None:
    """Return whether the receipt changed anything; None if it refers to no message of ours."""
    attempt = delivery_queries.find_attempt(
        connection, names=(receipt.provider_id, receipt.alias), reference=receipt.reference
    )
    if attempt is None or not _is_for_recipient(attempt, receipt):
        return None
    if receipt.provider_id and receipt.alias:
        delivery_queries.set_attempt_alias(connection, attempt, receipt.alias)
    if merge_state(attempt.attempt_state, receipt.state) is attempt.attempt_state:
        return False
    step = _result_from_receipt(receipt)
    delivery_queries.record_receipt(connection, attempt, step, at=at)
    after = merge_state(attempt.delivery_state, receipt.state, is_current_attempt=attempt.is_newest)
    if after is receipt.state and after is not attempt.delivery_state:
        _update_delivery(connection, attempt, receipt, step, channels, at=at, jitter=jitter)
    return True


def _is_for_recipient(attempt: DeliveryAttempt, receipt: DeliveryReceipt) -> bool:
    """Return whether a receipt names the recipient of the attempt.

    Anybody can send a bounce. WhatsApp's receipts are signed and may format the number differently.
    """
    if attempt.channel is not Channel.MAIL:
        return True
    return receipt.recipient.casefold() == attempt.address.casefold()


def _result_from_receipt(receipt: DeliveryReceipt) -> AttemptResult:
    match receipt.failure:
        case Rejected(reason, code, cause):
            return AttemptResult(receipt.state, code=code, reason=reason, failure_scope=cause)
        case Deferred(reason, code, _, stops):
            return AttemptResult(receipt.state, code=code, reason=reason, failure_scope=stops)
    return AttemptResult(receipt.state)


def _update_delivery(
    connection: Connection, attempt: DeliveryAttempt, receipt: DeliveryReceipt, step: AttemptResult,
    channels: Collection[Channel], *, at: datetime, jitter: float,
) -> None:  # fmt: skip
    failure = receipt.failure
    pause_channel_on_failure(connection, attempt.channel, failure, at=at)
    if isinstance(failure, Deferred):
        next_attempt = DELIVERY_RETRIES.next_attempt_at(
            attempt.failure_count + 1, at=at, jitter=jitter, retry_after=failure.retry_after
        )
        if next_attempt is not None:
            retry = replace(
                step, state=DeliveryState.ERROR, next_attempt_at=next_attempt, failures=1
            )
            delivery_queries.update_delivery_after_receipt(connection, attempt, retry, at=at)
            return
    delivery_queries.update_delivery_after_receipt(connection, attempt, step, at=at)
    if failure is not None and (isinstance(failure, Deferred) or failure.can_fall_back):
        fall_back_to_next_channel(connection, attempt.delivery_id, channels, at=at)


@dataclass(frozen=True, slots=True)
class BounceResult:
    """Numbers of bounces by result; for `undecided` ones the server still retries.

    `not_understood` are the subjects of mails that are for a person.
    """

    mails: int
    applied: int
    unchanged: int
    strange: int
    undecided: int
    absences: int = 0
    not_understood: tuple[str, ...] = ()


def process_bounces(
    database: Database,
    mails: Iterable[bytes],
    channels: Collection[Channel],
    *,
    at: datetime,
    jitter: Callable[[], float] = random.random,
    flag: Callable[[], None] = lambda: None,
) -> BounceResult:
    """Apply the bounces in these mails, with fallback to another channel.

    `flag` is called for a mail that is not understood, before the next one is taken.
    """
    mail_count, absences = 0, 0
    counts, subjects = Counter[str](), list[str]()
    for mail in mails:
        mail_count += 1
        parsed = parse_mail(mail)
        absences += parsed.kind is MailKind.ABSENCE
        for bounce in parsed.bounces:
            counts[_apply_bounce(database, bounce, channels, at=at, jitter=jitter())] += 1
        if parsed.kind is MailKind.OTHER:
            subjects.append(parsed.subject)
            flag()
    return BounceResult(
        mail_count, counts["applied"], counts["unchanged"], counts["strange"],
        counts["undecided"], absences, tuple(subjects),
    )  # fmt: skip


def _apply_bounce(
    database: Database,
    bounce: Bounce,
    channels: Collection[Channel],
    *,
    at: datetime,
    jitter: float,
) -> str:
    report = bounce.receipt
    if report is None:
        return "undecided"
    with database.transaction() as connection:
        changed = apply_receipt(connection, report, channels, at=at, jitter=jitter)
    if changed is None:
        return "strange"
    return "applied" if changed else "unchanged"
