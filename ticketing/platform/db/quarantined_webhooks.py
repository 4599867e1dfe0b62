"""Quarantined inbound webhooks, which need attention: list, find, reopen, dismiss."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, select, update

from ticketing.platform.db import notify
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.inbox import PAYMENT_PROVIDERS, InboxOutcome
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks


@dataclass(frozen=True, slots=True)
class QuarantinedWebhook:
    """A quarantined webhook, which needs attention."""

    id: int
    provider: str
    external_reference: str
    reason: str
    received_at: datetime
    body: bytes = field(repr=False)


def reopen(connection: Connection, webhook_id: int) -> None:
    """Let the workers process a quarantined webhook again, with its full number of attempts."""
    connection.execute(
        update(inbound_webhooks)
        .where(_is_quarantined(webhook_id))
        .values(processed_at=None, outcome="", attempt_count=0)
    )
    notify.notify_workers(connection)


def dismiss(connection: Connection, webhook_id: int) -> None:
    """Take a quarantined webhook off the list; its content and reason stay."""
    connection.execute(
        update(inbound_webhooks)
        .where(_is_quarantined(webhook_id))
        .values(outcome=InboxOutcome.DISMISSED)
    )


def _is_quarantined(webhook_id: int) -> ColumnElement[bool]:
    return and_(
        inbound_webhooks.c.id == webhook_id,
        inbound_webhooks.c.outcome == InboxOutcome.QUARANTINED,
    )


def find_quarantined(
    connection: Connection, webhook_id: int, *, providers: Collection[str]
) -> QuarantinedWebhook | None:
    """Return a quarantined webhook of these providers, locked; None if there is none."""
    query = _select_quarantined(providers).where(inbound_webhooks.c.id == webhook_id)
    row = connection.execute(query.with_for_update()).one_or_none()
    return None if row is None else QuarantinedWebhook(*row)


def list_quarantined(
    connection: Connection, limit: int = 100, *, providers: Collection[str] = PAYMENT_PROVIDERS
) -> list[QuarantinedWebhook]:
    """Return the quarantined webhooks of these providers, newest first."""
    query = _select_quarantined(providers).order_by(inbound_webhooks.c.id.desc()).limit(limit)
    return [QuarantinedWebhook(*row) for row in connection.execute(query)]


def _select_quarantined(providers: Collection[str]) -> Select[Any]:
    return select(*columns_of(QuarantinedWebhook, inbound_webhooks)).where(
        inbound_webhooks.c.outcome == InboxOutcome.QUARANTINED,
        inbound_webhooks.c.provider.in_(providers),
    )
