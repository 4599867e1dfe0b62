"""Webhook calls in the database. A trigger creates them together with the ledger entry.

The retry schedule is in `model`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.payment_environment import is_of_this_environment
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.ledger import order_ledger
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.webhooks import webhook_calls, webhook_endpoints
from ticketing.platform.db.work_queue import WorkQueue
from ticketing.selling.ledger import queries as ledger_queries
from ticketing.selling.ledger.model import LedgerEntry, LedgerEntryKind
from ticketing.webhooks import endpoint_queries
from ticketing.webhooks.model import CallState, WebhookEndpoint, WebhookResponse

LEASE = timedelta(minutes=2)  # longer than the timeout of a call
CALL_RETENTION = timedelta(days=30)
CALL_QUEUE = WorkQueue(
    table=webhook_calls,
    is_open=webhook_calls.c.state == CallState.WAITING,
    lease=LEASE,
    claimed_until=webhook_calls.c.claimed_until,
    claimed_by=webhook_calls.c.claimed_by,
    attempt_count=webhook_calls.c.attempt_count,
)


@dataclass(frozen=True, slots=True)
class ClaimedCall:
    """A call claimed for one attempt; the attempt count includes it."""

    id: int
    attempt_count: int
    endpoint: WebhookEndpoint
    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """A call in the log."""

    id: int
    order_code: str
    kind: LedgerEntryKind
    at: datetime
    state: CallState
    attempt_count: int
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    last_status: int | None
    last_error: str
    response_excerpt: str
    completed_at: datetime | None


def claim_due(connection: Connection, *, at: datetime, limit: int) -> list[ClaimedCall]:
    """Claim the calls that are due, the longest due first."""
    due = (
        select(webhook_calls.c.id)
        .join(webhook_endpoints, webhook_endpoints.c.id == webhook_calls.c.endpoint_id)
        .where(_is_due(at))
        .order_by(webhook_calls.c.next_attempt_at, webhook_calls.c.id)
        .limit(limit)
    )
    claimed = CALL_QUEUE.claim(connection, due, at=at, values={"last_attempt_at": at})
    return _load_claimed(connection, [row.id for row in claimed])


def _load_claimed(connection: Connection, ids: list[int]) -> list[ClaimedCall]:
    of_event = events.alias("of_event")
    endpoint = [
        of_event.c.slug if column is events.c.slug else column
        for column in endpoint_queries.COLUMNS
    ]
    query = ledger_queries.join_order_and_event(
        select(
            *ledger_queries.COLUMNS, webhook_calls.c.id, webhook_calls.c.attempt_count, *endpoint
        )
        .select_from(webhook_calls)
        .join(order_ledger, order_ledger.c.id == webhook_calls.c.entry_id)
        .join(webhook_endpoints, webhook_endpoints.c.id == webhook_calls.c.endpoint_id)
        .outerjoin(of_event, of_event.c.id == webhook_endpoints.c.event_id)
    )
    rows = connection.execute(query.where(webhook_calls.c.id.in_(ids)).order_by(webhook_calls.c.id))
    width = len(ledger_queries.COLUMNS)
    return [
        ClaimedCall(
            row[width],
            row[width + 1],
            endpoint_queries.endpoint_from_row(row[width + 2 :]),
            ledger_queries.entry_from_row(row),
        )
        for row in rows
    ]


def _is_due(at: datetime) -> ColumnElement[bool]:
    return and_(
        CALL_QUEUE.is_claimable(at),
        webhook_calls.c.next_attempt_at <= at,
        endpoint_queries.is_not_removed,
        webhook_endpoints.c.disabled_at.is_(None),
        or_(webhook_endpoints.c.paused_until.is_(None), webhook_endpoints.c.paused_until <= at),
    )


def count_due(connection: Connection, *, since: datetime, at: datetime) -> int:
    """Return the number of calls that are due now and have been since that instant."""
    query = (
        select(func.count())
        .select_from(webhook_calls)
        .join(webhook_endpoints, webhook_endpoints.c.id == webhook_calls.c.endpoint_id)
        .where(_is_due(at), webhook_calls.c.next_attempt_at <= since)
    )
    return connection.execute(query).scalar_one()


def mark_delivered(
    connection: Connection, call: ClaimedCall, response: WebhookResponse, *, at: datetime
) -> None:
    """Mark a call as delivered in any state, and reset the failures of its endpoint."""
    connection.execute(
        update(webhook_calls)
        .where(webhook_calls.c.id == call.id)
        .values(
            state=CallState.DELIVERED,
            next_attempt_at=None,
            completed_at=at,
            **CALL_QUEUE.unclaimed,
            **_response_columns(response),
        )
    )
    connection.execute(
        update(webhook_endpoints)
        .where(
            webhook_endpoints.c.id == call.endpoint.id,
            or_(webhook_endpoints.c.failing_since.is_not(None),
                webhook_endpoints.c.paused_until.is_not(None)),
        )
        .values(failing_since=None, paused_until=None)
    )  # fmt: skip


def mark_failed(
    connection: Connection,
    call: ClaimedCall,
    response: WebhookResponse,
    *,
    next_attempt_at: datetime | None,
    backoff_until: datetime | None,
    at: datetime,
) -> datetime | None:
    """Record a failed attempt; return since when the endpoint fails, None if it was removed.

    A call that has ended meanwhile is left unchanged.
    """
    ended = CallState.WAITING if next_attempt_at else CallState.FAILED
    outcome = {
        "state": ended,
        "next_attempt_at": next_attempt_at,
        "completed_at": None if next_attempt_at else at,
    }
    CALL_QUEUE.end_claim(connection, call.id, outcome | _response_columns(response))
    since: datetime | None = connection.execute(
        update(webhook_endpoints)
        .where(webhook_endpoints.c.id == call.endpoint.id, endpoint_queries.is_not_removed)
        .values(
            failing_since=func.coalesce(webhook_endpoints.c.failing_since, at),
            paused_until=func.greatest(webhook_endpoints.c.paused_until, backoff_until),
        )
        .returning(webhook_endpoints.c.failing_since)
    ).scalar_one_or_none()
    return since


def _response_columns(response: WebhookResponse) -> dict[str, object]:
    return {
        "last_status": response.status,
        "last_error": response.error,
        "response_excerpt": response.body_excerpt,
    }


def list_calls(
    connection: Connection, endpoint: WebhookEndpoint, *, state: CallState | None, limit: int
) -> list[WebhookCall]:
    """Return the calls of an endpoint, newest first."""
    query = (
        select(
            webhook_calls.c.id,
            orders.c.code,
            order_ledger.c.kind,
            order_ledger.c.at,
            webhook_calls.c.state,
            webhook_calls.c.attempt_count,
            webhook_calls.c.next_attempt_at,
            webhook_calls.c.last_attempt_at,
            webhook_calls.c.last_status,
            webhook_calls.c.last_error,
            webhook_calls.c.response_excerpt,
            webhook_calls.c.completed_at,
        )
        .join(order_ledger, order_ledger.c.id == webhook_calls.c.entry_id)
        .join(orders, orders.c.id == order_ledger.c.order_id)
        .where(webhook_calls.c.endpoint_id == endpoint.id)
    )
    if state is not None:
        query = query.where(webhook_calls.c.state == state)
    rows = connection.execute(query.order_by(webhook_calls.c.id.desc()).limit(limit))
    return [
        WebhookCall(number, code, LedgerEntryKind(kind), moment, CallState(ended), *rest)
        for number, code, kind, moment, ended, *rest in rows
    ]


def requeue(
    connection: Connection, endpoint: WebhookEndpoint, *, call_id: int | None, at: datetime
) -> int:
    """Queue one call, or all undelivered ones, again; return their number."""
    not_arrived = webhook_calls.c.state != CallState.DELIVERED
    which = not_arrived if call_id is None else webhook_calls.c.id == call_id
    query = (
        update(webhook_calls)
        .where(webhook_calls.c.endpoint_id == endpoint.id, which)
        .values(_requeued_values(at))
    )
    return connection.execute(query).rowcount


def _requeued_values(at: datetime) -> dict[str, object]:
    return {
        "state": CallState.WAITING,
        "attempt_count": 0,
        "next_attempt_at": at,
        "completed_at": None,
    }


def enqueue_since(
    connection: Connection, endpoint: WebhookEndpoint, *, since: datetime, at: datetime
) -> int:
    """Queue calls for all ledger entries since then, sent before or not; return their number."""
    entries = (
        select(literal(endpoint.id), order_ledger.c.id, literal(at))
        .select_from(order_ledger)
        .join(webhook_endpoints, webhook_endpoints.c.id == endpoint.id)
        .join(orders, orders.c.id == order_ledger.c.order_id)
        .where(
            is_of_this_environment(),
            order_ledger.c.at >= since,
            order_ledger.c.kind == func.any(webhook_endpoints.c.kinds),
            or_(
                webhook_endpoints.c.event_id.is_(None),
                webhook_endpoints.c.event_id == order_ledger.c.event_id,
            ),
        )
        .order_by(order_ledger.c.id)
    )
    query = insert(webhook_calls).from_select(
        ["endpoint_id", "entry_id", "next_attempt_at"], entries
    )
    upsert = query.on_conflict_do_update(
        index_elements=[webhook_calls.c.endpoint_id, webhook_calls.c.entry_id],
        set_=_requeued_values(at),
    )
    return len(connection.execute(upsert.returning(webhook_calls.c.id)).all())


def delete_old(connection: Connection, *, at: datetime) -> int:
    """Delete calls that ended 30 days ago; return their number. The ledger keeps the entries."""
    query = delete(webhook_calls).where(webhook_calls.c.completed_at < at - CALL_RETENTION)
    return connection.execute(query).rowcount
