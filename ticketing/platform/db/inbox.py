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
from ticketing.platform.db.tables.sales import inbox

PAYMENT_SOURCES = ("midtrans",)  # whose notices are about payments
LEASE = timedelta(minutes=5)  # longer than any work on one notice
_MAX_RETRY_DELAY = timedelta(hours=1)
# made once: a gateway waits, and building it costs more than what PostgreSQL does
_INSERT = insert(inbox).on_conflict_do_nothing().returning(inbox.c.id)


class InboxOutcome(StrEnum):
    """How a notice ended."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    QUARANTINED = "quarantined"  # nobody could place it: a person looks


@dataclass(frozen=True, slots=True)
class InboundWebhook:
    """One kept message. `subject` is the attempt it speaks of; `tries` counts this one too."""

    id: int
    subject: str
    tries: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class QuarantinedWebhook:
    """A notice that waits for a person."""

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
    """Keep a message, and wake who listens. False when it is known: gateways repeat themselves."""
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
    """Take the oldest waiting notices for five minutes; those next to us get others.

    Commit before the work: it asks the outside world. Whoever dies is inherited after the lease.
    """
    free = or_(inbox.c.claimed_until.is_(None), inbox.c.claimed_until <= at)
    waiting = (
        select(inbox.c.id)
        .where(inbox.c.handled_at.is_(None), inbox.c.source.in_(sources), free)
        .order_by(inbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("waiting")
    )
    query = (
        update(inbox)
        .where(inbox.c.id == waiting.c.id)
        .values(claimed_until=at + LEASE, tries=inbox.c.tries + 1)
        .returning(inbox.c.id, inbox.c.subject, inbox.c.tries, inbox.c.body)
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
        update(inbox)
        .where(inbox.c.id == webhook.id, inbox.c.handled_at.is_(None))
        .values(handled_at=at, outcome=outcome, reason=reason)
    )


def postpone(connection: Connection, webhook: InboundWebhook, *, reason: str, at: datetime) -> None:
    """Leave it for later: after 2, 4, 8 minutes and so on, at most an hour."""
    wait = min(timedelta(minutes=2 ** min(webhook.tries, 6)), _MAX_RETRY_DELAY)
    connection.execute(
        update(inbox)
        .where(inbox.c.id == webhook.id, inbox.c.handled_at.is_(None))
        .values(claimed_until=at + wait, reason=reason)
    )


def list_quarantined(connection: Connection, limit: int = 100) -> list[QuarantinedWebhook]:
    """The notices nobody could place, the latest first."""
    query = (
        select(inbox.c.id, inbox.c.source, inbox.c.subject, inbox.c.reason, inbox.c.received_at)
        .where(inbox.c.outcome == InboxOutcome.QUARANTINED)
        .order_by(inbox.c.id.desc())
        .limit(limit)
    )
    return [QuarantinedWebhook(*row) for row in connection.execute(query)]


_IS_UNHANDLED = inbox.c.handled_at.is_(None)


@dataclass(frozen=True, slots=True)
class UnhandledWebhook:
    """A notice nobody has handled. `reason` is why the last try came to nothing, if there was."""

    id: int
    subject: str
    received_at: datetime
    tries: int
    reason: str


def count_due(
    connection: Connection, *, at: datetime, limit: int, sources: Collection[str] = PAYMENT_SOURCES
) -> int:
    """How many notices could be claimed now; counts no further than that."""
    whose = inbox.c.source.in_(sources)
    due = select(inbox.c.id).where(_IS_UNHANDLED, whose, _is_claimable(at)).limit(limit).subquery()
    return connection.execute(select(func.count()).select_from(due)).scalar_one()


def has_overdue(
    connection: Connection,
    since: datetime,
    *,
    at: datetime,
    sources: Collection[str] = PAYMENT_SOURCES,
) -> bool:
    """Whether a notice that could be claimed was received, or its last try ended, before then."""
    ready_at = func.coalesce(inbox.c.claimed_until, inbox.c.received_at)
    due = (_IS_UNHANDLED, inbox.c.source.in_(sources), _is_claimable(at), ready_at <= since)
    query = select(inbox.c.id).where(*due).limit(1)
    return connection.execute(query).first() is not None


def list_unhandled(
    connection: Connection, received_before: datetime, *, limit: int
) -> list[UnhandledWebhook]:
    """Notices received before then and not handled, the oldest first."""
    query = (
        select(inbox.c.id, inbox.c.subject, inbox.c.received_at, inbox.c.tries, inbox.c.reason)
        .where(_IS_UNHANDLED, inbox.c.received_at <= received_before)
        .order_by(inbox.c.id)
        .limit(limit)
    )
    return [UnhandledWebhook(*row) for row in connection.execute(query)]


def _is_claimable(at: datetime) -> ColumnElement[bool]:
    return or_(inbox.c.claimed_until.is_(None), inbox.c.claimed_until <= at)
