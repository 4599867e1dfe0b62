"""Manage webhook endpoints: create, test, enable, remove, resend calls."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.db import audit_log, incidents
from ticketing.platform.db.database import Database
from ticketing.webhooks import endpoint_queries
from ticketing.webhooks.call_queries import WebhookCall, enqueue_since, list_calls, requeue
from ticketing.webhooks.model import (
    CallState,
    UnusableHook,
    WebhookEndpoint,
    WebhookResponse,
    build_headers,
    build_test_message,
    encode_secret,
    parse_kinds,
    validate_url,
)
from ticketing.webhooks.send import WebhookTransport, incident_cause


@dataclass(frozen=True, slots=True)
class NewWebhookEndpoint:
    """A new endpoint. `secret` is shown only once; it is derived and never stored."""

    endpoint: WebhookEndpoint
    secret: str = field(repr=False)


def add_endpoint(
    database: Database,
    keys: KeyRing,
    *,
    name: str,
    url: str,
    kinds: Collection[str] = (),
    event: Event | None = None,
    allow_loopback: bool,
    at: datetime,
    by: str,
) -> NewWebhookEndpoint:
    """Create an endpoint for future ledger entries of these kinds; without kinds, for all."""
    if not name.strip() or not name.isprintable():
        raise UnusableHook(f"{name!r} is not a webhook name: use printable text for the receiver")
    parsed_kinds = parse_kinds(kinds)
    address = validate_url(url, allow_loopback=allow_loopback)
    with database.transaction() as connection:
        added = endpoint_queries.insert_endpoint(
            connection,
            name,
            {
                "url": address,
                "kinds": list(parsed_kinds),
                "event_id": event.id if event else None,
                "created_by": by,
                "created_at": at,
            },
        )
        if added is None:
            raise UnusableHook(f"a webhook {name!r} exists; choose another name")
        _record_audit(connection, added, "webhooks.create", by=by, kinds=list(parsed_kinds))
    return NewWebhookEndpoint(added, encode_secret(keys.webhook_secret(added.uid)))


def remove_endpoint(database: Database, name: str, *, at: datetime, by: str) -> int:
    """Remove an endpoint; return the number of its waiting calls, which have failed now."""
    with database.transaction() as connection:
        endpoint = _get_endpoint(connection, name)
        waiting = endpoint_queries.mark_removed(connection, endpoint, at=at)
        incidents.resolve(connection, incident_cause(name), at=at)
        _record_audit(connection, endpoint, "webhooks.remove", by=by, waiting=waiting)
    return waiting


def enable_endpoint(database: Database, name: str, *, at: datetime, by: str) -> WebhookEndpoint:
    """Enable a disabled endpoint. Waiting calls are sent; entries booked meanwhile are not."""
    with database.transaction() as connection:
        endpoint = _get_endpoint(connection, name)
        endpoint_queries.enable(connection, endpoint.id)
        incidents.resolve(connection, incident_cause(name), at=at)
        _record_audit(connection, endpoint, "webhooks.enable", by=by)
        return _get_endpoint(connection, name)


def send_test_message(
    database: Database, client: WebhookTransport, keys: KeyRing, name: str, *, at: datetime
) -> WebhookResponse:
    """Send a test message; it is not logged."""
    with database.transaction() as connection:
        endpoint = _get_endpoint(connection, name)
    message = build_test_message(endpoint.uid, at=at)
    secret = keys.webhook_secret(endpoint.uid)
    return client.post(endpoint.url, message.body, build_headers(message, secret, at=at))


def resend_calls(
    database: Database,
    name: str,
    *,
    call_id: int | None = None,
    since: datetime | None = None,
    at: datetime,
    by: str,
) -> int:
    """Queue one call, all since an instant, or all undelivered ones; return their number."""
    with database.transaction() as connection:
        endpoint = _get_endpoint(connection, name)
        if since is not None:
            queued = enqueue_since(connection, endpoint, since=since, at=at)
        else:
            queued = requeue(connection, endpoint, call_id=call_id, at=at)
        _record_audit(connection, endpoint, "webhooks.resend", by=by, calls=queued)
    return queued


def list_endpoints(database: Database) -> list[WebhookEndpoint]:
    """Return all endpoints."""
    with database.transaction() as connection:
        return endpoint_queries.list_endpoints(connection)


def list_endpoint_calls(
    database: Database, name: str, *, state: CallState | None = None, limit: int
) -> list[WebhookCall]:
    """Return the calls of an endpoint, newest first."""
    with database.transaction() as connection:
        return list_calls(connection, _get_endpoint(connection, name), state=state, limit=limit)


def _get_endpoint(connection: Connection, name: str) -> WebhookEndpoint:
    endpoint = endpoint_queries.find(connection, name)
    if endpoint is None:
        raise UnusableHook(f"no webhook {name!r}; see `ticketing webhooks list`")
    return endpoint


def _record_audit(
    connection: Connection, endpoint: WebhookEndpoint, action: str, *, by: str, **details: object
) -> None:
    audit_log.record(connection, actor=by, action=action, subject=endpoint.name, details=details)
