"""Webhook endpoints in the database. Their calls are in `call_queries`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.ledger import hook_calls, hook_endpoints
from ticketing.selling.ledger.model import LedgerEntryKind
from ticketing.webhooks.model import CallState, WebhookEndpoint

COLUMNS = (
    hook_endpoints.c.id,
    hook_endpoints.c.uid,
    hook_endpoints.c.name,
    hook_endpoints.c.url,
    hook_endpoints.c.kinds,
    events.c.slug,
    hook_endpoints.c.created_by,
    hook_endpoints.c.created_at,
    hook_endpoints.c.disabled_at,
    hook_endpoints.c.disabled_why,
    hook_endpoints.c.failing_since,
)
is_not_removed = hook_endpoints.c.removed_at.is_(None)


def insert_endpoint(
    connection: Connection,
    *,
    name: str,
    url: str,
    kinds: Sequence[LedgerEntryKind],
    event_id: int | None,
    by: str,
    at: datetime,
) -> WebhookEndpoint | None:
    """Store an endpoint. Return None when the name is in use."""
    values = {
        "name": name,
        "url": url,
        "kinds": list(kinds),
        "event_id": event_id,
        "created_by": by,
        "created_at": at,
    }
    query = insert(hook_endpoints).values(values)
    free = query.on_conflict_do_nothing(index_elements=["name"], index_where=is_not_removed)
    added = connection.execute(free.returning(hook_endpoints.c.id)).first()
    return None if added is None else find(connection, name)


def list_endpoints(connection: Connection) -> list[WebhookEndpoint]:
    """Return all endpoints that were not removed, by name."""
    rows = connection.execute(_select_endpoints(is_not_removed))
    return [endpoint_from_row(row) for row in rows]


def find(connection: Connection, name: str) -> WebhookEndpoint | None:
    """Return the endpoint of that name, or None."""
    row = connection.execute(
        _select_endpoints(is_not_removed, hook_endpoints.c.name == name)
    ).one_or_none()
    return None if row is None else endpoint_from_row(row)


def _select_endpoints(*conditions: ColumnElement[bool]) -> Any:  # noqa: ANN401 - a select of eleven columns
    return (
        select(*COLUMNS)
        .outerjoin(events, events.c.id == hook_endpoints.c.event_id)
        .where(*conditions)
        .order_by(hook_endpoints.c.name)
    )


def endpoint_from_row(row: Sequence[Any]) -> WebhookEndpoint:
    """Return the endpoint from a row of `COLUMNS`."""
    number, uid, name, url, kinds, *rest = row
    return WebhookEndpoint(number, uid, name, url, tuple(map(LedgerEntryKind, kinds)), *rest)


def mark_removed(connection: Connection, endpoint: WebhookEndpoint, *, at: datetime) -> int:
    """Remove an endpoint, and fail its waiting calls; return their number."""
    gone = update(hook_endpoints).where(hook_endpoints.c.id == endpoint.id)
    connection.execute(gone.values(removed_at=at))
    waiting = (
        update(hook_calls)
        .where(hook_calls.c.endpoint_id == endpoint.id, hook_calls.c.state == CallState.WAITING)
        .values(
            state=CallState.FAILED,
            next_try=None,
            claimed_until=None,
            claimed_by=None,
            ended_at=at,
            last_error="the endpoint was removed",
        )
    )
    return connection.execute(waiting).rowcount


def disable(connection: Connection, endpoint_id: int, *, reason: str, at: datetime) -> bool:
    """Disable an endpoint. Return False when it was disabled already."""
    query = (
        update(hook_endpoints)
        .where(hook_endpoints.c.id == endpoint_id, hook_endpoints.c.disabled_at.is_(None))
        .values(disabled_at=at, disabled_why=reason)
    )
    return connection.execute(query).rowcount == 1


def enable(connection: Connection, endpoint_id: int) -> None:
    """Enable an endpoint and reset its failures."""
    fresh = {"disabled_at": None, "disabled_why": "", "failing_since": None, "rests_until": None}
    connection.execute(
        update(hook_endpoints).where(hook_endpoints.c.id == endpoint_id).values(fresh)
    )
