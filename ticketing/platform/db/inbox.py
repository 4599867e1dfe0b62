"""What gateways told us: kept first, to the byte and once, and handled afterwards.

How the inbox stands: what is due, and what waits too long. Nothing is changed here.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db import notify
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks

PAYMENT_PROVIDERS = ("midtrans",)  # whose notices are about payments
LEASE = timedelta(minutes=5)  # longer than any work on one notice
_MAX_RETRY_DELAY = timedelta(hours=1)
# made once: a gateway waits, and building it costs more than what PostgreSQL does
_INSERT = insert(inbound_webhooks).on_conflict_do_nothing().returning(inbound_webhooks.c.id)


class InboxOutcome(StrEnum):
    """How a notice ended."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    QUARANTINED = "quarantined"  # nobody could place it: a person looks


@dataclass(frozen=True, slots=True)
class InboundWebhook:
    """A claimed request; `attempt_count` includes this attempt."""

    id: int
    external_reference: str
    attempt_count: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class QuarantinedWebhook:
    """A notice that waits for a person."""

    id: int
    provider: str
    external_reference: str
    reason: str
    received_at: datetime


def store_webhook(
    connection: Connection,
    *,
    provider: str,
    unique_key: str,
    external_reference: str,
    body: bytes,
    at: datetime,
) -> bool:
    """Keep a message, and wake who listens. False when it is known: gateways repeat themselves."""
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
    """Take the oldest waiting notices for five minutes; those next to us get others.

    Commit before the work: it asks the outside world. Whoever dies is inherited after the lease.
    """
    free = or_(inbound_webhooks.c.claimed_until.is_(None), inbound_webhooks.c.claimed_until <= at)
    waiting = (
        select(inbound_webhooks.c.id)
        .where(
            inbound_webhooks.c.processed_at.is_(None),
            inbound_webhooks.c.provider.in_(providers),
            free,
        )
        .order_by(inbound_webhooks.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("waiting")
    )
    query = (
        update(inbound_webhooks)
        .where(inbound_webhooks.c.id == waiting.c.id)
        .values(claimed_until=at + LEASE, attempt_count=inbound_webhooks.c.attempt_count + 1)
        .returning(
            inbound_webhooks.c.id,
            inbound_webhooks.c.external_reference,
            inbound_webhooks.c.attempt_count,
            inbound_webhooks.c.body,
        )
    )
    return sorted(
        (InboundWebhook(*row) for row in connection.execute(query)), key=lambda one: one.id
    )


def mark_handled(
    connection: Connection,
    webhook: InboundWebhook,
    outcome: InboxOutcome,
    *,
    reason: str = "",
    at: datetime,
) -> None:
    """Stamp a notice as handled, in the transaction that did the work."""
    connection.execute(
        update(inbound_webhooks)
        .where(inbound_webhooks.c.id == webhook.id, inbound_webhooks.c.processed_at.is_(None))
        .values(processed_at=at, outcome=outcome, reason=reason)
    )


def postpone(connection: Connection, webhook: InboundWebhook, *, reason: str, at: datetime) -> None:
    """Leave it for later: after 2, 4, 8 minutes and so on, at most an hour."""
    wait = min(timedelta(minutes=2 ** min(webhook.attempt_count, 6)), _MAX_RETRY_DELAY)
    connection.execute(
        update(inbound_webhooks)
        .where(inbound_webhooks.c.id == webhook.id, inbound_webhooks.c.processed_at.is_(None))
        .values(claimed_until=at + wait, reason=reason)
    )


def list_quarantined(connection: Connection, limit: int = 100) -> list[QuarantinedWebhook]:
    """The notices nobody could place, the latest first."""
    query = (
        select(
            inbound_webhooks.c.id,
            inbound_webhooks.c.provider,
            inbound_webhooks.c.external_reference,
            inbound_webhooks.c.reason,
            inbound_webhooks.c.received_at,
        )
        .where(inbound_webhooks.c.outcome == InboxOutcome.QUARANTINED)
        .order_by(inbound_webhooks.c.id.desc())
        .limit(limit)
    )
    return [QuarantinedWebhook(*row) for row in connection.execute(query)]


_IS_UNHANDLED = inbound_webhooks.c.processed_at.is_(None)


@dataclass(frozen=True, slots=True)
class UnhandledWebhook:
    """A notice nobody has handled. `reason` is why the last try came to nothing, if there was."""

    id: int
    external_reference: str
    received_at: datetime
    attempt_count: int
    reason: str


def count_due(
    connection: Connection,
    *,
    at: datetime,
    limit: int,
    providers: Collection[str] = PAYMENT_PROVIDERS,
) -> int:
    """How many notices could be claimed now; counts no further than that."""
    whose = inbound_webhooks.c.provider.in_(providers)
    due = (
        select(inbound_webhooks.c.id)
        .where(_IS_UNHANDLED, whose, _is_claimable(at))
        .limit(limit)
        .subquery()
    )
    return connection.execute(select(func.count()).select_from(due)).scalar_one()


def has_overdue(
    connection: Connection,
    since: datetime,
    *,
    at: datetime,
    providers: Collection[str] = PAYMENT_PROVIDERS,
) -> bool:
    """Whether a notice that could be claimed was received, or its last try ended, before then."""
    ready_at = func.coalesce(inbound_webhooks.c.claimed_until, inbound_webhooks.c.received_at)
    due = (
        _IS_UNHANDLED,
        inbound_webhooks.c.provider.in_(providers),
        _is_claimable(at),
        ready_at <= since,
    )
    query = select(inbound_webhooks.c.id).where(*due).limit(1)
    return connection.execute(query).first() is not None


def list_unhandled(
    connection: Connection, received_before: datetime, *, limit: int
) -> list[UnhandledWebhook]:
    """Notices received before then and not handled, the oldest first."""
    query = (
        select(
            inbound_webhooks.c.id,
            inbound_webhooks.c.external_reference,
            inbound_webhooks.c.received_at,
            inbound_webhooks.c.attempt_count,
            inbound_webhooks.c.reason,
        )
        .where(_IS_UNHANDLED, inbound_webhooks.c.received_at <= received_before)
        .order_by(inbound_webhooks.c.id)
        .limit(limit)
    )
    return [UnhandledWebhook(*row) for row in connection.execute(query)]


def _is_claimable(at: datetime) -> ColumnElement[bool]:
    return or_(inbound_webhooks.c.claimed_until.is_(None), inbound_webhooks.c.claimed_until <= at)
