"""Send due webhook calls; each is retried until it is delivered or about three days have passed.

A call is claimed, sent, then recorded. After a kill in between, it is sent again when its lease
ends, with the same message id, so that receivers can ignore the duplicate.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

from sqlalchemy import Connection

from ticketing.crypto.keyring import KeyRing
from ticketing.platform.db import audit_log, incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import IncidentKind, Occurrence
from ticketing.platform.kernel.wall_clock import format_clock
from ticketing.platform.kernel.work_pool import WorkPool
from ticketing.webhooks import call_queries, endpoint_queries
from ticketing.webhooks.call_queries import ClaimedCall
from ticketing.webhooks.model import (
    CALL_RETRIES,
    ENDPOINT_BACKOFF,
    CallOutcome,
    WebhookEndpoint,
    WebhookResponse,
    build_headers,
    build_message,
    classify_response,
)

MAX_CONCURRENT_CALLS = 8  # a call is mostly waiting


class WebhookTransport(Protocol):
    """Sends messages; errors are returned in the response."""

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> WebhookResponse:
        """Send one request."""
        ...


@dataclass(frozen=True, slots=True)
class WebhookRunResult:
    """Counts of a round of calls; the failed ones are retried, or have failed for good."""

    delivered: int
    failed: int

    @property
    def call_count(self) -> int:
        """Return the number of calls."""
        return self.delivered + self.failed


class WebhookCallPool:
    """Threads that make one call each, so that a hanging endpoint holds up no other's calls.

    Context manager; leaving it waits for the calls in progress.
    """

    def __init__(
        self,
        database: Database,
        client: WebhookTransport,
        keys: KeyRing,
        *,
        clock: Callable[[], datetime],
        by: str,
        jitter: Callable[[], float] = random.random,
        limit: int | None = None,
        on_done: Callable[[], None] = lambda: None,
    ) -> None:
        """Claim calls on demand; `limit` ends the work after so many."""
        self._database, self._client, self._keys = database, client, keys
        self._clock, self._by, self._jitter = clock, by, jitter
        self._pool = WorkPool(
            MAX_CONCURRENT_CALLS,
            self._claim,
            self._send,
            limit=limit,
            on_done=on_done,
            name="hooks",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the calls in progress."""
        self._pool.close()

    def advance(self) -> WebhookRunResult:
        """Start the due calls; return the results since the last call."""
        self._pool.fill()
        return self._collect()

    def run_until_idle(self) -> WebhookRunResult:
        """Call until none is due; return the results."""
        self._pool.run_until_idle()
        return self._collect()

    def _claim(self, count: int) -> list[ClaimedCall]:
        return self._database.run(call_queries.claim_due, at=self._clock(), limit=count)

    def _send(self, call: ClaimedCall) -> CallOutcome:
        at = self._clock()
        response = _post_call(self._client, self._keys, call, at=at)
        return self._database.run(
            _record_response, call, response, at=at, by=self._by, jitter=self._jitter()
        )

    def _collect(self) -> WebhookRunResult:
        outcomes = Counter(call.result() for call in self._pool.take_done())
        delivered = outcomes[CallOutcome.DELIVERED]
        return WebhookRunResult(delivered, outcomes.total() - delivered)


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
    """Send the due calls; safe to repeat, to run concurrently and to kill."""
    with WebhookCallPool(
        database, client, keys, clock=lambda: at, by=by, jitter=jitter, limit=limit
    ) as pool:
        return pool.run_until_idle()


def send_all_due_calls(
    database: Database,
    client: WebhookTransport,
    keys: KeyRing,
    *,
    clock: Callable[[], datetime],
    by: str,
) -> WebhookRunResult:
    """Send calls until none is due."""
    delivered = failed = 0
    while True:
        done = send_due_calls(database, client, keys, at=clock(), by=by)
        if not done.call_count:
            return WebhookRunResult(delivered, failed)
        delivered += done.delivered
        failed += done.failed


def _post_call(
    client: WebhookTransport, keys: KeyRing, call: ClaimedCall, *, at: datetime
) -> WebhookResponse:
    message = build_message(call.endpoint.uid, call.entry)
    secret = keys.webhook_secret(call.endpoint.uid)
    try:
        return client.post(call.endpoint.url, message.body, build_headers(message, secret, at=at))
    except Exception as error:  # noqa: BLE001 - a failure is recorded and stops no other call
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
    outcome = classify_response(response)
    if outcome is CallOutcome.DELIVERED:
        call_queries.mark_delivered(connection, call, response, at=at)
        return outcome
    is_gone = outcome is CallOutcome.GONE
    again = CALL_RETRIES.next_attempt_at(
        call.attempt_count, at=at, jitter=jitter, retry_after=response.retry_after
    )
    since = call_queries.mark_failed(
        connection,
        call,
        response,
        next_attempt_at=None if is_gone else again,
        backoff_until=at + ENDPOINT_BACKOFF if response.status is None else None,
        at=at,
    )
    if is_gone:
        _disable_endpoint(connection, call.endpoint, "it responded 410 Gone", at=at, by=by)
    elif since is not None and CALL_RETRIES.has_timed_out(since, at=at):
        reason = f"failing since {format_clock(since)}: {response.error}"
        _disable_endpoint(connection, call.endpoint, reason, at=at, by=by)
    return outcome


def incident_cause(name: str) -> str:
    """Return the incident cause of an endpoint."""
    return f"hook:{name}"


def _disable_endpoint(
    connection: Connection, endpoint: WebhookEndpoint, reason: str, *, at: datetime, by: str
) -> None:
    """Disable an endpoint and open an incident, once."""
    if not endpoint_queries.disable(connection, endpoint.id, reason=reason, at=at):
        return
    audit_log.record(
        connection,
        actor=by,
        action="webhooks.disable",
        subject=endpoint.name,
        details={"reason": reason},
    )
    hint = f"`ticketing webhooks enable {endpoint.name}` once it works again"
    incidents.record_occurrence(
        connection,
        Occurrence(
            incident_cause(endpoint.name),
            IncidentKind.WEBHOOK,
            f"webhook {endpoint.name} was disabled: {reason}; {hint}",
            at,
            endpoint.event_slug,
        ),
    )
