"""Webhook calls in the database. A trigger creates them together with the ledger entry.

The retry schedule is in `model`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.ledger import hook_calls, hook_endpoints, order_ledger
from ticketing.platform.db.tables.sales import orders
from ticketing.platform.db.work_queue import WorkQueue
from ticketing.selling.ledger import queries as ledger_queries
from ticketing.selling.ledger.model import LedgerEntry, LedgerEntryKind
from ticketing.webhooks import endpoint_queries
from ticketing.webhooks.model import CallState, WebhookEndpoint, WebhookResponse

LEASE = timedelta(minutes=2)  # longer than the timeout of a call
CALL_QUEUE = WorkQueue(
    table=hook_calls,
    is_open=hook_calls.c.state == CallState.WAITING,
    lease=LEASE,
    claimed_until=hook_calls.c.claimed_until,
    claimed_by=hook_calls.c.claimed_by,
    attempt_count=hook_calls.c.tries,
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
    tries: int
    next_try: datetime | None
    last_try: datetime | None
    last_status: int | None
    last_error: str
    answer: str
    ended_at: datetime | None


def claim_due(connection: Connection, *, at: datetime, limit: int) -> list[ClaimedCall]:
    """Claim the calls that are due, the longest due first."""
    due = (
        select(hook_calls.c.id)
        .join(hook_endpoints, hook_endpoints.c.id == hook_calls.c.endpoint_id)
        .where(_is_due(at))
        .order_by(hook_calls.c.next_try, hook_calls.c.id)
        .limit(limit)
    )
    claimed = CALL_QUEUE.claim(connection, due, at=at, values={"last_try": at})
    return _load_claimed(connection, [row.id for row in claimed])


def _load_claimed(connection: Connection, ids: list[int]) -> list[ClaimedCall]:
    of_event = events.alias("of_event")
    endpoint = [
        of_event.c.slug if column is events.c.slug else column
        for column in endpoint_queries.COLUMNS
    ]
    query = ledger_queries.join_order_and_event(
        select(*ledger_queries.COLUMNS, hook_calls.c.id, hook_calls.c.tries, *endpoint)
        .select_from(hook_calls)
        .join(order_ledger, order_ledger.c.id == hook_calls.c.entry_id)
        .join(hook_endpoints, hook_endpoints.c.id == hook_calls.c.endpoint_id)
        .outerjoin(of_event, of_event.c.id == hook_endpoints.c.event_id)
    )
    rows = connection.execute(query.where(hook_calls.c.id.in_(ids)).order_by(hook_calls.c.id))
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
        hook_calls.c.next_try <= at,
        endpoint_queries.is_not_removed,
        hook_endpoints.c.disabled_at.is_(None),
        or_(hook_endpoints.c.rests_until.is_(None), hook_endpoints.c.rests_until <= at),
    )


def count_due(connection: Connection, *, since: datetime, at: datetime) -> int:
    """Return the number of calls that are due now and have been since that instant."""
    query = (
        select(func.count())
        .select_from(hook_calls)
        .join(hook_endpoints, hook_endpoints.c.id == hook_calls.c.endpoint_id)
        .where(_is_due(at), hook_calls.c.next_try <= since)
    )
    return connection.execute(query).scalar_one()


def mark_delivered(
    connection: Connection, call: ClaimedCall, response: WebhookResponse, *, at: datetime
) -> None:
    """Mark a call as delivered in any state, and reset the failures of its endpoint."""
    connection.execute(
        update(hook_calls)
        .where(hook_calls.c.id == call.id)
        .values(
            state=CallState.DELIVERED, next_try=None, ended_at=at, **CALL_QUEUE.unclaimed,
            **_response_columns(response),
        )
    )  # fmt: skip
    connection.execute(
        update(hook_endpoints)
        .where(
            hook_endpoints.c.id == call.endpoint.id,
            or_(hook_endpoints.c.failing_since.is_not(None),
                hook_endpoints.c.rests_until.is_not(None)),
        )
        .values(failing_since=None, rests_until=None)
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
        "next_try": next_attempt_at,
        "ended_at": None if next_attempt_at else at,
    }
    CALL_QUEUE.end_claim(connection, call.id, outcome | _response_columns(response))
    since: datetime | None = connection.execute(
        update(hook_endpoints)
        .where(hook_endpoints.c.id == call.endpoint.id, endpoint_queries.is_not_removed)
        .values(
            failing_since=func.coalesce(hook_endpoints.c.failing_since, at),
            rests_until=func.greatest(hook_endpoints.c.rests_until, backoff_until),
        )
        .returning(hook_endpoints.c.failing_since)
    ).scalar_one_or_none()
    return since


def _response_columns(response: WebhookResponse) -> dict[str, object]:
    return {
        "last_status": response.status,
        "last_error": response.error,
        "answer": response.body_excerpt,
    }


def list_calls(
    connection: Connection, endpoint: WebhookEndpoint, *, state: CallState | None, limit: int
) -> list[WebhookCall]:
    """Return the calls of an endpoint, newest first."""
    query = (
        select(
            hook_calls.c.id,
            orders.c.code,
            order_ledger.c.kind,
            order_ledger.c.at,
            hook_calls.c.state,
            hook_calls.c.tries,
            hook_calls.c.next_try,
            hook_calls.c.last_try,
            hook_calls.c.last_status,
            hook_calls.c.last_error,
            hook_calls.c.answer,
            hook_calls.c.ended_at,
        )
        .join(order_ledger, order_ledger.c.id == hook_calls.c.entry_id)
        .join(orders, orders.c.id == order_ledger.c.order_id)
        .where(hook_calls.c.endpoint_id == endpoint.id)
    )
    if state is not None:
        query = query.where(hook_calls.c.state == state)
    rows = connection.execute(query.order_by(hook_calls.c.id.desc()).limit(limit))
    return [
        WebhookCall(number, code, LedgerEntryKind(kind), moment, CallState(ended), *rest)
        for number, code, kind, moment, ended, *rest in rows
    ]


def requeue(
    connection: Connection, endpoint: WebhookEndpoint, *, call_id: int | None, at: datetime
) -> int:
    """Queue one call, or all undelivered ones, again; return their number."""
    not_arrived = hook_calls.c.state != CallState.DELIVERED
    which = not_arrived if call_id is None else hook_calls.c.id == call_id
    query = (
        update(hook_calls)
        .where(hook_calls.c.endpoint_id == endpoint.id, which)
        .values(state=CallState.WAITING, tries=0, next_try=at, ended_at=None)
    )
    return connection.execute(query).rowcount


def enqueue_since(
    connection: Connection, endpoint: WebhookEndpoint, *, since: datetime, at: datetime
) -> int:
    """Queue calls for all ledger entries since then, sent before or not; return their number."""
    entries = (
        select(literal(endpoint.id), order_ledger.c.id, literal(at))
        .select_from(order_ledger)
        .join(hook_endpoints, hook_endpoints.c.id == endpoint.id)
        .where(
            order_ledger.c.at >= since,
            order_ledger.c.kind == func.any(hook_endpoints.c.kinds),
            or_(
                hook_endpoints.c.event_id.is_(None),
                hook_endpoints.c.event_id == order_ledger.c.event_id,
            ),
        )
        .order_by(order_ledger.c.id)
    )
    query = insert(hook_calls).from_select(["endpoint_id", "entry_id", "next_try"], entries)
    upsert = query.on_conflict_do_update(
        index_elements=[hook_calls.c.endpoint_id, hook_calls.c.entry_id],
        set_={"state": CallState.WAITING, "tries": 0, "next_try": at, "ended_at": None},
    )
    return len(connection.execute(upsert.returning(hook_calls.c.id)).all())


def delete_ended(connection: Connection, *, ended_before: datetime) -> int:
    """Delete calls that ended before then; return their number. The ledger keeps the entries."""
    query = delete(hook_calls).where(hook_calls.c.ended_at < ended_before)
    return connection.execute(query).rowcount
