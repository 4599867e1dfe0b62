"""Processing of stored WhatsApp webhooks: stored unchanged, then applied once, in any order.

Each item of a webhook is applied on its own. A webhook with an item that cannot be applied is
quarantined after the others were: it is listed by `ticketing deliveries inbound list`.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from sqlalchemy import Connection

from ticketing.notifications.channels.refusals import ChannelStatus, apply_channel_status
from ticketing.notifications.delivery import Channel, DeliveryReceipt
from ticketing.notifications.delivery_receipts import apply_receipt
from ticketing.notifications.inbound.opt_out_replies import NO_NUMBER, apply_inbound_message
from ticketing.notifications.whatsapp.providers import WhatsAppProvider, parse_status_webhook
from ticketing.notifications.whatsapp.webhook_items import (
    InboundMessage,
    UnreadableItem,
    WebhookItem,
)
from ticketing.platform.db import inbox, incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.inbox import InboundWebhook, InboxOutcome
from ticketing.platform.db.incidents import IncidentKind, Occurrence
from ticketing.platform.kernel.errors import Unavailable, UnreadableReport
from ticketing.platform.kernel.retry_policy import RetryPolicy

WHATSAPP_INBOX_SOURCES = tuple(f"whatsapp:{vendor}" for vendor in WhatsAppProvider)
QUARANTINE_CAUSE = "whatsapp:inbound"
CHUNK = 100
# a receipt can arrive before the outcome of sending is stored
RECEIPT_RETRIES = RetryPolicy.exponential(timedelta(minutes=2), max_attempts=3)
_QUARANTINE_MESSAGE = (
    "a WhatsApp webhook needs a decision: `ticketing deliveries inbound list`"
    " names it and what to do"
)


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


class _Effect(StrEnum):
    """Result of one item."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    UNKNOWN = "for a message that is not known"
    UNREADABLE = "unreadable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class _ItemResult:
    effect: _Effect
    reason: str = ""


_Application = Callable[[Connection], _ItemResult]


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
    try:
        items = parse_status_webhook(WhatsAppProvider(notice.external_reference), notice.body)
    except UnreadableReport as error:
        items = [UnreadableItem(str(error))]
    applications = [
        partial(_apply_item, item=item, channels=channels, at=at, jitter=jitter) for item in items
    ]
    try:
        return _apply_items(database, notice, applications, at=at)
    except Unavailable:
        raise
    except Exception:  # noqa: BLE001 - nothing was applied; the second pass finds the item
        # a savepoint for each item would take a quarter of the time of all webhooks
        alone = [partial(_apply_alone, apply=each) for each in applications]
        return _apply_items(database, notice, alone, at=at)


def _apply_items(
    database: Database,
    notice: InboundWebhook,
    applications: Sequence[_Application],
    *,
    at: datetime,
) -> InboxOutcome | None:
    with database.transaction() as connection:
        results = [apply(connection) for apply in applications]
        return _end_webhook(connection, notice, results, at=at)


def _apply_alone(connection: Connection, apply: _Application) -> _ItemResult:
    """Apply one item; an error is undone and kept for staff, and does not stop the others."""
    try:
        with connection.begin_nested():
            return apply(connection)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - one item's failure must not stop the others
        # its text may quote a phone number
        return _ItemResult(_Effect.FAILED, type(error).__name__)


def _apply_item(
    connection: Connection,
    *,
    item: WebhookItem,
    channels: Collection[Channel],
    at: datetime,
    jitter: float,
) -> _ItemResult:
    match item:
        case UnreadableItem(reason):
            return _ItemResult(_Effect.UNREADABLE, reason)
        case InboundMessage():
            changed = apply_inbound_message(connection, item, at=at)
            if changed is None:
                return _ItemResult(_Effect.UNREADABLE, NO_NUMBER)
        case ChannelStatus():
            changed = apply_channel_status(connection, Channel.WHATSAPP, item, at=at)
        case DeliveryReceipt():
            changed = apply_receipt(connection, item, channels, at=at, jitter=jitter)
            if changed is None:
                return _ItemResult(_Effect.UNKNOWN)
    return _ItemResult(_Effect.APPLIED if changed else _Effect.UNCHANGED)


def _end_webhook(
    connection: Connection, notice: InboundWebhook, results: list[_ItemResult], *, at: datetime
) -> InboxOutcome | None:
    """Store what became of a webhook: postponed, handled or quarantined."""
    counts = Counter(result.effect for result in results)
    failed = [result.reason for result in results if result.effect is _Effect.FAILED]
    if (failed or counts[_Effect.UNKNOWN]) and not RECEIPT_RETRIES.is_exhausted(
        notice.attempt_count
    ):
        reason = failed[0] if failed else "for a message that is not yet known"
        inbox.postpone(connection, notice, RECEIPT_RETRIES, reason=reason, at=at)
        return None
    unknown, reason = counts[_Effect.UNKNOWN], ""
    outcome = InboxOutcome.APPLIED if counts[_Effect.APPLIED] else InboxOutcome.UNCHANGED
    bad = [each.reason for each in results if each.effect in {_Effect.FAILED, _Effect.UNREADABLE}]
    if bad:
        outcome = InboxOutcome.QUARANTINED
        rest = len(results) - len(bad)
        reason = "; ".join(bad) + (f" ({rest} other items were applied)" if rest else "")
        _record_incident(connection, at=at)
    elif unknown:
        reason = f"{unknown} for unknown messages"
    inbox.mark_handled(connection, notice, outcome, reason=reason, at=at)
    return outcome


def _record_incident(connection: Connection, *, at: datetime) -> None:
    occurrence = Occurrence(QUARANTINE_CAUSE, IncidentKind.WEBHOOK, _QUARANTINE_MESSAGE, at)
    incidents.record_occurrence(connection, occurrence)
