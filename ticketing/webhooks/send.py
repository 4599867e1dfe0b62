"""Telling others what was booked: each call until it arrives, or three days have gone by.

A call is claimed, made, then stamped. Killed between the two, it is made again when its lease is
over, under the same name: whoever hears it twice knows it is one.
"""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection

from ticketing.crypto.keyring import KeyRing
from ticketing.platform.db import audit_log, incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import IncidentKind, Occurrence
from ticketing.webhooks import call_queries, endpoint_queries
from ticketing.webhooks.call_queries import ClaimedCall
from ticketing.webhooks.model import (
    ENDPOINT_BACKOFF,
    CallOutcome,
    WebhookEndpoint,
    WebhookResponse,
    build_headers,
    build_message,
    classify_response,
    next_attempt_at,
    should_disable,
)

MAX_CONCURRENT_CALLS = 8  # most of a call is waiting for somebody far away
CALL_RETENTION = timedelta(days=30)


class WebhookTransport(Protocol):
    """What carries a message; whatever goes wrong on the way is in the answer."""

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> WebhookResponse:
        """Ask once."""
        ...


@dataclass(frozen=True, slots=True)
class WebhookRunResult:
    """How the calls of one round ended; those that did not arrive are made again, or never."""

    delivered: int
    failed: int

    @property
    def call_count(self) -> int:
        """How many were made."""
        return self.delivered + self.failed


def send_due_calls(
    database: Database,
    client: WebhookTransport,
    keys: KeyRing,
    *,
    at: datetime,
    by: str,
    jitter: Callable[[], float] = random.random,
    limit: int = 2 * MAX_CONCURRENT_CALLS,
) -> WebhookRunResult:
    """Make the calls that are due; safe to repeat, to run twice at once, and to kill."""
    with database.transaction() as connection:
        claimed = call_queries.claim_due(connection, at=at, limit=limit)
    if not claimed:
        return WebhookRunResult(0, 0)

    def make(call: ClaimedCall) -> CallOutcome:
        answer = _post_call(client, keys, call, at=at)
        with database.transaction() as connection:
            return _record_response(connection, call, answer, at=at, by=by, jitter=jitter())

    with ThreadPoolExecutor(
        min(MAX_CONCURRENT_CALLS, len(claimed)), thread_name_prefix="hooks"
    ) as pool:
        ends = Counter(pool.map(make, claimed))
    delivered = ends[CallOutcome.DELIVERED]
    return WebhookRunResult(delivered, ends.total() - delivered)


def send_all_due_calls(
    database: Database,
    client: WebhookTransport,
    keys: KeyRing,
    *,
    clock: Callable[[], datetime],
    by: str,
) -> WebhookRunResult:
    """Round after round, until nothing is due."""
    delivered = failed = 0
    while True:
        told = send_due_calls(database, client, keys, at=clock(), by=by)
        if not told.call_count:
            return WebhookRunResult(delivered, failed)
        delivered += told.delivered
        failed += told.failed


def count_overdue_calls(database: Database, *, at: datetime, overdue_for: timedelta) -> int:
    """How many calls nobody has made although they were due so long ago."""
    with database.transaction() as connection:
        return call_queries.count_due(connection, since=at - overdue_for, at=at)


def delete_old_calls(database: Database, *, at: datetime) -> int:
    """Delete the log of calls that ended a month ago; how many."""
    with database.transaction() as connection:
        return call_queries.delete_ended(connection, ended_before=at - CALL_RETENTION)


def _post_call(
    client: WebhookTransport, keys: KeyRing, call: ClaimedCall, *, at: datetime
) -> WebhookResponse:
    sent = build_message(call.endpoint.uid, call.entry)
    secret = keys.webhook_secret(call.endpoint.uid)
    try:
        return client.post(call.endpoint.url, sent.body, build_headers(sent, secret, at=at))
    except Exception as error:  # noqa: BLE001 - one call's failure is in its row and stops no other
        return WebhookResponse(None, type(error).__name__)


def _record_response(
    connection: Connection,
    call: ClaimedCall,
    response: WebhookResponse,
    *,
    at: datetime,
    by: str,
    jitter: float,
) -> CallOutcome:
    said = classify_response(response)
    if said is CallOutcome.DELIVERED:
        call_queries.mark_delivered(connection, call, response, at=at)
        return said
    gone = said is CallOutcome.GONE
    again = next_attempt_at(
        call.attempt_count, at=at, jitter=jitter, retry_after=response.retry_after
    )
    since = call_queries.mark_failed(
        connection,
        call,
        response,
        next_attempt_at=None if gone else again,
        backoff_until=at + ENDPOINT_BACKOFF if response.status is None else None,
        at=at,
    )
    if gone:
        _disable_endpoint(connection, call.endpoint, "it answers 410: gone", at=at, by=by)
    elif should_disable(since, at=at):
        why = f"nothing has arrived there since {since:%Y-%m-%d %H:%M} UTC: {response.error}"
        _disable_endpoint(connection, call.endpoint, why, at=at, by=by)
    return said


def incident_cause(name: str) -> str:
    """What the digest counts under one line."""
    return f"hook:{name}"


def _disable_endpoint(
    connection: Connection, endpoint: WebhookEndpoint, reason: str, *, at: datetime, by: str
) -> None:
    """Once, whoever notices first."""
    if not endpoint_queries.disable(connection, endpoint.id, reason=reason, at=at):
        return
    audit_log.record(
        connection, actor=by, action="hooks.disable", subject=endpoint.name, details={"why": reason}
    )
    way_out = f"`ticketing hooks enable {endpoint.name}` when it is well again"
    incidents.record_occurrence(
        connection,
        Occurrence(
            incident_cause(endpoint.name),
            IncidentKind.HOOK,
            f"the webhook {endpoint.name} is off: {reason}; {way_out}",
            at,
            endpoint.event_slug,
        ),
    )
