"""Inbound webhooks that were tried in vain or are quarantined: list, retry, dismiss."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, update

from ticketing.platform.db import notify
from ticketing.platform.db.inbox import InboxOutcome
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks

_IS_QUARANTINED = inbound_webhooks.c.outcome == InboxOutcome.QUARANTINED
_IS_POSTPONED = and_(
    inbound_webhooks.c.processed_at.is_(None),
    inbound_webhooks.c.attempt_count > 0,
    inbound_webhooks.c.claimed_by.is_(None),  # nobody works on it
)


@dataclass(frozen=True, slots=True)
class StuckWebhook:
    """A webhook that was not applied; a quarantined one has no next attempt."""

    id: int
    external_reference: str
    received_at: datetime
    attempt_count: int
    next_attempt_at: datetime | None
    is_quarantined: bool
    reason: str


def list_stuck(
    connection: Connection, providers: Collection[str], *, limit: int
) -> list[StuckWebhook]:
    """Return the webhooks of these providers that wait for another attempt or a person."""
    table = inbound_webhooks.c
    query = (
        select(
            table.id, table.external_reference, table.received_at, table.attempt_count,
            table.claimed_until, _IS_QUARANTINED, table.reason,
        )
        .where(_is_stuck(providers))
        .order_by(table.id)
        .limit(limit)
    )  # fmt: skip
    return [StuckWebhook(*row) for row in connection.execute(query)]


def count_stuck(connection: Connection, providers: Collection[str]) -> int:
    """Return how many webhooks `list_stuck` has without a limit."""
    query = select(func.count()).where(_is_stuck(providers))
    return connection.execute(query).scalar_one()


def retry_stuck(
    connection: Connection, providers: Collection[str], *, webhook_id: int | None = None
) -> int:
    """Let the workers process one of them, or all, at once; return the number.

    A quarantined one gets its full number of attempts again.
    """
    chosen = _is_stuck(providers)
    if webhook_id is not None:
        chosen = and_(chosen, inbound_webhooks.c.id == webhook_id)
    retried = (
        update(inbound_webhooks)
        .where(chosen)
        .values(processed_at=None, outcome="", attempt_count=0, claimed_until=None)
    )
    number = connection.execute(retried).rowcount
    notify.notify_workers(connection)
    return number


def _is_stuck(providers: Collection[str]) -> ColumnElement[bool]:
    return and_(inbound_webhooks.c.provider.in_(providers), or_(_IS_QUARANTINED, _IS_POSTPONED))
