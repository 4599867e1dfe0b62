"""Inbound webhooks: stored unchanged and deduplicated, then claimed and processed."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db import notify
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.work_queue import WorkQueue
from ticketing.platform.kernel.retry_policy import RetryPolicy

PAYMENT_PROVIDERS = ("midtrans",)  # providers of payment notifications
LEASE = timedelta(minutes=5)  # longer than processing one webhook takes
MAX_CLAIMED = 200  # at once; a payment has few notifications
_IS_UNHANDLED = inbound_webhooks.c.processed_at.is_(None)
_QUEUE = WorkQueue(
    table=inbound_webhooks,
    is_open=_IS_UNHANDLED,
    lease=LEASE,
    claimed_until=inbound_webhooks.c.claimed_until,
    claimed_by=inbound_webhooks.c.claimed_by,
    attempt_count=inbound_webhooks.c.attempt_count,
)
# built once: a gateway waits, and building the statement takes longer than running it
_INSERT = insert(inbound_webhooks).on_conflict_do_nothing().returning(inbound_webhooks.c.id)


class InboxOutcome(StrEnum):
    """Outcome of processing a webhook."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    QUARANTINED = "quarantined"  # not assignable; needs attention
    DISMISSED = "dismissed"  # quarantined until staff took it off the list


@dataclass(frozen=True, slots=True)
class InboundWebhook:
    """A claimed webhook; `attempt_count` includes this attempt.

    `external_reference` names the payment attempt.
    """

    id: int
    external_reference: str
    attempt_count: int
    body: bytes = field(repr=False)


def store_webhook(
    connection: Connection,
    *,
    provider: str,
    unique_key: str,
    external_reference: str,
    body: bytes,
    at: datetime,
) -> bool:
    """Store a webhook and wake the workers. Return False for a duplicate."""
    message = {
        "provider": provider,
        "unique_key": unique_key,
        "external_reference": external_reference,
        "body": body,
        "received_at": at,
    }
    is_new = connection.execute(_INSERT, message).first() is not None
    if is_new:
        notify.notify_workers(connection)
    return is_new


def claim_due(
    connection: Connection,
    limit: int,
    *,
    at: datetime,
    providers: Collection[str] = PAYMENT_PROVIDERS,
) -> list[InboundWebhook]:
    """Claim the oldest waiting webhooks; concurrent callers get others.

    Commit before processing, which calls other systems.
    """
    waiting = (
        select(inbound_webhooks.c.id)
        .where(_is_due(providers, at))
        .order_by(inbound_webhooks.c.id)
        .limit(limit)
    )
    return _claim(connection, waiting, at=at)


def claim_due_by_reference(
    connection: Connection, limit: int, *, at: datetime
) -> list[list[InboundWebhook]]:
    """Claim the oldest waiting payment notifications, with all that wait for the same payments.

    Returns them by reference, of which there are at most `limit`. Commit as for `claim_due`.
    """
    is_due = _is_due(PAYMENT_PROVIDERS, at)
    reference = inbound_webhooks.c.external_reference
    oldest = (
        select(reference)
        .where(is_due)
        .order_by(inbound_webhooks.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)  # else others' rows could be all that it finds
        .cte("oldest")
    )
    waiting = (
        select(inbound_webhooks.c.id)
        .where(is_due, reference.in_(select(oldest.c.external_reference)))
        .order_by(inbound_webhooks.c.id)
        .limit(MAX_CLAIMED)
    )
    claimed = defaultdict[str, list[InboundWebhook]](list)
    for webhook in _claim(connection, waiting, at=at):
        claimed[webhook.external_reference].append(webhook)
    return list(claimed.values())


def _claim(connection: Connection, waiting: Select[int], *, at: datetime) -> list[InboundWebhook]:
    claimed = _QUEUE.claim(
        connection,
        waiting,
        inbound_webhooks.c.external_reference,
        inbound_webhooks.c.attempt_count,
        inbound_webhooks.c.body,
        at=at,
    )
    return [
        InboundWebhook(row.id, row.external_reference, row.attempt_count, row.body)
        for row in claimed
    ]


def mark_handled(
    connection: Connection,
    webhook: InboundWebhook,
    outcome: InboxOutcome,
    *,
    reason: str = "",
    at: datetime,
) -> None:
    """Mark a webhook as handled, in the transaction that did the work."""
    values = {"processed_at": at, "outcome": outcome, "reason": reason}
    _QUEUE.end_claim(connection, webhook.id, values)


def postpone(
    connection: Connection,
    webhook: InboundWebhook,
    retries: RetryPolicy,
    *,
    reason: str,
    at: datetime,
    retry_after: timedelta | None = None,
) -> None:
    """Schedule the next attempt; a time that the vendor named takes precedence."""
    asked = retry_after and min(retry_after, retries.max_retry_after)
    again = at + asked if asked else retries.next_attempt_at(webhook.attempt_count, at=at)
    _QUEUE.end_claim(connection, webhook.id, {"reason": reason}, until=again)


def process_again(connection: Connection, references: Collection[str]) -> None:
    """Let the workers process the quarantined payment notifications with these references."""
    connection.execute(
        update(inbound_webhooks)
        .where(
            inbound_webhooks.c.external_reference.in_(references),
            inbound_webhooks.c.provider.in_(PAYMENT_PROVIDERS),
            inbound_webhooks.c.outcome == InboxOutcome.QUARANTINED,
        )
        .values(processed_at=None, outcome="", attempt_count=0)
    )
    notify.notify_workers(connection)


@dataclass(frozen=True, slots=True)
class StoredWebhook:
    """A webhook and what became of it; `outcome` None while it waits."""

    external_reference: str
    outcome: InboxOutcome | None
    reason: str
    body: bytes = field(repr=False)


def list_by_reference(
    connection: Connection,
    references: Collection[str],
    *,
    providers: Collection[str] = PAYMENT_PROVIDERS,
) -> list[StoredWebhook]:
    """Return the webhooks with these references, oldest first."""
    query = (
        select(*columns_of(StoredWebhook, inbound_webhooks))
        .where(
            inbound_webhooks.c.external_reference.in_(references),
            inbound_webhooks.c.provider.in_(providers),
        )
        .order_by(inbound_webhooks.c.id)
    )
    return [
        StoredWebhook(
            row.external_reference,
            InboxOutcome(row.outcome) if row.outcome else None,
            row.reason,
            row.body,
        )
        for row in connection.execute(query)
    ]


def select_unsettled_references() -> Select[str]:
    """Return a query for the references of payment notifications that wait or are quarantined."""
    is_quarantined = inbound_webhooks.c.outcome == InboxOutcome.QUARANTINED
    return select(inbound_webhooks.c.external_reference).where(
        or_(_IS_UNHANDLED, is_quarantined), inbound_webhooks.c.provider.in_(PAYMENT_PROVIDERS)
    )


@dataclass(frozen=True, slots=True)
class UnhandledWebhook:
    """A waiting webhook. `reason` is the error of the last attempt, if there was one."""

    id: int
    external_reference: str
    received_at: datetime
    attempt_count: int
    reason: str


def has_overdue(
    connection: Connection,
    since: datetime,
    *,
    at: datetime,
    providers: Collection[str] = PAYMENT_PROVIDERS,
) -> bool:
    """Return whether a claimable webhook was received, or its last attempt ended, before then."""
    is_old = _QUEUE.free_since(inbound_webhooks.c.received_at) <= since
    query = select(inbound_webhooks.c.id).where(_is_due(providers, at), is_old).limit(1)
    return connection.execute(query).first() is not None


def list_unhandled(
    connection: Connection, received_before: datetime, *, limit: int
) -> list[UnhandledWebhook]:
    """Return the webhooks received before then and not handled, oldest first."""
    query = (
        select(*columns_of(UnhandledWebhook, inbound_webhooks))
        .where(_IS_UNHANDLED, inbound_webhooks.c.received_at <= received_before)
        .order_by(inbound_webhooks.c.id)
        .limit(limit)
    )
    return [UnhandledWebhook(*row) for row in connection.execute(query)]


def _is_due(providers: Collection[str], at: datetime) -> ColumnElement[bool]:
    return and_(_QUEUE.is_claimable(at), inbound_webhooks.c.provider.in_(providers))
