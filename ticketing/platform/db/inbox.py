"""Inbound webhooks: stored unchanged and deduplicated, then claimed and processed."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, and_, func, select
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db import notify
from ticketing.platform.db.tables.sales import inbox
from ticketing.platform.db.work_queue import WorkQueue
from ticketing.platform.kernel.retry_policy import RetryPolicy

PAYMENT_SOURCES = ("midtrans",)  # providers of payment notifications
LEASE = timedelta(minutes=5)  # longer than processing one webhook takes
_IS_UNHANDLED = inbox.c.handled_at.is_(None)
_QUEUE = WorkQueue(
    table=inbox,
    is_open=_IS_UNHANDLED,
    lease=LEASE,
    claimed_until=inbox.c.claimed_until,
    claimed_by=inbox.c.claimed_by,
    attempt_count=inbox.c.tries,
)
# built once: a gateway waits, and building the statement takes longer than running it
_INSERT = insert(inbox).on_conflict_do_nothing().returning(inbox.c.id)


class InboxOutcome(StrEnum):
    """Outcome of processing a webhook."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    QUARANTINED = "quarantined"  # not assignable; needs attention


@dataclass(frozen=True, slots=True)
class InboundWebhook:
    """A claimed webhook. `subject` names the payment attempt; `tries` includes this attempt."""

    id: int
    subject: str
    tries: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class QuarantinedWebhook:
    """A quarantined webhook, which needs attention."""

    id: int
    source: str
    subject: str
    reason: str
    received_at: datetime


def store_webhook(
    connection: Connection,
    *,
    source: str,
    unique_key: str,
    subject: str,
    body: bytes,
    at: datetime,
) -> bool:
    """Store a webhook and wake the workers. Return False for a duplicate."""
    message = {
        "source": source,
        "unique_key": unique_key,
        "subject": subject,
        "body": body,
        "received_at": at,
    }
    is_new = connection.execute(_INSERT, message).first() is not None
    if is_new:
        notify.notify_workers(connection)
    return is_new


def claim_due(
    connection: Connection, limit: int, *, at: datetime, sources: Collection[str] = PAYMENT_SOURCES
) -> list[InboundWebhook]:
    """Claim the oldest waiting webhooks; concurrent callers get others.

    Commit before processing, which calls other systems.
    """
    waiting = select(inbox.c.id).where(_is_due(sources, at)).order_by(inbox.c.id).limit(limit)
    claimed = _QUEUE.claim(connection, waiting, inbox.c.subject, inbox.c.tries, inbox.c.body, at=at)
    return [InboundWebhook(row.id, row.subject, row.tries, row.body) for row in claimed]


def mark_handled(
    connection: Connection,
    webhook: InboundWebhook,
    outcome: InboxOutcome,
    *,
    reason: str = "",
    at: datetime,
) -> None:
    """Mark a webhook as handled, in the transaction that did the work."""
    values = {"handled_at": at, "outcome": outcome, "reason": reason}
    _QUEUE.end_claim(connection, webhook.id, values)


def postpone(
    connection: Connection,
    webhook: InboundWebhook,
    retries: RetryPolicy,
    *,
    reason: str,
    at: datetime,
) -> None:
    """Schedule the next attempt."""
    again = retries.next_attempt_at(webhook.tries, at=at)
    _QUEUE.end_claim(connection, webhook.id, {"reason": reason}, until=again)


def list_quarantined(connection: Connection, limit: int = 100) -> list[QuarantinedWebhook]:
    """Return the quarantined webhooks, newest first."""
    query = (
        select(inbox.c.id, inbox.c.source, inbox.c.subject, inbox.c.reason, inbox.c.received_at)
        .where(inbox.c.outcome == InboxOutcome.QUARANTINED)
        .order_by(inbox.c.id.desc())
        .limit(limit)
    )
    return [QuarantinedWebhook(*row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class UnhandledWebhook:
    """A waiting webhook. `reason` is the error of the last attempt, if there was one."""

    id: int
    subject: str
    received_at: datetime
    tries: int
    reason: str


def count_due(
    connection: Connection, *, at: datetime, limit: int, sources: Collection[str] = PAYMENT_SOURCES
) -> int:
    """Return the number of webhooks that can be claimed now, counted up to a limit."""
    due = select(inbox.c.id).where(_is_due(sources, at)).limit(limit).subquery()
    return connection.execute(select(func.count()).select_from(due)).scalar_one()


def has_overdue(
    connection: Connection,
    since: datetime,
    *,
    at: datetime,
    sources: Collection[str] = PAYMENT_SOURCES,
) -> bool:
    """Return whether a claimable webhook was received, or its last attempt ended, before then."""
    is_old = _QUEUE.free_since(inbox.c.received_at) <= since
    query = select(inbox.c.id).where(_is_due(sources, at), is_old).limit(1)
    return connection.execute(query).first() is not None


def list_unhandled(
    connection: Connection, received_before: datetime, *, limit: int
) -> list[UnhandledWebhook]:
    """Return the webhooks received before then and not handled, oldest first."""
    query = (
        select(inbox.c.id, inbox.c.subject, inbox.c.received_at, inbox.c.tries, inbox.c.reason)
        .where(_IS_UNHANDLED, inbox.c.received_at <= received_before)
        .order_by(inbox.c.id)
        .limit(limit)
    )
    return [UnhandledWebhook(*row) for row in connection.execute(query)]


def _is_due(sources: Collection[str], at: datetime) -> ColumnElement[bool]:
    return and_(_QUEUE.is_claimable(at), inbox.c.source.in_(sources))
