"""Webhook endpoints in the database. Their calls are in `call_queries`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.webhooks import webhook_calls, webhook_endpoints
from ticketing.selling.ledger.model import LedgerEntryKind
from ticketing.webhooks.model import CallState, WebhookEndpoint

COLUMNS = (
    webhook_endpoints.c.id,
    webhook_endpoints.c.uid,
    webhook_endpoints.c.name,
    webhook_endpoints.c.url,
    webhook_endpoints.c.kinds,
    events.c.slug,
    webhook_endpoints.c.created_by,
    webhook_endpoints.c.created_at,
    webhook_endpoints.c.disabled_at,
    webhook_endpoints.c.disabled_reason,
    webhook_endpoints.c.failing_since,
)
is_not_removed = webhook_endpoints.c.removed_at.is_(None)


def insert_endpoint(
    connection: Connection, name: str, values: Mapping[str, object]
) -> WebhookEndpoint | None:
    """Store an endpoint with these columns. Return None when the name is in use."""
    query = insert(webhook_endpoints).values({"name": name, **values})
    free = query.on_conflict_do_nothing(index_elements=["name"], index_where=is_not_removed)
    added = connection.execute(free.returning(webhook_endpoints.c.id)).first()
    return None if added is None else find(connection, name)


def list_endpoints(connection: Connection) -> list[WebhookEndpoint]:
    """Return all endpoints that were not removed, by name."""
    return _select_endpoints(connection)


def find(connection: Connection, name: str) -> WebhookEndpoint | None:
    """Return the endpoint of that name, or None."""
    return next(iter(_select_endpoints(connection, webhook_endpoints.c.name == name)), None)


def _select_endpoints(
    connection: Connection, *conditions: ColumnElement[bool]
) -> list[WebhookEndpoint]:
    query = (
        select(*COLUMNS)
        .outerjoin(events, events.c.id == webhook_endpoints.c.event_id)
        .where(is_not_removed, *conditions)
        .order_by(webhook_endpoints.c.name)
    )
    return [endpoint_from_row(row) for row in connection.execute(query)]


def endpoint_from_row(row: Sequence[Any]) -> WebhookEndpoint:
    """Return the endpoint from a row of `COLUMNS`."""
    number, uid, name, url, kinds, *rest = row
    return WebhookEndpoint(number, uid, name, url, tuple(map(LedgerEntryKind, kinds)), *rest)


def mark_removed(connection: Connection, endpoint: WebhookEndpoint, *, at: datetime) -> int:
    """Remove an endpoint, and fail its waiting calls; return their number."""
    gone = update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint.id)
    connection.execute(gone.values(removed_at=at))
    waiting = (
        update(webhook_calls)
        .where(
            webhook_calls.c.endpoint_id == endpoint.id, webhook_calls.c.state == CallState.WAITING
        )
        .values(
            state=CallState.FAILED,
            next_attempt_at=None,
            claimed_until=None,
            claimed_by=None,
            completed_at=at,
            last_error="the endpoint was removed",
        )
    )
    return connection.execute(waiting).rowcount


def disable(connection: Connection, endpoint_id: int, *, reason: str, at: datetime) -> bool:
    """Disable an endpoint. Return False when it was disabled already."""
    query = (
        update(webhook_endpoints)
        .where(webhook_endpoints.c.id == endpoint_id, webhook_endpoints.c.disabled_at.is_(None))
        .values(disabled_at=at, disabled_reason=reason)
    )
    return connection.execute(query).rowcount == 1


def enable(connection: Connection, endpoint_id: int) -> None:
    """Enable an endpoint and reset its failures."""
    fresh = {
        "disabled_at": None,
        "disabled_reason": "",
        "failing_since": None,
        "paused_until": None,
    }
    connection.execute(
        update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id).values(fresh)
    )
